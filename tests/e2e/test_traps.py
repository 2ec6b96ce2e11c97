# SPDX-License-Identifier: BSD-2-Clause
"""What is good in form and mostly not meant: weir -t warns of it, with caret and mend, and is silent where it is meant."""

import re

import pytest

from harness import check_conf

# Each trap: a conf for a server (or with "http:" in front, for http), the text of the warning, what the caret stands under, the hint;
# then near misses, which have none.
TRAPS = {
    "files that anybody may change": (
        "location /up/ { «dav_methods» PUT; }",
        "anybody may change the files here",
        'say who may by "auth_basic", "allow" or "limit_except" ("allow all;" if it is meant)',
        ["location /up/ { dav_methods off; }", "location /up/ { dav_methods PUT; allow all; }", "deny all; location /up/ { dav_methods PUT; }",
         "dav_methods PUT; location /up/ { limit_except GET { deny all; } }", "auth_basic x; auth_basic_user_file u; dav_methods PUT;",
         "http: dav_methods PUT; server { listen 127.0.0.1:8080; } server { listen unix:sock; }",
         "http: allow all; server { listen 8080; dav_methods PUT; }"]),
    "files that anybody may change, by one of two addresses": (
        "http: «dav_methods» PUT; server { listen 127.0.0.1:8080; } server { listen [::1]:8081; listen 8082; }",
        "anybody may change the files here",
        'say who may by "auth_basic", "allow" or "limit_except" ("allow all;" if it is meant)', []),
    "location of hidden files": (
        "location «/.foo» { root {here}; }",
        'no file is found for "/.foo": names that begin with a dot are hidden',
        'write "serve_hidden on;" in this location, or "return 404;" if that is meant',
        ["location /.foo { serve_hidden on; }", "location /.foo { return 404; }", "location /.foo { deny all; }", "location /.foo/ { alias {here}/; }",
         "serve_hidden on; location /a/.foo/ { }", "location /.well-known/ { }", "location /a./b { }", "location = /.status { status; }",
         "location ~ /\\. { deny all; }", "location ~ /\\.(?!well-known) { }", "http: serve_hidden on; server { listen 8080; location /.foo { } }"]),
    "expression of hidden files": (
        "location ~ «^/a/\\.foo» { etag off; }",
        'no file is found for "^/a/\\.foo": names that begin with a dot are hidden',
        'write "serve_hidden on;" in this location, or "return 404;" if that is meant',
        ["location ~ ^/a.foo { }", "location ~ ^/(a|b)/.foo { }", "location ~ ^/\\.well-known/ { }"]),
    "lists of hidden files": (
        "location / { autoindex on;\n «autoindex_hidden» on; }",
        '"autoindex_hidden" has no effect while "serve_hidden" is off',
        'write "serve_hidden on;" beside it',
        ["serve_hidden on; autoindex_hidden on;", "autoindex_hidden off;", "serve_hidden on; location / { autoindex_hidden on; }"]),
    "gzip_static always without gunzip": (
        "gunzip_buffers 4 8k;\nlocation / { gzip_static «always»; }",
        "clients that do not take gzip get it all the same",
        '"gunzip on;" unpacks it for them ("gunzip off;" if it is meant)',
        ["gunzip on; location / { gzip_static always; }", "gzip_static always; gunzip off;", "location / { gzip_static on; }",
         "gzip_static always; location /a { gunzip on; }", "http: gunzip on; server { listen 8080; location / { gzip_static always; } }",
         "gunzip off; location / { location /a { gzip_static always; } }"]),
    "add_header drops those of the server": (
        "add_header X-A a; add_header X-B b;\nlocation / { «add_header» X-C c; }",
        '"add_header" drops those of the level around: X-A, X-B',
        'repeat them here, or write "add_header_inherit merge;" ("on;" if it is meant)',
        ["add_header X-A a; location / { expires 1d; }",
         "add_header X-A a; location / { add_header x-a b; }",
         "add_header X-A a; location / { add_header X-C c; add_header_inherit merge; }",
         "add_header X-A a; location / { add_header X-C c; add_header_inherit on; }",
         "add_header_inherit merge; add_header X-A a; location / { add_header X-C c; }",
         "location /a { add_header X-A a; } location /b { add_header X-C c; }"]),
    "add_header drops those of http": (
        "http: add_header X-A a always; server { listen 8080; location / { location /a { «add_header» X-C c; } } }",
        '"add_header" drops those of the level around: X-A',
        'repeat them here, or write "add_header_inherit merge;" ("on;" if it is meant)',
        ["http: add_header X-A a; server { listen 8080; add_header X-A b; add_header X-D d; }"]),
    "add_header in an if drops those of its location": (
        'location / { add_header X-A a;\n if ($arg_x) { «add_header» X-C c; } }',
        '"add_header" drops those of the level around: X-A',
        'repeat them here, or write "add_header_inherit merge;" ("on;" if it is meant)',
        ["location / { if ($arg_x) { add_header X-C c; expires 1d; } }",
         "location / { add_header X-A a; if ($arg_x) { return 204; } }"]),
    "add_trailer is the same": (
        "add_trailer X-A a;\nlocation / { «add_trailer» X-C c; }",
        '"add_trailer" drops those of the level around: X-A',
        'repeat them here, or write "add_trailer_inherit merge;" ("on;" if it is meant)',
        ["add_trailer X-A a; location / { add_header X-C c; }"]),
    "alias without the slash": (
        "location /i/ { alias «{here}»; }",
        '"/i/x" becomes "{here}x": the location ends with a slash, the alias does not',
        "alias {here}/;",
        ["location /i/ { alias {here}/; }", "location /i { alias {here}; }", "location = /i/ { alias {here}; }",
         "location ~ ^/i/(.*)$ { alias {here}/$1; }", "location /i/ { alias {here}$host; }"]),
    "alias with a slash too many": (
        "location ^~ «/i» { alias {here}/; }",
        '"/ix" becomes "{here}/x": the alias ends with a slash, the location does not',
        "location /i/",
        ["location ^~ /i/ { alias {here}/; }", "location = /i { alias {here}/; }"]),
    "if beside try_files": (
        "location / { try_files $uri =404;\n «if» ($arg_x) { set $x 1; } }",
        '"if" beside "try_files": where it holds, nginx does not try the files, and weir does',
        'let the "if" end with "return" or "rewrite … last", or use "map"',
        ["location / { try_files $uri =404; if ($arg_x) { return 403; } }",
         "location / { try_files $uri =404; if ($arg_x) { rewrite ^ /x last; } }",
         "location / { if ($arg_x) { set $x 1; } } location /a { try_files $uri =404; }",
         "if ($arg_x) { set $x 1; } location / { try_files $uri =404; }"]),
    "root of location / alone": (
        "location / { root {here}; }\nlocation «/img/» { expires 1d; }",
        'files for "/img/" come from "html", not from "{here}" as those for "/"',
        'write the "root" in the server, for all its locations, or in this one, too',
        ["root {here}; location / { } location /img/ { }",
         "location / { root {here}; } location /img/ { root {here}; }",
         "location / { root {here}; } location /img/ { return 404; }",
         "location / { root {here}; location /img/ { } }",
         "location /a/ { root {here}; } location /img/ { }",
         "location / { root {here}; } location @x { add_header A b; }",
         "http: root {here}; server { listen 8080; location / { root {here}; } location /img/ { } }"]),
    "expression beside the root of location /": (
        "root {here}/html;\nlocation / { root {here}; }\nlocation ~ «\\.css$» { expires 1d; }",
        'files for "\\.css$" come from "{here}/html", not from "{here}" as those for "/"',
        'write the "root" in the server, for all its locations, or in this one, too',
        ["root {here}/html; location / { root {here}; } location /static/ { }",
         "root {here}; location / { root {here}; } location ~ \\.css$ { }",
         "root {here}/html; location / { root {here}; location ~ \\.css$ { } }"]),
    "expression that was there": (
        "location ~ \\.gif$ { }\nlocation ~ «\\.gif$» { etag off; }",
        'location "\\.gif$" never matches: location "\\.gif$" of line {line-1} takes all its paths',
        "of several expressions that match the first counts: move it in front",
        ["location ~ \\.gif$ { } location ~* \\.gif$ { }", "location ~ \\.gif$ { } location ~ \\.gif { }",
         "location /a { location ~ \\.gif$ { } } location ~ \\.gif$ { }"]),
    "expression that was there in any case": (
        "location ~* \\.gif$ { }\nlocation ~ «\\.gif$» { etag off; }",
        'location "\\.gif$" never matches: location "\\.gif$" of line {line-1} takes all its paths',
        "of several expressions that match the first counts: move it in front",
        []),
    "expression behind one that takes all": (
        "location ~ .* { }\nlocation ~ «\\.gif$» { etag off; }",
        'location "\\.gif$" never matches: location ".*" of line {line-1} takes all its paths',
        "of several expressions that match the first counts: move it in front",
        ["location ~ \\.gif$ { } location ~ .* { }", "location ~ .*x { } location ~ \\.gif$ { }"]),
    "expression below a prefix that is final": (
        "location ^~ /img/ { }\nlocation ~ «^/img/.*\\.gif$» { etag off; }",
        'location "^/img/.*\\.gif$" never matches: location "/img/" of line {line-1} takes all its paths',
        'leave out the "^~", or put the expression inside of that location',
        ["location ^~ /img/ { } location ~ \\.gif$ { }", "location ^~ /img/ { } location ~* ^/img/.*\\.gif$ { }",
         "location ^~ /img/ { } location ~ ^/img/? { }", "location ^~ /img/ { } location ~ ^/img/a|b { }",
         "location ^~ /img/ { } location /img/a/ { } location ~ ^/img/.*\\.gif$ { }",
         "location /img/ { } location ~ ^/img/.*\\.gif$ { }", "location ^~ /img/ { } location ~ ^/im(g|x)/ { }"]),
    "expression below ^~ /": (
        "location ^~ / { }\nlocation ~* «\\.gif$» { etag off; }",
        'location "\\.gif$" never matches: location "/" of line {line-1} takes all its paths',
        'leave out the "^~", or put the expression inside of that location',
        ["location ^~ / { } location /a { } location ~* \\.gif$ { }"]),
    "named location that is not there": (
        "error_page 404 «@none»;",
        'there is no location "@none"',
        'write "location @none { … }" in the server',
        ["error_page 404 @none; location @none { return 404; }", "error_page 404 /none;", "error_page 404 @$host;",
         "http: error_page 404 @none; server { listen 8080; } server { listen 8080; server_name b; location @none { return 404; } }"]),
    "named location of try_files": (
        "location / { try_files $uri «@none»; }\nlocation @other { return 404; }",
        'there is no location "@none"',
        'write "location @none { … }" in the server',
        ["location / { try_files $uri @none; } location @none { return 404; }"]),
    "location without its slash": (
        "location «img/» { }",
        'location "img/" never matches: each path begins with a slash',
        "location /img/",
        ["location /img/ { }", "location ~ img/ { }", "location @img { return 404; }"]),
    "location that looks like an expression": (
        "location «\\.gif$» { }",
        'location "\\.gif$" never matches: each path begins with a slash',
        "a regular expression? location ~ \\.gif$",
        ["location ~ \\.gif$ { }", "location ~*\\.gif$ { }"]),
    "what follows a return": (
        "location / { return 301 /a;\n «rewrite» ^ /b; }",
        '"rewrite" is never reached: the "return" before it answers',
        "move it in front, or leave it out",
        ["location / { rewrite ^ /b; return 301 /a; }", "location / { if ($arg_x) { return 301 /a; } rewrite ^/c /b; }"]),
    "what follows a break": (
        "break;\n«set» $a b;",
        '"set" is never reached: the "break" before it ends them',
        "move it in front, or leave it out",
        ["set $a b; break;", "if ($arg_x) { break; } set $a b;"]),
    "return beside a guard": (
        "location / { return 200 secret;\n «deny» all; }",
        '"deny" has no effect: the "return" of this location answers before it',
        '"return" runs before access is checked, and before files are looked for',
        ["location / { if ($arg_x) { return 200; } deny all; }", "location / { return 200; } location /a { deny all; }",
         "location / { return 200; allow all; }"]),
    "return beside try_files": (
        "location / { «try_files» $uri =404; return 200; }",
        '"try_files" has no effect: the "return" of this location answers before it',
        '"return" runs before access is checked, and before files are looked for',
        []),
    "return of the server": (
        "return 301 https://$host$request_uri;\nlocation «/.well-known/» { }",
        'location "/.well-known/" is never reached: the "return" of the server answers before it',
        'put the "return" of line {line-1} into "location / { }"',
        ["location / { return 301 https://$host$request_uri; } location /.well-known/ { }",
         "if ($arg_x) { return 301 /a; } location /a { }", "return 301 /a; location @b { return 404; }"]),
    "folder that is not there": (
        "root «{here}/none»;",
        '"{here}/none" is not there',
        "make it, or write where the files are",
        ["root {here};", "root {here}/$host;", "root html;", "location = /x { alias {here}/weir.conf; }"]),
    "folder that is not there, below the prefix": (
        "location /a { root «none»; }",
        '"none" is not there',
        'it is looked for below the prefix "{here}/"',
        []),
    "address of IPv4 that one of IPv6 has": (
        "http: server { listen «8081»; } server { listen [::]:8081 ipv6only=off; }",
        "0.0.0.0:8081 cannot be listened on beside [::]:8081 with ipv6only=off, which takes it, too",
        'leave out "ipv6only=off", or this "listen"',
        ["http: server { listen 8081; listen [::]:8081; }", "http: server { listen 8082; listen [::]:8081 ipv6only=off; }",
         "http: server { listen 8081; listen [::1]:8081 ipv6only=off; }"]),
}
NEAR = [(name, near) for name, trap in TRAPS.items() for near in trap[3]]


def check(folder, text):
    (folder / "html").mkdir(exist_ok=True)
    text = text.replace("{here}", str(folder))
    whole = text[5:] if text.startswith("http:") else "server {\nlisten 8080;\n" + text + "\n}\n"
    conf = "events { }\nhttp {\n" + whole + "\n}\n"
    done, path = check_conf(folder, conf.replace("«", "").replace("»", ""))
    assert done.returncode == 0, done.stderr
    return conf, re.sub(r"weir: (?:(?:the )?configuration file|\[notice\] sandbox:) .*\n", "", done.stderr)


@pytest.mark.parametrize("name", list(TRAPS))
def test_trap_is_told(folder, name):
    text, warning, hint, _ = TRAPS[name]
    conf, said = check(folder, text)
    before = conf[:conf.index("«")]
    line, word = before.count("\n") + 1, conf[conf.index("«") + 1:conf.index("»")]
    fill = lambda s: s.replace("{here}", str(folder)).replace("{line-1}", str(line - 1))
    source = conf.splitlines()[line - 1].replace("«", "").replace("»", "")
    blanks = " " * (len(before) - before.rfind("\n") - 1)
    mark = f"{line:4} | "
    assert said == (f"weir: [warn] {fill(warning)} in {folder}/weir.conf:{line}\n{mark}{source}\n"
                    f"{' ' * (len(mark) - 2)}| {blanks}{'^' + '~' * (len(word) - 1)} {fill(hint)}\n")


@pytest.mark.parametrize("name, near", NEAR, ids=[f"{name}-{i}" for i, (name, _) in enumerate(NEAR)])
def test_near_miss_is_not_told(folder, name, near):
    assert check(folder, near)[1] == ""


def test_many_of_a_kind_are_not_all_told(folder):
    _, said = check(folder, "".join(f"location /{n}/ {{ root none{n}; }}\n" for n in range(100)))
    assert said.count("[warn]") == 20 + 1
    assert "weir: [warn] there may be more of this: folders that are not there\n" in said


def test_trap_is_in_the_log_of_a_start(weir):
    server = weir(server="location / { return 200 a; set $a b; }")
    assert re.search(r'\[warn\] .*"set" is never reached: the "return" before it answers in ', server.said() + server.log_text())


def test_missing_folder_is_told_by_the_test_alone(weir):
    server = weir(server="root none;")
    assert "is not there" not in server.said() + server.log_text()


def test_missing_folder_is_told_once(folder):
    _, said = check(folder, "root none; location /a/ { root none; } location /b/ { alias other; }")
    assert said.count('"none" is not there') == said.count('"other" is not there') == 1
