# SPDX-License-Identifier: BSD-2-Clause
"""
The examples of nginx's public documentation, as an operator who comes from there has them in a file: rewrite, if, map, geo, location,
error_page and the others, "Server names", "How nginx processes a request" and "Converting rewrite rules". weir gives the answers that stand
here, and the nginx of the machine does, too, but for what is told to differ.

Rows are those of rewrite_cases.py. Behind an answer stand the fields that the case shows, [Name: value] each; what is another each time is
[Name: (time)].
"""

from dataclasses import dataclass

import pytest

from harness import Weir, serving
from harness.nginx import NGINX, Nginx
from rewrite_cases import Case, put, short


@dataclass
class Documented(Case):
    shows: tuple = ()


CASES = {}

CASES["request processing: by name"] = Documented(http="""
    server { listen 127.0.0.1:{port}; server_name example.org www.example.org; return 200 org; }
    server { listen 127.0.0.1:{port}; server_name example.net www.example.net; return 200 net; }
    server { listen 127.0.0.1:{port}; server_name example.com www.example.com; return 200 com; }
""", asks="""
    /a | Host: example.org -> 200 org
    /a | Host: www.example.org -> 200 org
    /a | Host: WWW.example.NET:81 -> 200 net
    /a | Host: example.com. -> 200 com
    /a | Host: other.example -> 200 org
""")

CASES["request processing: no name"] = Documented(http="""
    server { listen 127.0.0.1:{port}; server_name example.org; return 200 org; }
    server { listen 127.0.0.1:{port}; server_name ""; return 444; }
""", asks="""
    /a | Host: example.org -> 200 org
    /a | Host: other.example -> 200 org
    /a | Host: -> closed ## nginx: 400 [page] ## NO_HOST
""")

CASES["request processing: php site"] = Documented(server=r"""
    server_name example.org www.example.org;
    root {prefix}/data/www;
    location / { index index.html index.php; }
    location ~* \.(gif|jpg|png)$ { expires 30d; }
    location ~ \.php$ { return 200 "fastcgi $document_root$uri $args"; }
""", files={"data/www/logo.gif": "gif", "data/www/index.php": "php", "data/www/about.html": "about",
    "data/www/folder/index.html": "f", "data/www/folder/x.gif": "x"},
    shows=("Cache-Control", "Content-Type"),
    asks="""
    / -> 200 fastcgi {prefix}/data/www/index.php [Content-Type: text/plain]
    /logo.gif -> 200 gif [Cache-Control: max-age=2592000] [Content-Type: image/gif]
    /LOGO.GIF -> 404 [page] [Content-Type: text/html]
    /index.php -> 200 fastcgi {prefix}/data/www/index.php [Content-Type: text/plain]
    /index.php?user=john&page=1 -> 200 fastcgi {prefix}/data/www/index.php user=john&page=1 [Content-Type: text/plain]
    /about.html -> 200 about [Content-Type: text/html]
    /folder/ -> 200 f [Content-Type: text/html]
    /folder -> 301 http://h:{port}/folder/ [Content-Type: text/html]
    /folder/x.gif -> 200 x [Cache-Control: max-age=2592000] [Content-Type: image/gif]
""")

CASES["server names"] = Documented(http=r"""
    server { listen 127.0.0.1:{port} default_server; server_name _; return 200 default; }
    server { listen 127.0.0.1:{port}; server_name example.org www.example.org; return 200 exact; }
    server { listen 127.0.0.1:{port}; server_name *.example.org; return 200 "head $host"; }
    server { listen 127.0.0.1:{port}; server_name mail.*; return 200 tail; }
    server { listen 127.0.0.1:{port}; server_name ~^www\d+\.example\.net$; return 200 digits; }
    server { listen 127.0.0.1:{port}; server_name ~^(?<user>.+)\.example\.net$; return 200 "user $user"; }
    server { listen 127.0.0.1:{port}; server_name .example.edu; return 200 dot; }
    server { listen 127.0.0.1:{port}; server_name ~^www\..+\.example\.info$ ~^w.*\.example\.info$; return 200 info; }
    server { listen 127.0.0.1:{port}; server_name "~^(?<name>\w\d{1,3}+)\.example\.com$"; return 200 "n $name"; }
    server { listen 127.0.0.1:{port}; server_name "~^(?<name2>[a-z]+\d{1,3}+)\.example\.biz$"; return 200 "n $name2"; }
""", asks="""
    /a | Host: example.org -> 200 exact
    /a | Host: www.example.org -> 200 exact
    /a | Host: x.example.org -> 200 head x.example.org
    /a | Host: www.sub.example.org -> 200 head www.sub.example.org
    /a | Host: mail.example.com -> 200 tail
    /a | Host: mail.x -> 200 tail
    /a | Host: mail -> 200 default
    /a | Host: joe.example.net -> 200 user joe
    /a | Host: joe.doe.example.net -> 200 user joe.doe
    /a | Host: www12.example.net -> 200 digits
    /a | Host: example.edu -> 200 dot
    /a | Host: a.b.example.edu -> 200 dot
    /a | Host: mail.example.org -> 200 head mail.example.org
    /a | Host: www.a.example.info -> 200 info
    /a | Host: web.example.info -> 200 info
    /a | Host: name01.example.biz -> 200 n name01
""")

CASES["server names: captures"] = Documented(http=r"""
    server { listen 127.0.0.1:{port}; server_name ~^(www\.)?(?<domain>.+)$; root {prefix}/sites/$domain; }
""", files={"sites/example.org/index.html": "org", "sites/example.net/index.html": "net"}, asks="""
    / | Host: www.example.org -> 200 org
    / | Host: example.org -> 200 org
    / | Host: EXAMPLE.net:80 -> 200 net
""")

CASES["server names: numbered"] = Documented(http=r"""
    server { listen 127.0.0.1:{port}; server_name ~^(www\.)?(.+)$; root {prefix}/sites/$2; }
""", files={"sites/example.org/index.html": "org"}, asks="""
    / | Host: www.example.org -> 200 org
    / | Host: example.org -> 200 org
""")

CASES["server names: default regex"] = Documented(http=r"""
    server { listen 127.0.0.1:{port}; server_name _; location / { root {prefix}/sites/default; } }
    server { listen 127.0.0.1:{port}; server_name ~^(www\.)?(.+)$; location / { root {prefix}/sites/$2; } }
""", files={"sites/sub.example.org/index.html": "sub", "sites/example.org/index.html": "org"}, asks="""
    / | Host: sub.example.org -> 200 sub
    / | Host: example.org -> 200 org
""")

CASES["server names: misc"] = Documented(http="""
    server { listen 127.0.0.1:{port}; server_name example.org "" 127.0.0.1; return 200 "one $server_name"; }
    server { listen 127.0.0.1:{port}; server_name xn--e1afmkfd.xn--80akhbyknj4f; return 200 "idn"; }
    server { listen 127.0.0.1:{port} default_server; server_name ""; return 200 "empty [$server_name]"; }
""", asks="""
    / | Host: example.org -> 200 one example.org
    / | Host: -> 200 one example.org ## nginx: 400 [page] ## NO_HOST
    / | Host: 127.0.0.1 -> 200 one example.org
    / | Host: xn--e1afmkfd.xn--80akhbyknj4f -> 200 idn
    / | Host: a.example.name -> 200 empty []
""")

CASES["server names: duplicates warn"] = Documented(http="""
    server_names_hash_max_size 1024; server_names_hash_bucket_size 64;
    server { listen 127.0.0.1:{port}; server_name example.org; return 200 one; }
    server { listen 127.0.0.1:{port}; server_name example.org; return 200 two; }
""", asks="""
    / | Host: example.org -> 200 one
""")

CASES["converting: main site"] = Documented(http="""
    server { listen 127.0.0.1:{port}; server_name example.org; return 301 http://www.example.org$request_uri; }
    server { listen 127.0.0.1:{port}; server_name www.example.org; return 200 www; }
""", asks="""
    /a?b=c | Host: example.org -> 301 http://www.example.org/a?b=c
    /a?b=c | Host: www.example.org -> 200 www
""")

CASES["converting: main site, the wrong way"] = Documented(http="""
    server { listen 127.0.0.1:{port}; server_name www.example.org example.org;
    if ($http_host = example.org) { rewrite (.*) http://www.example.org$1; }
    location / { return 200 www; } }
""", asks="""
    /a?b=c | Host: example.org -> 302 http://www.example.org/a?b=c
    /a?b=c | Host: www.example.org -> 200 www
""")

CASES["converting: everything else"] = Documented(http="""
    server { listen 127.0.0.1:{port}; server_name example.com www.example.com; return 200 com; }
    server { listen 127.0.0.1:{port} default_server; server_name _; rewrite ^ http://example.com$request_uri?; }
""", asks="""
    /a?b=c | Host: example.com -> 200 com
    /a?b=c | Host: www.example.com -> 200 com
    /a?b=c | Host: other.example -> 302 http://example.com/a?b=c
    /a%20b?b=c | Host: other.example -> 302 http://example.com/a%20b?b=c
""")

CASES["converting: mongrel"] = Documented(server="""
    location / {
    root {prefix}/myapp/current/public;
    try_files /system/maintenance.html $uri $uri/index.html $uri.html @mongrel;
    }
    location @mongrel { return 200 "mongrel $uri"; }
""", files={"myapp/current/public/file.txt": "file", "myapp/current/public/folder/index.html": "index",
    "myapp/current/public/page.html": "page"},
    asks="""
    / -> 200 mongrel /
    /file.txt -> 200 file
    /folder -> 200 index
    /folder/ -> 200 index
    /page -> 200 page
    /none?x -> 200 mongrel /none
""")

CASES["converting: mongrel in maintenance"] = Documented(server="""
    location / {
    root {prefix}/myapp/current/public;
    try_files /system/maintenance.html $uri $uri/index.html $uri.html @mongrel;
    }
    location @mongrel { return 200 "mongrel $uri"; }
""", files={"myapp/current/public/file.txt": "file", "myapp/current/public/folder/index.html": "index",
    "myapp/current/public/page.html": "page", "myapp/current/public/system/maintenance.html": "later"},
    asks="""
    / -> 200 later
    /file.txt -> 200 later
    /folder -> 200 later
    /folder/ -> 200 later
    /page -> 200 later
    /none?x -> 200 later
""")

CASES["rewrite: download"] = Documented(server=r"""
    location / { return 200 "else $uri $args"; }
    location ~ \.mp3$ { return 200 "mp3 $uri $args"; }
    location ~ \.ra$ { return 200 "ra $uri"; }
    rewrite ^(/download/.*)/media/(.*)\..*$ $1/mp3/$2.mp3 last;
    rewrite ^(/download/.*)/audio/(.*)\..*$ $1/mp3/$2.ra last;
    location /download/ { if ($forbidden) { return 403; } return 403; }
    set $forbidden "";
""", asks="""
    /download/a/media/b.ra -> 200 mp3 /download/a/mp3/b.mp3
    /download/a/audio/b.ra -> 200 ra /download/a/mp3/b.ra
    /download/a/other/b.ra -> 200 ra /download/a/other/b.ra
    /download/a/b/media/c/d.e.f?x=1 -> 200 mp3 /download/a/b/mp3/c/d.e.mp3 x=1
""")

CASES["rewrite: download with return"] = Documented(server=r"""
    rewrite ^(/download/.*)/media/(.*)\..*$ $1/mp3/$2.mp3 last;
    rewrite ^(/download/.*)/audio/(.*)\..*$ $1/mp3/$2.ra last;
    return 403;
""", files={"html/download/a/mp3/b.mp3": "mp3", "html/download/a/mp3/b.ra": "ra"}, asks="""
    /download/a/media/b.x -> 200 mp3
    /download/a/audio/b.x -> 200 ra
    /download/a/other/b.x -> 403 [page]
""")

CASES["rewrite: download in a location"] = Documented(server=r"""
    location /download/ {
    rewrite ^(/download/.*)/media/(.*)\..*$ $1/mp3/$2.mp3 break;
    rewrite ^(/download/.*)/audio/(.*)\..*$ $1/mp3/$2.ra break;
    return 403;
    }
""", files={"html/download/a/mp3/b.mp3": "mp3", "html/download/a/mp3/b.ra": "ra"}, asks="""
    /download/a/media/b.x -> 200 mp3
    /download/a/audio/b.x -> 200 ra
    /download/a/other/b.x -> 403 [page]
""")

CASES["rewrite: download with last loops"] = Documented(server=r"""
    location /download/ {
    rewrite ^(/download/.*)/media/(.*)\..*$ $1/media/$2.mp3 last;
    return 403;
    }
""", asks="""
    /download/a/media/b.x -> 500 [page]
""")

CASES["rewrite: users"] = Documented(server="""
    rewrite ^/users/(.*)$ /show?user=$1 last;
    rewrite ^/drop/(.*)$ /show?user=$1? last;
    location /show { return 200 "$uri?$args"; }
""", asks="""
    /users/john -> 200 /show?user=john
    /users/john?id=1 -> 200 /show?user=john&id=1
    /drop/john?id=1 -> 200 /show?user=john
    /users/a%20b -> 200 /show?user=a%20b
""")

CASES["rewrite: if"] = Documented(server="""
    set $id none;
    if ($http_user_agent ~ MSIE) { rewrite ^(.*)$ /msie/$1 break; }
    if ($http_cookie ~* "id=([^;]+)(?:;|$)") { set $id $1; }
    if ($request_method = POST) { return 405; }
    if ($uri = /slow) { set $slow 1; }
    if ($slow) { set $limit_rate 10k; break; }
    if ($invalid_referer) { return 403; }
    location / { return 200 "$uri id=$id $limit_rate"; }
    location /msie { return 200 "msie $uri"; }
""", asks="""
    /a | User-Agent: MSIE 6 -> 200 msie /msie//a
    /a | User-Agent: other -> 200 /a id=none 0
    /a | Cookie: x=1; id=42; y -> 200 /a id=42 0
    POST /a -> 405 [page]
    /slow -> 200 /slow id=none 10240
""")

CASES["rewrite: msie file"] = Documented(server="""
    if ($http_user_agent ~ MSIE) { rewrite ^(.*)$ /msie/$1 break; }
""", files={"html/a.html": "usual", "html/msie/a.html": "msie"}, asks="""
    /a.html | User-Agent: MSIE 6 -> 200 msie
    /a.html | User-Agent: x -> 200 usual
""")

CASES["rewrite: braces in quotes"] = Documented(server="""
    location / { rewrite "^/([0-9]{4})/([0-9]{2})$" /archive?y=$1&m=$2 redirect; return 200 no; }
""", asks="""
    /2024/05 -> 302 http://h:{port}/archive?y=2024&m=05
    /20245/05 -> 200 no
""")

CASES["rewrite: return forms"] = Documented(server="""
    location /code { return 403; }
    location /text { return 404 "nothing at $uri"; }
    location /url { return http://other.example/x; }
    location /local { return 302 /there; }
    location /moved { return 301 /there$is_args$args; }
    location /scheme { return $scheme://example.org$request_uri; }
    location /200 { return 200; }
    location /444 { return 444; }
    location /308 { return 308 https://$host/x; }
    location /empty { return 204; }
""", shows=("Content-Type",), asks="""
    /code -> 403 [page] [Content-Type: text/html]
    /text -> 404 nothing at /text [Content-Type: text/plain]
    /url -> 302 http://other.example/x [Content-Type: text/html]
    /local -> 302 http://h:{port}/there [Content-Type: text/html]
    /moved -> 301 http://h:{port}/there [Content-Type: text/html]
    /scheme?x -> 302 http://example.org/scheme?x [Content-Type: text/html]
    /200 -> 200 [Content-Type: text/plain]
    /444 -> closed
    /308 -> 308 https://h/x [Content-Type: text/html]
    /empty -> 204
""")

CASES["location"] = Documented(server=r"""
    location = / { return 200 A; }
    location / { return 200 B; }
    location /documents/ { return 200 C; }
    location ^~ /images/ { return 200 D; }
    location ~* \.(gif|jpg|jpeg)$ { return 200 E; }
    location = /exact { return 200 F; }
""", asks="""
    / -> 200 A
    /index.html -> 200 B
    /documents/document.html -> 200 C
    /images/1.gif -> 200 D
    /documents/1.jpg -> 200 E
    /documents/1.JPG -> 200 E
    //documents//x -> 200 C
    /%64ocuments/y -> 200 C
    /images -> 200 B
    /user -> 200 B
    /user/ -> 200 B
    /exact -> 200 F
    /exact/ -> 200 B
    /exact?q -> 200 F
""")

CASES["location: alias"] = Documented(server=r"""
    location /i/ { alias {prefix}/data/w3/images/; }
    location /images/ { alias {prefix}/data/w3/images/; }
    location ~ ^/users/(.+\.(?:gif|jpe?g|png))$ { alias {prefix}/data/w3/images/$1; }
    location /re/ { alias {prefix}/data/w3/re-$host/; }
""", files={"data/w3/images/top.gif": "top", "data/w3/images/joe.gif": "joe", "data/w3/re-h/f": "f"},
    shows=("Content-Type",),
    asks="""
    /i/top.gif -> 200 top [Content-Type: image/gif]
    /i/../x -> 404 [page] [Content-Type: text/html]
    /i/none -> 404 [page] [Content-Type: text/html]
    /images/top.gif -> 200 top [Content-Type: image/gif]
    /users/joe.gif -> 200 joe [Content-Type: image/gif]
    /users/joe.txt -> 404 [page] [Content-Type: text/html]
    /re/f -> 200 f [Content-Type: text/plain]
""")

CASES["location: root"] = Documented(server="""
    location /i/ { root {prefix}/data/w3; }
""", files={"data/w3/i/top.gif": "root"}, asks="""
    /i/top.gif -> 200 root
""")

CASES["try_files: default.gif"] = Documented(server="""
    location /images/ { try_files $uri /images/default.gif; }
    location = /images/default.gif { expires 30s; }
""", files={"html/images/x.gif": "x", "html/images/default.gif": "default"}, shows=("Cache-Control",), asks="""
    /images/x.gif -> 200 x
    /images/none.gif -> 200 default [Cache-Control: max-age=30]
""")

CASES["try_files: forms"] = Documented(server=r"""
    location / { try_files $uri $uri/index.html $uri.html =404; }
    location /c/ { try_files $uri =403; }
    location /d/ { try_files $uri $uri/ /php-index?$args; }
    location = /php-index { return 200 "index $args"; }
    location /php/ { try_files $uri $uri/ @drupal; }
    location /drupal/ { try_files $uri /drupal-index?q=$uri&$args; }
    location = /drupal-index { return 200 "$uri $args"; }
    location ~ \.php$ { try_files $uri @drupal; return 200 "fastcgi $uri $args"; }
    location @drupal { return 200 "drupal $uri $args"; }
    location /wp/ { index index.html index.php; try_files $uri $uri/ /wp/index.php?q=$uri&$args; }
""", files={"html/a/index.html": "index", "html/page.html": "page", "html/wp/index.php": "wp"}, asks="""
    /a -> 200 index
    /a/ -> 200 index
    /page -> 200 page
    /none -> 404 [page]
    /c/none -> 403 [page]
    /d/none?x -> 200 index x
    /php/a -> 200 drupal /php/a
    /php/none?q=1 -> 200 drupal /php/none q=1
    /drupal/x?y -> 200 /drupal-index q=/drupal/x&y
    /wp/ -> 200 fastcgi /wp/index.php
    /wp/post?x=1 -> 200 fastcgi /wp/index.php q=/wp/post&x=1
    /wp/index.php -> 200 fastcgi /wp/index.php
""")

CASES["error_page: fallback"] = Documented(server="""
    location / { error_page 404 = @fallback; }
    location @fallback { return 200 "fallback $uri"; }
""", files={"html/a": "a"}, asks="""
    /a -> 200 a
    /b -> 200 fallback /b
""")

CASES["error_page"] = Documented(server="""
    error_page 404 /404.html;
    error_page 500 502 503 504 /50x.html;
    location /500 { return 500; }
    location /503 { return 503; }
    location /gif { error_page 404 =200 /empty.gif; return 404; }
    location /redirect { error_page 403 http://example.com/forbidden.html; return 403; }
    location /403 { error_page 403 =301 http://example.com/notfound.html; return 403; }
    location /moved { error_page 404 =301 http://example.com/notfound.html; root html; }
    location /named { error_page 404 = @fallback; root html; }
    location /named-code { error_page 404 =202 @fallback; root html; }
    location /var { error_page 404 /$arg_x.html; root html; }
    location = /405 { error_page 405 =200 /405.txt; return 405; }
    location /static { error_page 405 =200 $uri; root html; }
    location @fallback { return 200 "fallback $uri"; }
    location = /404.html { internal; }
""", files={"html/404.html": "four", "html/50x.html": "five", "html/empty.gif": "gif", "html/405.txt": "405",
    "html/static": "static"},
    shows=("Content-Type",),
    asks="""
    /none -> 404 four [Content-Type: text/html]
    /500 -> 500 five [Content-Type: text/html]
    /403 -> 301 http://example.com/notfound.html [Content-Type: text/html]
    /503 -> 503 five [Content-Type: text/html]
    /gif -> 200 gif [Content-Type: image/gif]
    /redirect -> 302 http://example.com/forbidden.html [Content-Type: text/html]
    /moved -> 301 http://example.com/notfound.html [Content-Type: text/html]
    /named -> 200 fallback /named [Content-Type: text/plain]
    /named-code -> 202 fallback /named-code [Content-Type: text/plain]
    /var -> 404 [page] [Content-Type: text/html]
    /405 -> 200 405 [Content-Type: text/plain]
    POST /static -> 200 static [Content-Type: text/plain]
""")

CASES["error_page: php"] = Documented(server="""
    error_page 404 = /404.php;
    location = /404.php { return 200 "php $status"; }
""", asks="""
    /none -> 200 php 200
    /404.php -> 200 php 200
""")

CASES["internal"] = Documented(server="""
    error_page 404 /404.html;
    location = /404.html { internal; }
    location /hidden/ { internal; }
    location = /rw { rewrite ^ /hidden/y last; }
""", files={"html/404.html": "four", "html/hidden/y": "y", "html/hidden/x": "x"}, asks="""
    /404.html -> 404 four
    /none -> 404 four
    /hidden/x -> 404 four
    /rw -> 200 y
""")

CASES["limit_except"] = Documented(server="""
    location / { limit_except GET { allow 192.168.1.0/32; deny all; } }
""", files={"html/a": "a"}, asks="""
    /a -> 200 a
    HEAD /a -> 200
    POST /a -> 403 [page]
    DELETE /a -> 403 [page]
    PUT /a -> 403 [page]
""")

CASES["access"] = Documented(server="""
    location /a { deny 192.168.1.1; allow 192.168.1.0/24; allow 10.1.1.0/16; allow 2001:0db8::/32; deny all; }
    location /b { deny 192.168.1.1; allow 127.0.0.0/8; deny all; }
    location /c { allow unix:; deny all; }
""", files={"html/a": "a", "html/b": "b"}, asks="""
    /a -> 403 [page]
    /b -> 200 b
    /c -> 403 [page]
""")

CASES["satisfy"] = Documented(server="""
    auth_basic "closed site"; auth_basic_user_file {prefix}/htpasswd;
    location /any { satisfy any; allow 192.168.1.0/32; deny all; }
    location /all { satisfy all; allow 127.0.0.1; deny all; }
    location /ok { satisfy any; allow 127.0.0.1; deny all; }
""", files={"htpasswd": "# comment\njoe:{PLAIN}secret\nname2:{SHA}x:comment\n", "html/any": "any", "html/all": "all",
    "html/ok": "ok"},
    shows=("WWW-Authenticate",),
    asks="""
    /any -> 401 [page] [WWW-Authenticate: Basic realm="closed site"]
    /any | Authorization: Basic am9lOnNlY3JldA== -> 200 any
    /all -> 401 [page] [WWW-Authenticate: Basic realm="closed site"]
    /all | Authorization: Basic am9lOnNlY3JldA== -> 200 all
    /ok -> 200 ok
""")

CASES["auth_request"] = Documented(server="""
    location /private/ { auth_request /auth; auth_request_set $who $sent_http_x_who; add_header X-Who $who; root html; }
    location = /auth { internal; if ($request_uri ~ ok=1) { add_header X-Who joe; return 204; } return 403; }
    location /user { auth_request /auth401; root html; }
    location = /auth401 { internal; return 401; }
    location /priv500 { auth_request /auth404; root html; }
    location = /auth404 { internal; return 404; }
""", files={"html/private/a": "a", "html/user": "u"}, shows=("X-Who", "WWW-Authenticate"), asks="""
    /private/a -> 403 [page]
    /private/a?ok=1 -> 200 a
    /user -> 401 [page]
    /priv500 -> 500 [page]
""")

CASES["secure_link"] = Documented(server="""
    location /s/ { secure_link $arg_md5,$arg_expires; secure_link_md5 "$secure_link_expires$uri$remote_addr secret";
    if ($secure_link = "") { return 403; } if ($secure_link = "0") { return 410; } return 200 "ok $secure_link"; }
    location /p/ { secure_link_secret secret; if ($secure_link = "") { return 403; } rewrite ^ /secure/$secure_link; }
    location /secure/ { internal; }
""", files={"html/secure/link": "linked"}, asks="""
    /s/link?md5=bad&expires=2147483647 -> 403 [page]
    /s/link?md5=bad -> 403 [page]
    /s/link -> 403 [page]
    /p/0e67e1bc/link -> 403 [page]
    /p/5e814704a28d9bc1914ff19fa0c4a00a/link -> 200 linked
    /p/5e814704a28d9bc1914ff19fa0c4a00a/none -> 403 [page]
    /s/link?md5=_e4Nc3iduzkWRm01TBBNYw&expires=2147483647 -> 200 ok 1
""")

CASES["referer"] = Documented(server=r"""
    server_name site.example;
    valid_referers none blocked server_names *.example.com example.* www.example.org/galleries/ ~\.google\.;
    location / { if ($invalid_referer) { return 403; } return 200 "[$invalid_referer]"; }
""", asks="""
    / -> 200 []
    / | Referer: http://a.example.com/x -> 200 []
    / | Referer: https://example.net -> 200 []
    / | Referer: http://www.example.org/galleries/x -> 200 []
    / | Referer: http://www.example.org/other -> 403 [page]
    / | Referer: http://www.google.de/ -> 200 []
    / | Referer: hidden -> 200 []
    / | Referer: http://bad.example/ -> 403 [page]
    / | Referer: http://site.example:8080/x -> 200 []
    / | Referer: HTTP://A.EXAMPLE.COM -> 200 []
    / | Referer: -> 200 []
""")

CASES["expires and add_header"] = Documented(http="""
    map $sent_http_content_type $expires { default off; application/pdf 42d; text/css max; }
    types { text/html html; application/pdf pdf; text/css css; }
""", server="""
    location /epoch { expires epoch; }
    location /max { expires max; }
    location /off { expires off; }
    location /24h { expires 24h; }
    location /minus { expires -1; add_header Cache-Control private; }
    location /var { set $e 5m; expires $e; }
    location /map { expires $expires; }
    location /404 { add_header X-A b; root html/x; }
    location /always404 { add_header X-A b always; root html/x; }
    add_header X-Outer o;
    location /inner { add_header X-A b; location /inner { add_header X-B c; } }
""", files={"html/epoch": "epoch", "html/max": "max", "html/off": "off", "html/24h": "24h", "html/minus": "minus",
    "html/var": "var", "html/inner": "inner", "html/map.pdf": "map.pdf", "html/map.css": "map.css",
    "html/map.html": "map.html"},
    shows=("Cache-Control", "Expires", "X-A", "X-B", "X-Outer"),
    asks="""
    /epoch -> 200 epoch [Cache-Control: no-cache] [Expires: Thu, 01 Jan 1970 00:00:01 GMT] [X-Outer: o]
    /max -> 200 max [Cache-Control: max-age=315360000] [Expires: Thu, 31 Dec 2037 23:55:55 GMT] [X-Outer: o]
    /off -> 200 off [X-Outer: o]
    /24h -> 200 24h [Cache-Control: max-age=86400] [Expires: (time)] [X-Outer: o]
    /minus -> 200 minus [Cache-Control: no-cache] [Cache-Control: private] [Expires: (time)]
    /var -> 200 var [Cache-Control: max-age=300] [Expires: (time)] [X-Outer: o]
    /map.pdf -> 200 map.pdf [Cache-Control: max-age=3628800] [Expires: (time)] [X-Outer: o]
    /map.css -> 200 map.css [Cache-Control: max-age=315360000] [Expires: Thu, 31 Dec 2037 23:55:55 GMT] [X-Outer: o]
    /map.html -> 200 map.html [X-Outer: o]
    /404 -> 404 [page]
    /always404 -> 404 [page] [X-A: b]
    /inner -> 200 inner [X-B: c]
""")

CASES["charset"] = Documented(http="""
    charset_map koi8-r windows-1251 { C0 FE ; C1 E0 ; C2 E1 ; }
    types { text/html html; text/plain txt; text/css css; }
""", server="""
    charset utf-8; default_type text/plain;
    location /v/ { set $cs koi8-r; charset $cs; }
    location /off/ { charset off; }
    location /u { charset koi8-r; return 200 "x"; }
""", files={"html/a.html": "x", "html/a.txt": "x", "html/a.css": "x", "html/v/a.html": "x", "html/off/a.html": "x"},
    shows=("Content-Type",),
    asks="""
    /a.html -> 200 x [Content-Type: text/html; charset=utf-8]
    /a.txt -> 200 x [Content-Type: text/plain; charset=utf-8]
    /a.css -> 200 x [Content-Type: text/css]
    /v/a.html -> 200 x [Content-Type: text/html; charset=koi8-r]
    /off/a.html -> 200 x [Content-Type: text/html]
    /u -> 200 x [Content-Type: text/plain; charset=koi8-r]
""")

CASES["map"] = Documented(http=r"""
    map $http_host $name { hostnames; default 0; example.com 1; *.example.com 1; example.org 2;
        *.example.org 2; .example.net 3; wap.* 4; mail.* 5; .dot.edu 6; }
    map $http_user_agent $mobile { default 0; "~Opera Mini" 1; }
    map $uri $new { default -; ~^/re/(?<x>.*)$ /new/$x; ~*^/re/(.*)$ /low/$1; /mobile "args:$args"; \default d; }
""", server="""
    server_name ~.; return 200 "$name $mobile $new";
""", asks="""
    / | Host: example.com -> 200 1 0 -
    / | Host: www.example.com -> 200 1 0 -
    / | Host: a.b.example.org -> 200 2 0 -
    / | Host: mail.example.net -> 200 3 0 -
    / | Host: foo.example.fr -> 200 0 0 -
    / | Host: other -> 200 0 0 -
    / | Host: dot.edu -> 200 6 0 -
    / | Host: x.dot.edu -> 200 6 0 -
    / | Host: example.com | User-Agent: Opera Mini/1 -> 200 1 1 -
    / | Host: x | User-Agent: opera mini/7 -> 200 0 0 -
    /mobile?a=1 -> 200 0 0 args:a=1
    /re/abc -> 200 0 0 /new/abc
    /RE/abc -> 200 0 0 /low/abc
""")

CASES["geo"] = Documented(http="""
    geo $http_x_a $geo { default 0; 127.0.0.1 2; 192.168.1.0/24 1; 10.1.0.0/16 1; ::1 2; 2001:0db8::/32 1; }
    geo $arg_a $unused { default 0; 127.0.0.1/32 2; }
    geo $http_x_a $country { default ZZ; include conf-geo; delete 127.0.0.0/16; 127.0.0.0/24 US;
        127.0.0.1/32 RU; 10.1.0.0/16 RU; 192.168.1.0/24 UK; }
    geo $http_x_a $range { ranges; default ZZ; 127.0.0.0-127.0.0.0 US; 127.0.0.1-127.0.0.1 RU;
        127.0.0.2-127.0.0.255 US; 10.1.0.0-10.1.255.255 RU; 192.168.1.0-192.168.1.255 UK; }
""", server="""
    return 200 "$geo $country $range";
""", files={"conf-geo": "10.2.0.0/16 IT;\n127.0.0.0/16 XX;\n"}, asks="""
    / | X-A: 127.0.0.1 -> 200 2 RU RU
    / | X-A: 192.168.1.1 -> 200 1 UK UK
    / | X-A: 10.1.0.7 -> 200 1 RU RU
    / | X-A: 10.2.0.7 -> 200 0 IT ZZ
    / | X-A: ::1 -> 200 2 ZZ ZZ
    / | X-A: 2001:db8::5 -> 200 1 ZZ ZZ
    / | X-A: 192.168.2.0 -> 200 0 ZZ ZZ
    / | X-A: nonsense -> 200 0 ZZ ZZ
""")

CASES["split_clients"] = Documented(http="""
    split_clients "${remote_addr}AAA$http_user_agent" $variant { 0.5% .one; 2.0% .two; 30% .three; 33.33% .four; * ""; }
""", server="""
    location / { return 200 "index${variant}.html"; }
""", asks="""
    / | User-Agent: agent0 -> 200 index.three.html
    / | User-Agent: agent1 -> 200 index.html
    / | User-Agent: agent2 -> 200 index.four.html
    / | User-Agent: agent3 -> 200 index.html
    / | User-Agent: agent4 -> 200 index.four.html
    / | User-Agent: agent5 -> 200 index.four.html
    / | User-Agent: agent6 -> 200 index.html
    / | User-Agent: agent7 -> 200 index.four.html
    / | User-Agent: agent8 -> 200 index.html
    / | User-Agent: agent9 -> 200 index.four.html
    / | User-Agent: agent10 -> 200 index.three.html
    / | User-Agent: agent11 -> 200 index.four.html
""")

CASES["core: redirects"] = Documented(server="""
    server_name one.example;
    location / { port_in_redirect off; root html; }
    location /rel/ { absolute_redirect off; root html; }
""", files={"html/folder/index.html": "f", "html/rel/folder/index.html": "f"}, asks="""
    /folder -> 301 http://h/folder/
    /folder?x -> 301 http://h/folder/?x
    /rel/folder -> 301 /rel/folder/
""")

CASES["core: types, etag, index"] = Documented(server="""
    location /d/ { types { } default_type application/octet-stream; }
    location /i/ { index index.$geo.html index.0.html /index.html; set $geo de; }
    location /j/ { index missing.html /i/index.0.html; }
""", files={"html/x.strange": "x", "html/d/a.gif": "g", "html/i/index.0.html": "0", "html/index.html": "top", "html/j/x": "",
    "html/nothing/x": ""},
    shows=("Content-Type",),
    asks="""
    /x.strange -> 200 x [Content-Type: text/plain]
    /d/a.gif -> 200 g [Content-Type: application/octet-stream]
    /i/ -> 200 0 [Content-Type: text/html]
    /j/ -> 200 0 [Content-Type: text/html]
    /nothing/ -> 403 [page] [Content-Type: text/html]
""")

CASES["geo proxy"] = Documented(http="""
    geo $a { default 0; proxy 127.0.0.0/8; 192.168.1.0/24 1; 127.0.0.1 lo; }
    geo $b { default 0; proxy 127.0.0.0/8; proxy_recursive; 192.168.1.0/24 1; 127.0.0.1 lo; }
""", server="""
    return 200 "$a $b";
""", asks="""
    / | X-Forwarded-For: 192.168.1.5 -> 200 1 1
    / | X-Forwarded-For: 10.0.0.1, 192.168.1.5 -> 200 1 1
    / | X-Forwarded-For: 192.168.1.5, 127.0.0.1 -> 200 lo 1
    / -> 200 lo lo
""")

CASES["request processing: mixed"] = Documented(http="""
    server { listen 127.0.0.1:{port}; server_name example.org www.example.org; return 200 org; }
    server { listen 127.0.0.1:{port} default_server; server_name example.net www.example.net; return 200 net; }
    server { listen 127.0.0.1:{port2}; server_name example.com www.example.com; return 200 com; }
""", asks="""
    / | Host: example.org -> 200 org
    / | Host: example.com -> 200 net
    / | Host: x -> 200 net
""")

CASES["merge_slashes off"] = Documented(server="""
    merge_slashes off; location /a/ { return 200 "$uri"; } location ~ //c { return 200 "re $uri"; } location / { return 200 "else $uri"; }
""", asks="""
    /a//b?x//y -> 200 /a//b
    //c//d -> 200 re //c//d
""")

CASES["error_page: 401"] = Documented(server="""
    location /a { auth_basic x; auth_basic_user_file {prefix}/ht; error_page 401 /401.html; }
    location /b { auth_basic x; auth_basic_user_file {prefix}/ht; error_page 401 = @login; }
    location @login { return 302 /login; }
    location = /401.html { internal; }
""", files={"ht": "a:b\n", "html/401.html": "who?", "html/a": "a", "html/b": "b"}, shows=("WWW-Authenticate",), asks="""
    /a -> 401 who? [WWW-Authenticate: Basic realm="x"]
    /b -> 302 http://h:{port}/login ## nginx: 302 http://h:{port}/login [WWW-Authenticate: Basic realm="x"] ## ONLY_401
""")

CASES["if in location"] = Documented(server=r"""
    location /a { add_header X-O o; if ($http_x_m) { add_header X-I i; } }
    location /b { set $v 1; if ($arg_x) { set $v "${v}2"; } if ($arg_x) { set $v "${v}3"; } return 200 $v; }
    location /c/ { if (!-e $request_filename) { rewrite ^/c/(.*)$ /front?q=$1 last; } }
    location = /front { return 200 "front $args"; }
    location /d { if ($http_cookie) { return 200 cookie; } try_files $uri =404; }
    location /e { if ($request_method = OPTIONS) { add_header Allow "GET, OPTIONS"; return 204; } return 200 e; }
    location /f/ { location ~ \.php$ { return 200 nested; } }
""", files={"html/a": "a", "html/c/there": "there", "html/d": "d"}, shows=("X-O", "X-I", "Allow"), asks="""
    /a | X-M: 1 -> 200 a [X-I: i]
    /a -> 200 a [X-O: o]
    /b?x=1 -> 200 123
    /b -> 200 1
    /c/none -> 200 front q=none
    /c/there -> 200 there
    /d | Cookie: a=b -> 200 cookie
    /d -> 200 d
    OPTIONS /e -> 204 [Allow: GET, OPTIONS]
    /e -> 200 e
    /f/x.php -> 200 nested
""")

CASES["try_files: in order"] = Documented(server="""
    location / { try_files /maintenance.html $uri $uri/ @b; } location @b { try_files /none $uri.html =410; }
""", files={"html/x/y.html": "y"}, asks="""
    /a/b -> 410 [page]
    /x/y -> 200 y
""")

CASES["try_files: below an alias"] = Documented(server="""
    location /al/ { alias {prefix}/x/; try_files $uri /al/d =404; }
""", files={"x/f": "f", "x/d": "d"}, asks="""
    /al/f -> 200 f
    /al/none -> 200 d ## nginx: 404 [page] ## ALIASED
""")

CASES["rewrite: no arguments"] = Documented(server="""
    rewrite ^/a/$ /c? permanent; location / { return 200; }
""", asks="""
    /a/?b -> 301 http://h:{port}/c
""")

CASES["rewrite: break and root"] = Documented(server="""
    location = /a { return 302 /a/; } location /a/ { rewrite ^/a(/.*)$ $1 break; root {prefix}/r; }
""", files={"r/b": "b"}, asks="""
    /a -> 302 http://h:{port}/a/
    /a/b -> 200 b
""")

SEASONS = ("1970", "2037")      # of "expires epoch" and "expires max"


def told(server, response, shows):
    if response is None:
        return short(server, response)
    fields = [(name, value) for name in shows for value in response.all(name)]
    steady = [(name, value if name != "Expires" or any(year in value for year in SEASONS) else "(time)") for name, value in fields]
    return " ".join([short(server, response), *(f"[{name}: {value}]" for name, value in steady)])


@pytest.mark.parametrize("kind", [Weir, pytest.param(Nginx, marks=pytest.mark.skipif(NGINX is None, reason="there is no nginx"))])
@pytest.mark.parametrize("name", list(CASES))
def test_example_is_answered(name, kind):
    case = CASES[name]
    expected = {question: other if kind is Nginx else own for question, own, other in case.rows()}
    with serving(kind=kind, **case.arguments()) as server:
        assert {question: told(server, put(server, question), case.shows) for question in expected} == expected
