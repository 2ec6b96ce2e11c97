# SPDX-License-Identifier: BSD-2-Clause
"""A wrong conf file: what is wrong, in which file and line, under which word, and how to mend it."""

import os
import re

import pytest

from harness import check_conf, run_weir

esc = re.escape


def site(text, http=""):
    return f"events {{ }}\nhttp {{\n{http}\n    server {{\n        listen 127.0.0.1:8080;\n        {text}\n    }}\n}}\n"


RATE, COUNT = "limit_req_zone $host zone=r:32k rate=1r/s;", "limit_conn_zone $host zone=c:32k;"

# name: (conf, pattern of the message); the word between « and » is where the caret stands
BROKEN = {
    "unknown directive": (site("«rot» /srv/www;"), esc('unknown directive "rot"')),
    "unknown directive in main": ("«evnts» { }\n", esc('unknown directive "evnts"')),
    "unknown block": (site("«sever» { x y; }"), esc('unknown directive "sever"')),
    "server in main": ("events { }\n«server» { }\n", esc('"server" directive is not allowed here')),
    "alias in server": (site("«alias» /srv;"), esc('"alias" directive is not allowed here')),
    "listen in location": (site("location / { «listen» 80; }"), esc('"listen" directive is not allowed here')),
    "worker_processes in http": (site("", "«worker_processes» 2;"), esc('"worker_processes" directive is not allowed here')),
    "root in main": ("«root» /srv;\nevents { }\n", esc('"root" directive is not allowed here')),
    **{f"{name} made of ${variable}": (site(f"location /x/ {{ {name} «/srv/{word}»; }}"),
                                       esc(f'the ${variable} variable cannot be used in the "{name}" directive'))
       for name in ("root", "alias") for variable, word in (("document_root", "$document_root"), ("realpath_root", "x${realpath_root}/y"),
                                                            ("request_filename", "$host$request_filename"))},
    "root twice": (site("root /a;\n        «root» /b;"), esc('"root" directive is duplicate')),
    "http twice": ("events { }\nhttp { }\n«http» { }\n", esc('"http" directive is duplicate')),
    "events twice": ("events { }\n«events» { }\nhttp { }\n", esc('"events" directive is duplicate')),
    "pid twice": ("pid a;\n«pid» b;\nevents { }\n", esc('"pid" directive is duplicate')),
    "keepalive_timeout twice": (site("", "keepalive_timeout 1;\n«keepalive_timeout» 2;"), esc('"keepalive_timeout" directive is duplicate')),
    "alias after root": (site("location / { root /a; «alias» /b; }"), '"alias" directive is duplicate.*'),
    "root after alias": (site("location / { alias /a; «root» /b; }"), '"root" directive is duplicate.*'),
    "too few words": (site("«root»;"), esc('invalid number of arguments in "root" directive')),
    "too many words": (site("root /a «/b»;"), esc('invalid number of arguments in "root" directive')),
    "words before a block": (site("", "server «x» { }"), esc('invalid number of arguments in "server" directive')),
    "location without a path": (site("«location» { }"), esc('invalid number of arguments in "location" directive')),
    "flag that is none": (site("sendfile «maybe»;"), esc('invalid value "maybe" in "sendfile" directive, it must be "on" or "off"')),
    "flag that is a number": (site("etag «1»;"), esc('invalid value "1" in "etag" directive, it must be "on" or "off"')),
    "flag in main": ("daemon «yes»;\nevents { }\n", esc('invalid value "yes" in "daemon" directive, it must be "on" or "off"')),
    "value of a list": (site("if_modified_since «sometimes»;"), '.*"sometimes".*if_modified_since.*|.*if_modified_since.*'),
    "size that is none": (site("client_max_body_size «big»;"), ".*client_max_body_size.*"),
    "size with a wrong unit": (site("client_max_body_size «1x»;"), ".*client_max_body_size.*"),
    "size that is negative": (site("client_max_body_size «-1»;"), ".*client_max_body_size.*"),
    "size too large": (site("client_max_body_size «99999999999999999999»;"), ".*client_max_body_size.*"),
    "size that overflows by its unit": (site("client_max_body_size «18014398509481984k»;"), ".*client_max_body_size.*"),
    "time that is none": (site("keepalive_timeout «soon»;"), ".*keepalive_timeout.*"),
    "time with units in the wrong order": (site("send_timeout «1m1h»;"), ".*send_timeout.*"),
    "time with a unit twice": (site("send_timeout «1s1s»;"), ".*send_timeout.*"),
    "time empty": (site('send_timeout «""»;'), ".*send_timeout.*"),
    "number that is none": (site("keepalive_requests «many»;"), ".*(invalid number|keepalive_requests).*"),
    "number too large": (site("keepalive_requests «99999999999»;"), ".*(invalid number|keepalive_requests).*"),
    "worker_processes none": ("worker_processes «some»;\nevents { }\n", ".*(invalid number|worker_processes).*"),
    "worker_processes 0": ("worker_processes «0»;\nevents { }\n", ".*(invalid|worker_processes).*"),
    "user that does not exist": ("user «no-such-user-here»;\nevents { }\n", '.*no-such-user-here.*'),
    "use of an unknown method": ("events { use «magic»; }\n", '.*"magic".*'),
    "log level that is none": ("error_log logs/e.log «loud»;\nevents { }\n", '.*"loud".*'),
    "log format that is none": (site("access_log logs/a.log «nosuch»;"), '.*unknown log format "nosuch".*'),
    "log format twice": (site("", "log_format a x;\nlog_format «a» y;"), '.*"a".*'),
    "log format combined": (site("", "log_format «combined» y;"), '.*"combined".*'),
    "variable that is none": (site("", "log_format a «$no_such_thing»;"), '.*unknown "no_such_thing" variable.*'),
    "variable with an open brace": (site("", 'log_format a «"${uri"»;'), '.*(brace|variable).*'),
    "access_log with a bad parameter": (site("access_log logs/a.log combined «bufer=1k»;"), '.*"bufer=1k".*'),
    "listen with a bad port": (site("listen «127.0.0.1:99999»;"), '.*127.0.0.1:99999.*'),
    "listen with port 0": (site("listen «127.0.0.1:0»;"), '.*127.0.0.1:0.*'),
    "listen with an empty port": (site("listen «127.0.0.1:»;"), '.*127.0.0.1:.*'),
    "listen with a bad address": (site("listen «300.0.0.1:80»;"), '.*300.0.0.1.*'),
    "listen with a bad IPv6 address": (site("listen «[::g]:80»;"), r'.*\[::g\].*'),
    "listen with a bad option": (site("listen 127.0.0.1:8081 «fast»;"), '.*"fast".*'),
    "listen with a bad value": (site("listen 127.0.0.1:8081 «backlog=x»;"), '.*(backlog=x|"x" in "listen").*'),
    "listen twice the same": (site("listen «127.0.0.1:8080»;"), '.*duplicate listen.*127.0.0.1:8080.*'),
    "two default servers": (site("", "server { listen 127.0.0.1:8080 default_server; }\n") .replace(
        "        listen 127.0.0.1:8080;", "        listen «127.0.0.1:8080» default_server;"), '.*duplicate default server.*127.0.0.1:8080.*'),
    "location twice": (site("location /a { }\n        location «/a» { }"), '.*duplicate location "/a".*'),
    "exact location twice": (site("location = /a { }\n        location = «/a» { }"), '.*duplicate location "/a".*'),
    "location with a bad modifier": (site("location «==» /a { }"), '.*"==".*'),
    "nested location outside": (site("location /a/ { location «/b/» { } }"), '.*"/b/".*outside.*"/a/".*'),
    "location within an exact one": (site("location = /a { location «/a/b» { } }"), '.*"/a/b".*exact.*"/a".*|.*"/a/b".*"/a".*'),
    "return with a bad status": (site("return «abc»;"), '.*"abc".*'),
    "return with too large a status": (site("return «1000»;"), '.*"1000".*'),
    "error_page with a status below 300": (site("error_page «200» /x;"), '.*"200".*300 and 599.*'),
    "error_page with a status above 599": (site("error_page «600» /x;"), '.*"600".*300 and 599.*'),
    "error_page with a word for a status": (site("error_page «oops» /x;"), '.*"oops".*'),
    "error_page without a status": (site("«error_page» /x;"), esc('invalid number of arguments in "error_page" directive')),
    "server_name with a star within": (site("server_name «a.*.b»;"), '.*a\\.\\*\\.b.*'),
    "open_file_cache without max": (site("«open_file_cache» inactive=5s;"), '.*"open_file_cache".*"max".*'),
    "open_file_cache with a bad parameter": (site("open_file_cache max=1 «min=2»;"), '.*"min=2".*'),
    "zone too small": (site("", "limit_req_zone $host «zone=a:32767» rate=1r/s;"), esc('zone "a" is too small')),
    "zone of connections too small": (site("", "limit_conn_zone $host «zone=a:16k»;"), esc('zone "a" is too small')),
    "zone without a size": (site("", "limit_req_zone $host «zone=a» rate=1r/s;"), esc('invalid zone size "zone=a"')),
    "zone without a name": (site("", "limit_conn_zone $host «zone=:32k»;"), esc('invalid zone name "zone=:32k"')),
    "zone with a bad size": (site("", "limit_conn_zone $host «zone=a:much»;"), esc('invalid zone size "zone=a:much"')),
    "zone with an absurd size": (site("", "limit_conn_zone $host «zone=a:9999999999g»;"), esc('invalid zone size "zone=a:9999999999g"')),
    "zone of requests twice": (site("", RATE + "limit_req_zone $uri «zone=r:32k»;"), esc('limit_req_zone "r" is already bound to key "$host"')),
    "zone of connections twice": (site("", COUNT + "limit_conn_zone $uri «zone=c:64k»;"), esc('limit_conn_zone "c" is already bound to key "$host"')),
    "zone declared for two uses": (site("", RATE + "limit_conn_zone $host «zone=r:32k»;"),
                                   esc('the shared memory zone "r" is already declared for a different use')),
    "zone of another use": (site("limit_req «zone=c»;", COUNT), esc('the shared memory zone "c" is already declared for a different use')),
    "zone of another use for connections": (site("limit_conn «r» 1;", RATE), esc('the shared memory zone "r" is already declared for a different use')),
    "zone that is none": (site("limit_req «zone=x»;", RATE), esc('unknown zone "x"')),
    "zone that is none for connections": (site("limit_conn «x» 1;"), esc('unknown zone "x"')),
    "zone with a key of no variable": (site("", "limit_req_zone «$nothing» zone=a:32k rate=1r/s;"), esc('unknown "nothing" variable')),
    "limit_req_zone without a zone": (site("", "«limit_req_zone» $host rate=1r/s;"), esc('"limit_req_zone" must have "zone" parameter')),
    "limit_req_zone with a bad parameter": (site("", "limit_req_zone $host zone=a:32k «sync»;"), esc('invalid parameter "sync"')),
    "limit_conn_zone with a bad parameter": (site("", "limit_conn_zone $host «rate=1r/s»;"), esc('invalid parameter "rate=1r/s"')),
    **{f"rate of {rate}": (site("", f"limit_req_zone $host zone=a:32k «rate={rate}»;"), esc(f'invalid rate "rate={rate}"'))
       for rate in ("0r/s", "0r/m", "1", "r/s", "1.5r/s", "-1r/s", "1r/h", "10000000000r/s", "")},
    "limit_req without a zone": (site("«limit_req» burst=5;", RATE), esc('"limit_req" must have "zone" parameter')),
    "limit_req with a bad burst": (site("limit_req zone=r «burst=-1»;", RATE), esc('invalid burst value "burst=-1"')),
    "limit_req with a bad delay": (site("limit_req zone=r «delay=x»;", RATE), esc('invalid delay value "delay=x"')),
    "limit_req with a bad parameter": (site("limit_req zone=r «no_delay»;", RATE), esc('invalid parameter "no_delay"')),
    "limit_req twice for a zone": (site("limit_req zone=r;\n        limit_req «zone=r» burst=5;", RATE), esc('"limit_req" directive is duplicate')),
    "limit_conn twice for a zone": (site("limit_conn c 1;\n        limit_conn «c» 2;", COUNT), esc('"limit_conn" directive is duplicate')),
    **{f"limit_conn of {number}": (site(f"limit_conn c «{number}»;", COUNT), esc(f'invalid number of connections "{number}"'))
       for number in ("0", "-1", "x", "65536")},
    "limit_req_status that is no error": (site("limit_req_status «200»;"), ".*limit_req_status.*"),
    "limit_conn_status too large": (site("limit_conn_status «600»;"), ".*limit_conn_status.*"),
    "limit_req_log_level that is none": (site("limit_req_log_level «crit»;"), '.*"crit".*limit_req_log_level.*'),
    "limit_zone": (site("", "«limit_zone» one $host 1m;"), esc('"limit_zone" directive is obsolete')),
    "large_client_header_buffers with one word": (site("«large_client_header_buffers» 4;"),
                                                  esc('invalid number of arguments in "large_client_header_buffers" directive')),
    "end of a block in the place of a word": (site("root«»\n        }"), '.*unexpected "}".*|directive "root" is not terminated by ";"'),
    "semicolon alone": (site("«;»"), '.*unexpected ";".*'),
    "brace that opens nothing": (site("«{» }"), '.*unexpected "{".*'),
    "brace that closes nothing": ("events { }\nhttp { }\n«}»\n", '.*unexpected "}".*'),
    "simple directive with a block": (site("sendfile on«» { }"), 'directive "sendfile" is not terminated by ";"'),
    "block without a block": (site("", "server«;»"), 'directive "server" has no opening "{"'),
    "quote not followed by a blank": (site('root "/a"«b»;'), r'.*unexpected "b".*'),
    "include of nothing": ("events { }\n«include» no-such-file.conf;\n", r'open\(\) ".*/no-such-file\.conf" failed \(2: No such file or directory\)'),
}


def split(conf):
    """The text without its marks; line and column (from 1) of the marked word."""
    before = conf.split("«")[0]
    return conf.replace("«", "").replace("»", ""), before.count("\n") + 1, len(before) - before.rfind("\n")


@pytest.mark.parametrize("name", list(BROKEN))
def test_error_is_told_with_place_line_and_caret(folder, name):
    if name.startswith("user ") and os.geteuid() != 0:
        pytest.skip("user is ignored without root")
    marked, pattern = BROKEN[name]
    conf, line, column = split(marked)
    done, path = check_conf(folder, conf)
    assert done.returncode == 1 and done.stdout == ""
    said = done.stderr.splitlines()
    first = next((n for n, text in enumerate(said) if text.startswith("weir: [emerg]")), None)
    assert first is not None, done.stderr
    assert re.fullmatch(rf"weir: \[emerg\] (?:{pattern}) in {esc(str(path))}:{line}", said[first]), done.stderr
    assert said[-1] == f"weir: configuration file {path} test failed"
    source = conf.splitlines()[line - 1]
    shown, under = said[first + 1], said[first + 2]
    assert source.strip() in shown and str(line) in shown.split("|")[0], done.stderr
    start = shown.index(source.strip()) - (len(source) - len(source.lstrip()))
    if "include" not in name:
        assert under.index("^") == start + column - 1, done.stderr


@pytest.mark.parametrize("wrong, right", [
    ("sever", "server"), ("rot", "root"), ("keepalive_timeot", "keepalive_timeout"), ("acces_log", "access_log"), ("lisen", "listen"),
    ("error_pages", "error_page"), ("sendfiles", "sendfile"),
])
def test_unknown_directive_is_answered_with_the_nearest_name(folder, wrong, right):
    done, _ = check_conf(folder, site(f"{wrong} x;") if wrong != "sever" else "events { }\nhttp { sever { } }\n")
    said = done.stderr.splitlines()
    assert f'unknown directive "{wrong}"' in said[0]
    assert f'"{right}"' in "\n".join(said[1:4]) or right in said[2], done.stderr


@pytest.mark.parametrize("name", ["proxy_pass", "ssl_certificate", "fastcgi_pass", "gzip_types", "grpc_pass"])
def test_directive_that_is_still_to_come_says_so(folder, name):
    done, path = check_conf(folder, site(f"location / {{ {name} x; }}"))
    if done.returncode == 0:
        pytest.skip(f"{name} is there")
    first = done.stderr.splitlines()[0]
    assert f'"{name}"' in first and first.endswith(f" in {path}:6")


def test_flag_error_names_the_allowed_values(folder):
    done, _ = check_conf(folder, site("sendfile maybe;"))
    assert '"on" or "off"' in done.stderr


def test_zone_may_be_declared_after_its_use_and_is_told_once(folder):
    done, _ = check_conf(folder, site("", "limit_req zone=r; limit_conn c 1;\n" + RATE + COUNT))
    assert done.returncode == 0, done.stderr
    done, _ = check_conf(folder, site("limit_req_status 429; location / { limit_req_status 404; }", "limit_req zone=r;"))
    assert done.stderr.count('unknown zone "r"') == 1 and "limit_req_zone KEY zone=r:SIZE" in done.stderr


def test_all_errors_are_told_in_one_run_in_their_order(folder):
    conf = site("rot /a;\n        sendfile maybe;\n        alias /x;\n        client_max_body_size big;\n        error_page 200 /x;")
    done, path = check_conf(folder, conf)
    places = re.findall(rf"^weir: \[emerg\] .* in {esc(str(path))}:(\d+)$", done.stderr, re.M)
    assert places == ["6", "7", "8", "9", "10"]
    assert done.stderr.count("test failed") == 1


def test_errors_in_included_files_name_that_file(folder):
    (folder / "sites").mkdir()
    (folder / "sites/a.conf").write_text("server {\n    listen 127.0.0.1:1;\n    rot /a;\n}\n")
    (folder / "sites/b.conf").write_text("server {\n    listen 127.0.0.1:2;\n\n    sendfile perhaps;\n}\n")
    done, _ = check_conf(folder, "events { }\nhttp {\n    include sites/*.conf;\n}\n")
    assert f'unknown directive "rot" in {folder}/sites/a.conf:3' in done.stderr
    assert f'it must be "on" or "off" in {folder}/sites/b.conf:4' in done.stderr


ENDS = {
    "block not closed": "events { }\nhttp {\n    server {\n        listen 127.0.0.1:1;\n    }\n",
    "two blocks not closed": "events { }\nhttp {\n    server {\n",
    "directive not ended": "events { }\nuser nobody",
    "directive not ended before the end of the block": "events { }\nhttp {\n    sendfile on",
}


@pytest.mark.parametrize("name", list(ENDS))
def test_unexpected_end_is_told(folder, name):
    done, path = check_conf(folder, ENDS[name])
    assert done.returncode == 1
    assert re.search(rf'^weir: \[emerg\] unexpected end of file, expecting .* in {esc(str(path))}:\d+$', done.stderr, re.M), done.stderr


def test_quote_not_closed_is_told(folder):
    done, path = check_conf(folder, site('root "/srv/www;'))
    assert done.returncode == 1
    assert re.search(rf'^weir: \[emerg\] unexpected end of .* in {esc(str(path))}:\d+$', done.stderr, re.M), done.stderr


def test_file_without_events_is_told(folder):
    done, path = check_conf(folder, "http { }\n")
    if done.returncode == 1:
        assert 'no "events" section in configuration' in done.stderr


@pytest.mark.parametrize("how", ["itself", "each other"])
def test_include_that_never_ends_is_told(folder, how):
    if how == "each other":
        (folder / "other.conf").write_text("include weir.conf;\n")
    done, _ = check_conf(folder, "include %s;\nevents { }\n" % ("weir.conf" if how == "itself" else "other.conf"))
    assert done.returncode == 1 and "[emerg]" in done.stderr and "include" in done.stderr
    assert len(done.stderr) < 20_000


def test_missing_file_is_told(folder):
    done = run_weir(folder, "-p", f"{folder}/", "-c", "none.conf", "-t")
    assert done.returncode == 1
    assert f'weir: [emerg] open() "{folder}/none.conf" failed (2: No such file or directory)' in done.stderr


def test_folder_in_the_place_of_a_file_is_told(folder):
    done = run_weir(folder, "-p", f"{folder}/", "-c", str(folder / "logs"), "-t")
    assert done.returncode == 1 and "[emerg]" in done.stderr and "logs" in done.stderr


@pytest.mark.parametrize("data", [b"\0", b"\0" * 5000, b"\xff\xfe" * 100, bytes(range(256)) * 10, b"{" * 5000, b"}" * 5000, b"a" * 100_000,
                                  b"a;" * 10_000, b'"' * 999, b"events { } http { server { " + b"location /a { " * 3000, b"$", b"\\", b"#",
                                  b"events { } http { log_format a '" + b"$" * 5000 + b"'; }"],
                         ids=lambda data: ascii(data[:20]))
def test_garbage_is_refused_and_crashes_nothing(folder, data):
    done, _ = check_conf(folder, data)
    assert done.returncode == 1 or data == b"#" and done.returncode == 0
    assert len(done.stderr) < 5_000_000


# ---- what is well formed

WELL_FORMED = {
    "line ends of another system": site("root /a;").replace("\n", "\r\n"),
    "byte order mark": "\ufeff" + site("root /a;"),
    "comments": "# one\nevents { } # two { ;\nhttp { # three\n#}\n}\n#four",
    "quotes and escapes": site(r'''root "/a b\"c"; error_page 404 '/it\'s'; server_name "a.b" 'c.d'; location "/x y" { return 200 "a;{}#b"; }'''),
    "comment sign within a word": site("root /a#b;"),
    "all on one line": "events{}http{server{listen 127.0.0.1:1;location /{root /a;}}}",
    "words over lines": site("root\n\n/a\n;\n server_name a\n b\n\tc;"),
    "empty blocks": "events { }\nhttp { server { location / { } } }\n",
    "units": site("client_max_body_size 8M; client_body_buffer_size 16K; keepalive_timeout 1h30m; send_timeout 1d; client_body_timeout 500ms; "
                  "keepalive_requests 7; large_client_header_buffers 2 1k; client_header_timeout 1m30s; open_file_cache_valid 1w;"),
    "include of a pattern that matches nothing": "events { }\nhttp { include nothing-*.conf; }\n",
    "http without servers": "events { }\nhttp { }\n",
    "events alone": "events { }\n",
    "many words in types": "events { }\nhttp { types { text/html html htm shtml; image/jpeg jpeg jpg; } }\n",
    "braces in a variable": "events { }\nhttp { log_format a '${uri}x$status'; }\n",
    "same listen in two servers": "events { }\nhttp { server { listen 127.0.0.1:1; server_name a; } server { listen 127.0.0.1:1; server_name b; } }\n",
    "one address and all addresses": "events { }\nhttp { server { listen 127.0.0.1:1; listen 1; listen [::1]:1; } }\n",
    "bare listen forms": "events { }\nhttp { server { listen 8080; listen 127.0.0.1; listen *:8081; listen localhost:8082; listen [::]:8083; } }\n",
    "deep locations": site(
        "".join(f"location /{'a/' * n} {{ " for n in range(1, 15)) + "} " * 14),
}


@pytest.mark.parametrize("name", list(WELL_FORMED))
def test_well_formed_conf_is_accepted(folder, name):
    done, path = check_conf(folder, WELL_FORMED[name])
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "[notice] sandbox: " not in line]
    assert lines[-2:] == [f"weir: the configuration file {path} syntax is ok",
                          f"weir: configuration file {path} test is successful"]


def test_includes_are_relative_to_the_main_file_and_sorted(folder):
    sub = folder / "etc"
    (sub / "sites").mkdir(parents=True)
    for name in ("b", "a", "c"):
        (sub / "sites" / f"{name}.conf").write_text(f"server {{ listen 127.0.0.1:1; server_name {name}; wrong_{name} x; }}\n")
    done, _ = check_conf(folder, "events { }\nhttp { include sites/*.conf; }\n", name="etc/weir.conf")
    assert re.findall(r'unknown directive "wrong_(\w)"', done.stderr) == ["a", "b", "c"]


def test_include_works_in_every_block(folder):
    (folder / "events.inc").write_text("worker_connections 100;\n")
    (folder / "http.inc").write_text("sendfile on;\n")
    (folder / "server.inc").write_text("listen 127.0.0.1:1;\n")
    (folder / "location.inc").write_text("root /a;\n")
    (folder / "types.inc").write_text("text/x-a a;\n")
    (folder / "main.inc").write_text("worker_processes 2;\n")
    done, _ = check_conf(folder, "include main.inc;\nevents { include events.inc; }\nhttp { include http.inc; types { include types.inc; }\n"
                                 "server { include server.inc; location / { include location.inc; } } }\n")
    assert done.returncode == 0, done.stderr


def test_nothing_is_created_by_a_test(folder):
    conf = f"pid {folder}/new/weir.pid;\nerror_log {folder}/e.log;\nevents {{ }}\nhttp {{ access_log {folder}/a.log; server {{ listen 127.0.0.1:1; }} }}\n"
    before = sorted(os.listdir(folder))
    done, _ = check_conf(folder, conf)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(folder)) == sorted(before + ["weir.conf"])
