# SPDX-License-Identifier: BSD-2-Clause
"""
Server side includes beside the nginx of this machine: the same pages, the same bytes. What differs stands in DIFFERENCES, with the
reason; skipped where there is no nginx.
"""

import re

import pytest

from harness import request, serving
from harness.nginx import NGINX, Nginx, with_fields_of

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

MTIME = 1_700_000_000
ERROR = b"[an error occurred while processing the directive]"
FILES = {
    "sub/a.txt": "A", "sub/b.html": 'B[<!--#echo var="uri"-->]<!--#include file="a.txt"-->', "sub/empty.html": "", "q.html": "Q",
    "sub/args.html": '(<!--#echo var="args"-->|<!--#echo var="arg_x"-->|<!--#echo var="request_uri"-->|<!--#echo var="document_uri"-->)',
    "sub/set.html": '<!--#set var="v" value="fromsub"-->S', "sub/echo.html": 'v=<!--#echo var="v"-->', "sub/abc.txt": "ABC",
    "sub/deep/d.html": 'D<!--#include file="../a.txt"-->', "sub/selfinc.html": 's<!--#include file="selfinc.html"-->',
    "sub/err.html": "e<!--#bad-->", "sub/cfg.html": '<!--#config errmsg="SUBERR"--><!--#bad-->', "sub/cap.html": 'C<!--#echo var="1"-->',
    "sub/usestub.html": '<!--#include virtual="/missing" stub="b"-->', "sub/defblock.html": '<!--#block name="late"-->L<!--#endblock-->',
    "plain.txt": 't<!--#echo var="uri"-->', "small.html": "[<!--#include virtual='/sub/abc.txt' set='v'-->][<!--#echo var='v'-->]",
    "large.html": "[<!--#include virtual='/sub/abc.txt' set='v'-->][<!--#echo var='v'-->]".replace("abc", "b"),
    "many.html": '<!--#include virtual="/sub/a.txt"-->' * 60, "empty.html": "", "e.html": 'e<!--#echo var="uri"-->',
    "text.html": "x" * 5000 + "<" * 5000 + "<!-" * 3000 + "<!--#echo var='uri'-->" + "-->" * 3000 + "y",
}
SERVER = """
    ssi on; types { text/html html; text/plain txt; } default_type text/html;
    location /silent/ { alias {prefix}/html/; ssi_silent_errors on; }
    location /modified/ { alias {prefix}/html/; ssi_last_modified on; }
    location /short/ { alias {prefix}/html/; ssi_value_length 16; }
    location /types/ { alias {prefix}/html/; ssi_types text/plain; }
    location /all/ { alias {prefix}/html/; ssi_types *; ssi_min_file_chunk 1k; }
    location /small/ { alias {prefix}/html/; subrequest_output_buffer_size 3; }
    location /noinc/ { alias {prefix}/html/; ssi off; }
    location /if/ { alias {prefix}/html/; ssi off; if ($arg_on) { ssi on; } }
    location /setx/ { alias {prefix}/html/; set $x "conf<"; }
    location /private/ { internal; alias {prefix}/html/sub/; }
    location /deny/ { deny all; alias {prefix}/html/sub/; }
    location /ret200 { return 200 "ret $args|$request_uri|$uri"; }
    location /ret204 { return 204; } location /ret301 { return 301 /x; } location /ret500 { return 500; } location /ret444 { return 444; }
    location /r201 { return 201 created; } location /r299 { return 299 x; } location /r302 { return 302 txt; }
    location /r304 { return 304; } location /r400 { return 400 bad; }
    location /err/ { error_page 404 =200 /sub/a.txt; }
    location /err2/ { error_page 404 /sub/a.txt; }
    location /e3/ { error_page 404 /sub/b.html; }
    location /try { try_files $uri /sub/a.txt; }
    location ~ ^/cap/(.*)$ { alias {prefix}/html/$1; }
"""

PAGES = {
    "syntax": [
        'a<!--# echo var="uri" -->b', 'a<!--#echo var="uri"-->b', 'a<!--#echo var="uri" -->b', 'a<!--#  echo   var = "uri"   -->b',
        "a<!--#echo var='uri' -->b", 'a<!--#echo var=uri -->b', 'a<!--#ECHO var="uri" -->b', 'a<!--#echo VAR="uri" -->b',
        'a<!--#echo var="URI" -->b', 'a<!--#echo\nvar="uri"\n-->b', 'a<!--#echo\tvar="uri"\r\n-->b', 'a<!-- #echo var="uri" -->b',
        'a<!--#unknown -->b', 'a<!--#unknown x="y" -->b', 'a<!--# -->b', 'a<!--#-->b', 'a<!--#echo -->b', 'a<!--#echo-->b',
        'a<!--#echo var="uri" foo="x" -->b', 'a<!--#echo foo="x" var="uri" -->b', 'a<!--#echo var="uri" var="args" -->b',
        'a<!--#echo var="" -->b', 'a<!--#echo var="nope" -->b', 'a<!--#echo var="nope" default="dd" -->b',
        'a<!--#echo var="nope" default="" -->b', 'a<!--#echo var="uri" --', 'a<!--#echo var="uri', 'a<!--#echo var="uri"', 'a<!--', 'a<', 'a<!',
        'a<!-', 'a<!--#', 'a<!--#ech', 'a<!--#echo', 'a<!--#echo ', 'a<!--#echo v', 'a<!--#echo var', 'a<!--#echo var=', 'a<!--#echo var="uri" -',
        'a<!--#echo var="uri" -->', 'a<<!--#echo var="uri" -->b', 'a<!<!--#echo var="uri" -->b', 'a<!-<!--#echo var="uri" -->b',
        'a<!--<!--#echo var="uri" -->b', 'a<!---#echo var="uri" -->b', 'a<!--#echo var="uri" -- >b-->c', 'a<!--#echo var="uri" - ->b-->c',
        'a<!--#echo var="uri" x-->b-->c', 'a<!--#echo var="uri"x="y"-->b-->c', 'a<!--#echo var="uri" --x>b-->c', 'a<!--#echo var "uri" -->b',
        'a<!--#echo "uri" -->b', 'a<!--#echo var="u\\"ri" -->b', 'a<!--#echo var="nope" default="a\\"b" -->b',
        'a<!--#echo var="nope" default="a\\\\b\\n\\\'" -->b', 'a<!--#echo var=\'nope\' default=\'a\\\'b"\' -->b',
        'a<!--#echo var="nope" default="a-->b" -->c', 'a<!--#echo va r="uri" -->b', 'a<!--#echo var="uri"default="x" -->b',
        'a<!--#echo- var="uri" -->b', 'a<!--#echo var- ="uri" -->b', 'a<!--#e -->b', 'a<!--#echoecho var="uri" -->b', 'a<!--#1 -->b',
        'a<!--#eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee var="uri" -->b', 'a<!--#echo vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv="uri" -->b',
        'a<!--#echo _v="uri" -->b', 'a<!--#echo v1="uri" -->b', 'a<!--#_echo var="uri" -->b', 'a<!--#echo1 var="uri" -->b',
        '<!--#eeeeeeeeeeeeeeeeeeeeeeeeeeeeeee -->', '<!--#eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee -->', '<!--#eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee -->',
        '<!--#echo eeeeeeeeeeeeeeeeeeeeeeeeeeeeeee="x" -->', '<!--#echo eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee="x" -->',
        '<!--#echo eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee="x" -->',
        '<!--#echo p0="x" p1="x" p2="x" p3="x" p4="x" p5="x" p6="x" p7="x" p8="x" p9="x" p10="x" p11="x" p12="x" p13="x" p14="x" -->z',
        '<!--#echo p0="x" p1="x" p2="x" p3="x" p4="x" p5="x" p6="x" p7="x" p8="x" p9="x" p10="x" p11="x" p12="x" p13="x" p14="x" p15="x" -->z',
        '<!--#echo p0="x" p1="x" p2="x" p3="x" p4="x" p5="x" p6="x" p7="x" p8="x" p9="x" p10="x" p11="x" p12="x" p13="x" p14="x" p15="x" p16="x" -->z',
        'x<!--#bad! x --->c', 'x<!--#bad! x --- -->c', 'x<!--#bad! x ---->c', 'x<!--#bad! x -<-->c', 'x<!--#bad! "-->c" -->d',
        'x<!--#bad! x --->c-->d', 'x<!--#bad! x ---->c-->d', 'x<!--#-->y-->z', 'x<!--#--->y-->z', 'x<!--#->y-->z', 'x<!--#- -->y-->z',
        'x<!--# echo-->y', 'x<!--#\necho\nvar\n=\n"uri"\n-->y', 'x<!--#echo var="uri" --->y-->z', 'x<!--#echo var="uri"--->y-->z',
        'x<!--#echo---->y-->z', 'x<!--#echo var="uri\n" -->y', 'x<!--#echo\x0bvar="uri" -->y', 'x<!--#echo\x00 var="uri" -->y',
        'x<!--#echo var\n="uri" -->y', 'x<!--#echo var="ur\x00i" -->y', '<!--', '<', '--><!--#echo var="uri"-->',
        '<!--#set var="a" value="1"--><', '<!--#if expr="a=b"--><', '<!--#if expr="a=b"-->x<!--y<!-<<!--#endif-->z', '<!--#set var="q" value="x',
        '<!--#echo var="a" ,default="x"-->y',
    ],
    "set": [
        '<!--#set var="v" value="x"--><!--#echo var="v"-->', '<!--#set var="v"--><!--#echo var="v"-->', '<!--#set value="x"-->',
        '<!--#set var="v" value="$uri:${uri}x$arg_q"--><!--#echo var="v"-->',
        '<!--#set var="v" value=""-->[<!--#echo var="v"-->][<!--#echo var="v" default="d"-->]',
        '<!--#set var="v" value="a$"-->[<!--#echo var="v"-->]', '<!--#set var="v" value="${uri"-->[<!--#echo var="v"-->]',
        '<!--#set var="v" value="$nope"-->[<!--#echo var="v"-->]', '<!--#set var="v" value="\\$uri"-->[<!--#echo var="v"-->]',
        '<!--#set var="v" value="a\\"b\\\\c"-->[<!--#echo var="v" encoding="none"-->]', '<!--#set var="V" value="x"--><!--#echo var="v"-->',
        '<!--#set var="uri" value="x"--><!--#echo var="uri"-->',
        '<!--#set var="v" value="1"--><!--#set var="v" value="${v}2"--><!--#echo var="v"-->',
        '<!--#set var="v" value="$$"-->[<!--#echo var="v"-->]', '<!--#set var="v" value="$-"-->[<!--#echo var="v"-->]',
        '<!--#set var="$v" value="z"-->[<!--#echo var="$v"-->]', '<!--#set var="" value="z"-->[<!--#echo var=""-->]',
        '<!--#set var="a b<" value="z"-->[<!--#echo var="a b<"-->]', '<!--#set var="http_x" value="z"-->[<!--#echo var="http_x"-->]',
        '<!--#set var="v" value="a" foo="x"-->', '<!--#set var="v" value="a" value="x"-->',
        '<!--#set var="v" value="$1"-->[<!--#echo var="v"-->]', '<!--#set var="v" value="${1}"-->',
        '<!--#set var="v" value="$arg_a.b"-->[<!--#echo var="v"-->]', '<!--#set var="v" value="$URI"-->[<!--#echo var="v"-->]',
        '<!--#set var="v" value="${}"-->[<!--#echo var="v"-->]', '<!--#echo var="x"--><!--#set var="x" value="ssi"--><!--#echo var="x"-->',
        '<!--#if expr="abcdefghijkl = /(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)(l)/"--><!--#set var="q" value="$1|$9|$10|$12|${12}"--><!--#echo var="q"-->,<!--#echo var="10"-->,<!--#echo var="11"-->,<!--#echo var="09"-->,<!--#echo var="1x"--><!--#endif-->',
        '<!--#echo var="1"-->', '<!--#echo var="args"--><!--#echo var="is_args"-->',
        '<!--#set var="date_gmt" value="x"--><!--#echo var="date_gmt"-->', '<!--#echo var=" uri"-->',
        '<!--#if expr="abc = /(b)/"--><!--#endif--><!--#include virtual="/sub/cap.html"--><!--#echo var="1"-->',
    ],
    "echo": [
       
        '<!--#set var="v" value="<a>&\'x\'"--><!--#echo var="v"-->|<!--#echo var="v" encoding="none"-->|<!--#echo var="v" encoding="url"-->|<!--#echo var="v" encoding="entity"-->|<!--#echo var="v" encoding="xx"-->|',
        '<!--#set var="v" value="%~-_.+ *()/;:@&=$,?#[]!\'"\xe4\xe9^`{}|"--><!--#echo var="v" encoding="url"-->',
        '<!--#echo var="v" encoding="url" default="a b"-->', '<!--#echo var="v" encoding="" -->', '<!--#echo var="v" encoding="ENTITY" -->',
        '<!--#echo var="v" default="$uri" -->', '<!--#echo var="v" default="<b>" encoding="none" -->', '<!--#echo var="http_host"-->',
        '<!--#echo var="arg_q" -->', '<!--#echo var="arg_empty" -->', '<!--#echo var="1" -->',
        '<!--#echo encoding="none" var="v" default="x<" -->', '<!--#echo encoding="bad" var="uri" -->',
    ],
    "if": [
        '<!--#if expr="$uri"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="$nope"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a"-->y<!--#else-->n<!--#endif-->', '<!--#if expr=""-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="0"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a = a"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a=a"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a = b"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a != b"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a!=b"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a != a"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="$uri = /^.c([0-9]+).*$/"-->y<!--#echo var="1"--><!--#else-->n<!--#endif-->',
        '<!--#if expr="$uri = /C(?P<num>[0-9]+)/"-->y<!--#echo var="1"--><!--#echo var="num"--><!--#else-->n<!--#endif-->',
        '<!--#if expr="$uri != /x/"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="$uri != /c/"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="$uri = /c"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="$uri = /(/"-->y<!--#else-->n<!--#endif-->z',
        '<!--#if expr="$uri ~ c"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="$uri == c"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="$uri !c"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="!$uri"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="$uri ="-->y<!--#else-->n<!--#endif-->', '<!--#if expr="$nope ="-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr=" a  =  a "-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a b = a b"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a b"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="\'a b\' = \'a b\'"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="$uri = $document_uri"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="x$uri = x$document_uri"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="$uri$args = /c/"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="= a"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="$uri = /c/i"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="$a = $b"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a = a = a"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a\\ b = a\\ b"-->y<!--#else-->n<!--#endif-->', '<!--#if-->y<!--#else-->n<!--#endif-->',
        '<!--#if foo="x"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a=$nope"-->y<!--#elif expr="a=a"-->e<!--#elif expr="b=b"-->f<!--#else-->n<!--#endif-->z',
        '<!--#if expr="a=b"-->y<!--#elif expr="a=c"-->e<!--#else-->n<!--#endif-->z',
        '<!--#if expr="a"-->y<!--#elif expr="a"-->e<!--#else-->n<!--#endif-->z', '<!--#elif expr="a"-->x', '<!--#else-->x', '<!--#endif-->x',
        '<!--#if expr="a"-->y<!--#else-->n<!--#else-->m<!--#endif-->z', '<!--#if expr="a=b"-->y<!--#else-->n<!--#else-->m<!--#endif-->z',
        '<!--#if expr="a"-->y<!--#else-->n<!--#elif expr="a"-->m<!--#endif-->z',
        '<!--#if expr="a=b"-->y<!--#else-->n<!--#elif expr="a"-->m<!--#endif-->z', '<!--#if expr="a"-->y<!--#else x="y"-->n<!--#endif x="z"-->z',
        '<!--#if expr="a"-->1<!--#if expr="a"-->2<!--#else-->3<!--#endif-->4<!--#else-->5<!--#endif-->6',
        '<!--#if expr="a"-->1<!--#if expr="a=b"-->2<!--#else-->3<!--#endif-->4<!--#else-->5<!--#endif-->6',
        '<!--#if expr="a=b"-->1<!--#if expr="a"-->2<!--#else-->3<!--#endif-->4<!--#else-->5<!--#endif-->6',
        '<!--#if expr="a=b"-->1<!--#if expr="a=b"-->2<!--#else-->3<!--#endif-->4<!--#else-->5<!--#endif-->6',
        '<!--#if expr="a=b"-->1<!--#else-->2<!--#if expr="a"-->3<!--#else-->4<!--#endif-->5<!--#endif-->6',
        '<!--#if expr="a"-->1<!--#elif expr="a=b"--><!--#if expr="a"-->3<!--#else-->4<!--#endif-->5<!--#endif-->6',
        '<!--#if expr="a=b"-->1<!--#elif expr="a"-->2<!--#if expr="a"-->3<!--#else-->4<!--#endif-->5<!--#else-->7<!--#endif-->6',
        '<!--#if expr="a"-->y',
        '<!--#if expr="a=b"-->y<!--#set var="v" value="1"--><!--#bad--><!--#echo foo="1"--><!--#bad!-->z<!--#endif-->[<!--#echo var="v"-->]',
        '<!--#if expr="$nope = /x/"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a" expr="b"-->y<!--#endif-->z',
        '<!--#if expr="$uri=/c/"-->y<!--#endif-->z', '<!--#if expr="$uri /c/"-->y<!--#endif-->z',
        '<!--#if expr="$uri = \\/c"-->y<!--#else-->n<!--#endif-->z',
        '<!--#if expr="$uri = /^.c([0-9]+)/"-->y<!--#echo var="1"--><!--#else-->n<!--#endif-->',
        '<!--#if expr="$uri = /^.c([0-9]+)\\.html\\$/"-->y<!--#echo var="1"--><!--#else-->n<!--#endif-->',
        '<!--#set var="v" value="cXhtml"--><!--#if expr="$v = /c.html/"-->y<!--#else-->n<!--#endif--><!--#if expr="$v = /X\\.html/"-->y<!--#else-->n<!--#endif--><!--#if expr="$v = /c\\.html/"-->y<!--#else-->n<!--#endif-->',
        '<!--#set var="v" value="a+"--><!--#if expr="aa = /^$v/"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="abc = /(?P<foo>b)(?P<bar>c)?/"-->y<!--#echo var="foo"--><!--#echo var="bar"--><!--#echo var="0"--><!--#echo var="1"--><!--#echo var="2"--><!--#endif-->',
        '<!--#if expr="abc = /(b)(x)?/"-->y<!--#echo var="0"-->,<!--#echo var="1"-->,<!--#echo var="2"-->,<!--#echo var="3" --><!--#endif--><!--#if expr="zzz = /(q)/"--><!--#endif-->,<!--#echo var="1"-->,<!--#if expr="zzz != /(z)/"--><!--#endif--><!--#echo var="1"-->',
        '<!--#if expr="abc = /(b)/"--><!--#set var="z" value="[$1]"--><!--#echo var="z"--><!--#endif-->',
        '<!--#if expr="abc = /(?P<Foo>b)/"-->y<!--#echo var="Foo"--><!--#echo var="foo"--><!--#endif-->',
        '<!--#if expr="abc = /(?<foo>b)/"-->y<!--#echo var="foo"--><!--#endif-->',
        '<!--#if expr="abc = /(?P<uri>b)/"-->y<!--#echo var="uri"--><!--#endif-->', '<!--#if expr="a/b = /a/b/"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a = / a/"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a = //"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a = /"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a =/a/ "-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a = a "-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a \t = a"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a\t=\ta"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a!b"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a! = b"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a =! b"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a !="-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a !"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a "-->y<!--#else-->n<!--#endif-->', '<!--#if expr="\\$uri = \\$uri"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="\\a = a"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="$uri = \'/c26.html\'"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr=\'$uri = "/c27.html"\'-->y<!--#else-->n<!--#endif-->', '<!--#if expr="$u-i = x"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a/ = a/"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="$"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a = $"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="-=-"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="\xe9=\xe9"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="a>b"-->y<!--#else-->n<!--#endif-->',
        '<!--#set var="v" value="aXb"--><!--#if expr="$v = /a\\.b/"-->y<!--#else-->n<!--#endif-->',
        '<!--#set var="v" value="aXb"--><!--#if expr="$v = /a\\\\.b/"-->y<!--#else-->n<!--#endif-->',
        '<!--#set var="v" value="a.b"--><!--#if expr="$v = /a\\\\.b/"-->y<!--#else-->n<!--#endif-->',
        '<!--#set var="v" value="5"--><!--#if expr="$v = /^\\d/"-->y<!--#else-->n<!--#endif-->',
        '<!--#set var="v" value="\\a\\n\\\\n\\\\\\\\m"-->[<!--#echo var="v"-->]',
        '<!--#set var="v" value="a$"--><!--#if expr="a = a\\$b"-->y<!--#else-->n<!--#endif-->',
        '<!--#set var="v" value="\\$"--><!--#if expr="$v = \\$"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="a=b"-->1<!--#elif expr="a b"-->2<!--#else-->3<!--#endif-->',
        '<!--#if expr="a=a"-->1<!--#elif expr="a b"-->2<!--#else-->3<!--#endif-->',
        '<!--#if expr="a=b"-->1<!--#elif-->2<!--#else-->3<!--#endif-->', '<!--#set var="v" value="x\\y"-->[<!--#echo var="v"-->]',
        '<!--#set var="v" value="$uri\\y"-->[<!--#echo var="v"-->]', '<!--#set var="v" value="${uri}\\$y"-->[<!--#echo var="v"-->]',
        '<!--#if expr="$v = /\\w/"-->y<!--#else-->n<!--#endif--><!--#if expr="w = /^\\w$/"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="z = /^\\w/"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="z = /^\\w\\$/"-->y<!--#else-->n<!--#endif-->',
        '<!--#if expr="w = /^\\w\\$/"-->y<!--#else-->n<!--#endif-->', '<!--#if expr="$uri = /\\.html/"-->y<!--#else-->n<!--#endif-->',
    ],
    "include": [
        '[<!--#include file="q.html"-->]', '[<!--#include virtual="q.html"-->]', '[<!--#include virtual="/q.html"-->]',
        '[<!--#include file="/q.html"-->]', '[<!--#include virtual="/sub/b.html"-->]', '[<!--#include file="sub/b.html"-->]',
        '[<!--#include file="sub/deep/d.html"-->]', '[<!--#include file="../q.html"-->]', '[<!--#include virtual="../q.html"-->]',
        '[<!--#include virtual="/sub/../q.html"-->]', '[<!--#include virtual="/../q.html"-->]', '[<!--#include virtual="/sub/args.html"-->]',
        '[<!--#include virtual="/sub/args.html?x=1&y=2"-->]', '[<!--#include file="sub/args.html?x=1"-->]',
        '[<!--#include virtual="/sub/args.html?"-->]', '[<!--#include virtual="/sub/args.html#frag"-->]',
        '[<!--#include virtual="/sub/args%2ehtml?x=%20"-->]', '[<!--#include virtual="/sub/args.html%3fx=1"-->]', '[<!--#include-->]',
        '[<!--#include virtual="/q.html" file="q.html"-->]', '[<!--#include virtual="/missing.html"-->]',
        '[<!--#include virtual="/missing.html" stub="b"-->]',
        '[<!--#block name="b"-->STUB<!--#endblock--><!--#include virtual="/missing.html" stub="b"-->]',
        '[<!--#block name="b"-->STUB<!--#endblock--><!--#include virtual="/sub/empty.html" stub="b"-->]',
        '[<!--#block name="b"-->STUB<!--#endblock--><!--#include virtual="/sub/a.txt" stub="b"-->]',
        '[<!--#block name="b"-->STUB<!--#endblock--><!--#include virtual="/deny/x" stub="b"-->]', '[<!--#include virtual="/deny/x"-->]',
        '[<!--#include virtual="/ret200?a"-->]', '[<!--#include virtual="/ret204"-->]', '[<!--#include virtual="/ret301"-->]',
        '[<!--#include virtual="/ret500"-->]', '[<!--#include virtual="/ret444"-->]x', '[<!--#include virtual="/try/x"-->]',
        '[<!--#include virtual="/private/a.txt"-->]', '[<!--#include virtual="/noinc/sub/b.html"-->]', '[<!--#include virtual="/sub"-->]',
        '[<!--#include virtual="/sub/"-->]', '[<!--#set var="f" value="a.txt"--><!--#include virtual="/sub/$f"-->]',
        '[<!--#include virtual="/sub/set.html"--><!--#echo var="v"-->]',
        '[<!--#include virtual="/sub/set.html" wait="yes"--><!--#echo var="v"-->]',
        '[<!--#include virtual="/sub/set.html" wait="no"--><!--#echo var="v"-->]',
        '[<!--#include virtual="/sub/set.html" wait="1"--><!--#echo var="v"-->]',
        '[<!--#set var="v" value="parent"--><!--#include virtual="/sub/echo.html"-->]',
        '[<!--#include virtual="/sub/a.txt" set="one"-->][<!--#echo var="one"-->]',
        '[<!--#include virtual="/sub/b.html" set="one"-->][<!--#echo var="one"-->]',
        '[<!--#include virtual="/missing" set="one"-->][<!--#echo var="one"-->]', '[<!--#include virtual="/sub/a.txt" set="one" wait="no"-->]',
        '[<!--#include virtual="/sub/a.txt" set="one" stub="b"-->]', '[<!--#include virtual="/sub/a.txt" set=""-->][<!--#echo var=""-->]',
        '[<!--#include file="http://x/y"-->]', '[<!--#include virtual="//sub//a.txt"-->]', '[<!--#include virtual="/sub/err.html"-->]',
        '[<!--#config errmsg="CFG"--><!--#include virtual="/sub/err.html"--><!--#bad-->]', '[<!--#include virtual="/sub/cfg.html"--><!--#bad-->]',
        '[<!--#include virtual="/sub/%00"-->]', '[<!--#include virtual="/sub/a.txt%00"-->]', '[<!--#include virtual="%2fsub/a.txt"-->]',
        '[<!--#include virtual="/sub/%2e%2e/q.html"-->]', '[<!--#include virtual="/sub/a b"-->]', '[<!--#include virtual="./q.html"-->]',
        '[<!--#include virtual="sub/./a.txt"-->]', '[<!--#include virtual="/sub/..hidden"-->]', '[<!--#include virtual="/sub/a.txt/.."-->]',
        '[<!--#include virtual="/sub/a.txt" stub=""-->]', '[<!--#include virtual="/%zz"-->]', '[<!--#include virtual="$nope"-->]',
        '[<!--#include virtual="/$"-->]', '[<!--#include virtual="/err/x"-->]', '[<!--#include virtual="/err2/x"-->]',
        '[<!--#include virtual="/r302"-->]', '[<!--#include virtual="/sub/selfinc.html"-->]',
        '[<!--#include virtual="/sub/abc.txt" set="q"-->][<!--#echo var="q"-->]',
        '[<!--#include virtual="/sub/a.txt" set="q" wait="yes"-->][<!--#echo var="q"-->]',
        '[<!--#include virtual="/r400" set="q"-->][<!--#echo var="q"-->]', '[<!--#include virtual="/ret204" set="q"-->][<!--#echo var="q"-->]',
        '[<!--#include virtual="/ret301" set="q"-->][<!--#echo var="q"-->]',
        '[<!--#include virtual="/sub/empty.html" set="q"-->][<!--#echo var="q"-->]',
        '[<!--#include virtual="/sub/a.txt" stub="zz" wait="1" virtual="/x"-->]', '[<!--#include virtual="$uri-$"-->]',
        '[<!--#include virtual="\\/sub/a.txt"-->]', '[<!--#include file="$nope"-->]', '[<!--#include file="sub/$arg_f"-->]',
        '[<!--#set var="s" value="<!--#echo var=\'uri\'--\\>"--><!--#echo var="s" encoding="none"-->]', '[<!--#include virtual="/plain.txt"-->]',
        '<!--#include virtual="/sub/a\\$x.txt"-->', '<!--#include virtual="/sub/\\a.txt"-->',
        '<!--#set var="uri" value="q"--><!--#include virtual="/sub/$uri"-->',
        '<!--#include file="/sub/a.txt" set="s1"--><!--#if expr="$s1 = A"-->y<!--#endif-->',
        '[<!--#include virtual="/sub/a.txt"  stub="one"  file="x"-->]',
    ],
    "block": [
        '<!--#block name="x"-->in<!--#echo var="uri"--><!--#endblock-->out', '<!--#block-->in<!--#endblock-->out', '<!--#endblock-->out',
        '<!--#block name="x"-->1<!--#block name="y"-->2<!--#endblock-->3<!--#endblock-->4',
        '<!--#block name="x"-->1<!--#if expr="a=b"-->2<!--#else-->3<!--#endif-->4<!--#endblock-->5[<!--#include virtual="/missing" stub="x"-->]',
        '<!--#if expr="a"--><!--#block name="x"-->in<!--#endblock--><!--#endif-->[<!--#include virtual="/missing" stub="x"-->]',
        '<!--#block name="x"-->A<!--#endblock--><!--#block name="x"-->B<!--#endblock-->[<!--#include virtual="/missing" stub="x"-->]',
        '<!--#block name=""-->A<!--#endblock-->[<!--#include virtual="/missing" stub=""-->]',
        '<!--#block name="x"-->A<!--#include virtual="/sub/a.txt"-->B<!--#endblock-->[<!--#include virtual="/missing" stub="x"-->]',
        '<!--#block name="x"-->A<!--#bad--><!--#echo var="uri"--><!--#set var="q" value="1"--><!--#endblock-->[<!--#include virtual="/missing" stub="x"-->]<!--#echo var="q"-->',
        '<!--#block name="x"-->unfinished', '<!--#include virtual="/missing" stub="x"--><!--#block name="x"-->late<!--#endblock-->',
        '<!--#block name="x"--><!--#endblock-->[<!--#include virtual="/missing" stub="x"-->]',
        '<!--#block name="$uri"-->A<!--#endblock-->[<!--#include virtual="/missing" stub="/c13.html"-->]',
        '<!--#if expr="a=b"--><!--#block name="x"-->A<!--#endblock--><!--#endif-->[<!--#include virtual="/missing" stub="x"-->]',
        '<!--#block name="x"-->A<!--#config errmsg="zz"-->B<!--#endblock--><!--#bad-->',
        '<!--#block name="x"-->A<!--#endif-->B<!--#endblock-->C<!--#endif-->',
        '<!--#block name="x"-->A<!--#if expr="a=b"-->B<!--#endblock-->C<!--#endif-->D',
        '<!--#if expr="a=b"-->1<!--#endblock-->2<!--#block name="q"-->3<!--#endif-->4', '<!--#block name="x" foo="x"-->A<!--#endblock-->C',
        '<!--#endblock foo="x"-->', '<!--#block name="x"-->A<!--#endblock foo="x"-->B',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/ret204" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/ret301" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/ret500" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/r201" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/r304" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/r400" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/r299" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/r302" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/err/x" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/err2/x" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/sub" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/sub/" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/private/none" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/e3/none" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/ret444" stub="b"-->]',
        '<!--#block name="b"-->STUB<!--#endblock-->[<!--#include virtual="/sub/usestub.html"-->]',
        '<!--#include virtual="/sub/defblock.html" wait="yes"-->[<!--#include virtual="/missing" stub="late"-->]',
        '<!--#block name="q"-->[<!--#include file="a.txt"-->]<!--#endblock--><!--#include virtual="/sub/none" stub="q"-->',
        '<!--#block name="q"-->[<!--#echo var="z"-->]<!--#endblock--><!--#set var="z" value="1"--><!--#include virtual="/sub/none" stub="q"--><!--#set var="z" value="2"-->',
        '<!--#block name="q"-->x<!--#include virtual="/none2" stub="q"--><!--#endblock--><!--#include virtual="/sub/none" stub="q"-->',
    ],
    "config": [
        '<!--#config errmsg="E"--><!--#bad-->', '<!--#config errmsg=""-->[<!--#bad-->]',
        '<!--#config timefmt=""-->[<!--#echo var="date_gmt"-->]', '<!--#config-->x', '<!--#config foo="x"-->',
        '<!--#config timefmt="%Y" errmsg="E"--><!--#echo var="date_gmt"--><!--#bad-->', '<!--#config errmsg="<b>$uri</b>"--><!--#bad-->',
        '<!--#config timefmt="%Y%%%q%"-->[<!--#echo var="date_gmt"-->]', '<!--#config errmsg="a\\"b\\\\"--><!--#bad-->',
        '<!--#config timefmt="$uri"-->[<!--#echo var="date_gmt"-->]',
    ],
}

DASHES = "a command ends where its comment does, at the first \"-->\" behind what is wrong in it"
TEXT = "what only begins like a command is text, at the end of a page as in its midst"
EMPTY = "a command without a name ends with its comment"
ORDER = "what stands behind an include is done behind it, so that wait is no matter"
ENTITIES = "\"'\" is an entity, too: values are safe in all attributes"
# page: (what weir makes of it, why)
DIFFERENCES = {
    'a<!--# -->b': (b"a" + ERROR + b"b", EMPTY),
    'a<!--#-->b': (b"a" + ERROR + b"b", EMPTY),
    'x<!--#-->y-->z': (b"x" + ERROR + b"y-->z", EMPTY),
    'a<!--': (b"a<!--", TEXT),
    'a<': (b"a<", TEXT),
    'a<!': (b"a<!", TEXT),
    'a<!-': (b"a<!-", TEXT),
    '<!--': (b"<!--", TEXT),
    '<': (b"<", TEXT),
    '<!--#set var="a" value="1"--><': (b"<", TEXT),
    'x<!--#bad! x --->c': (b"x" + ERROR + b"c", DASHES),
    'x<!--#bad! x ---->c': (b"x" + ERROR + b"c", DASHES),
    'x<!--#bad! x --->c-->d': (b"x" + ERROR + b"c-->d", DASHES),
    'x<!--#bad! x ---->c-->d': (b"x" + ERROR + b"c-->d", DASHES),
    'x<!--#echo var="uri" --->y-->z': (b"x" + ERROR + b"y-->z", DASHES),
    'x<!--#echo var="uri"--->y-->z': (b"x" + ERROR + b"y-->z", DASHES),
    'x<!--#echo---->y-->z': (b"x" + ERROR + b"y-->z", DASHES),
    'a<!--#echo var="nope" default="a\\\\b\\n\\\'" -->b': (b"aa\\\\b\\n\\&#39;b", ENTITIES),
    'a<!--#echo var=\'nope\' default=\'a\\\'b"\' -->b': (b"aa\\&#39;b&quot;b", ENTITIES),
    '<!--#set var="v" value="<a>&\'x\'"--><!--#echo var="v"-->|<!--#echo var="v" encoding="none"-->|<!--#echo var="v" encoding="url"-->|'
    '<!--#echo var="v" encoding="entity"-->|<!--#echo var="v" encoding="xx"-->|': (
        b"&lt;a&gt;&amp;&#39;x&#39;|<a>&'x'|%3Ca%3E&%27x%27|&lt;a&gt;&amp;&#39;x&#39;|&lt;a&gt;&amp;&#39;x&#39;|", ENTITIES),
    '[<!--#include virtual="/sub/args.html?"-->]': (b"[((none)|(none)|/include-14.html|/sub/args.html)]", "an empty query is no value"),
    '[<!--#include virtual="/ret444"-->]x': (b"[]x", "what closes its own connection does not take the page with it"),
    '[<!--#include virtual="/sub/set.html"--><!--#echo var="v"-->]': (b"[Sfromsub]", ORDER),
    '[<!--#include virtual="/sub/set.html" wait="no"--><!--#echo var="v"-->]': (b"[Sfromsub]", ORDER),
    '[<!--#include virtual="/sub/b.html" set="one"-->][<!--#echo var="one"-->]': (
        b"[][B[/sub/b.html]A]", "a page with commands may go into a variable, too"),
    '[<!--#include virtual="/%zz"-->]': (b"[" + ERROR + b"]", "a path is decoded as that of a request, or refused"),
    '<!--#block name="x"-->A<!--#bad--><!--#echo var="uri"--><!--#set var="q" value="1"--><!--#endblock-->'
    '[<!--#include virtual="/missing" stub="x"-->]<!--#echo var="q"-->': (b"[A/missing]1", ORDER),
    '<!--#block name="q"-->[<!--#echo var="z"-->]<!--#endblock--><!--#set var="z" value="1"--><!--#include virtual="/sub/none" stub="q"-->'
    '<!--#set var="z" value="2"-->': (b"[1]", ORDER),
    '<!--#if expr="a=b"-->1<!--#endblock-->2<!--#block name="q"-->3<!--#endif-->4': (
        b"4", "what stands in a branch that is not wanted does nothing"),
    '<!--#config errmsg=""-->[<!--#bad-->]': (b"[]", "an empty message is none, and the page goes on"),
    '<!--#config timefmt=""-->[<!--#echo var="date_gmt"-->]': (b"[(none)]", "a time without a text is a variable without a value"),
}


def answers(server, targets):
    """Bodies; pages of the server's own are all one."""
    bodies = []
    for target in targets:
        with server.connect() as client:
            client.send(request(target, "Connection: close", version="1.0"))
            body = client.read_rest().partition(b"\r\n\r\n")[2]
        for own in (rb"<html>.*?</html>\r\n", rb"<!DOCTYPE html>.*?</html>\n"):
            body = re.sub(own, b"{PAGE}", body, flags=re.S)
        bodies.append(body)
    return bodies


@pytest.mark.parametrize("group", PAGES)
def test_pages(group):
    names = [f"/{group}-{i}.html" for i in range(len(PAGES[group]))]
    files = {f"html/{name}": text for name, text in FILES.items()}
    files |= {f"html{name}": text.encode("latin-1") for name, text in zip(names, PAGES[group])}
    got = []
    for kind in (None, Nginx):
        with serving(kind=kind, server=SERVER, files=files, allow=["."]) as server:
            got.append(answers(server, names))
    wrong = []
    for text, ours, theirs in zip(PAGES[group], *got):
        wanted = DIFFERENCES[text][0] if text in DIFFERENCES else theirs
        if ours != wanted or (text in DIFFERENCES and ours == theirs):
            wrong.append((text, ours, theirs))
    assert wrong == []


def test_each_difference_is_of_a_page():
    assert set(DIFFERENCES) <= {text for texts in PAGES.values() for text in texts}


PLACES = [
    "/silent/sub/err.html", "/short/sub/b.html", "/types/plain.txt", "/types/e.html", "/all/plain.txt", "/small/small.html", "/noinc/sub/b.html",
    "/if/e.html", "/if/e.html?on=1", "/setx/e.html", "/setx/sub/echo.html", "/many.html", "/text.html", "/cap/sub/cap.html", "/cap/e.html",
    "/empty.html", "/all/empty.html",
]


def test_places():
    files = {f"html/{name}": text for name, text in FILES.items()}
    got = []
    for kind in (None, Nginx):
        with serving(kind=kind, server=SERVER, files=files, allow=["."]) as server:
            got.append(dict(zip(PLACES, answers(server, PLACES))))
    assert got[0] == got[1]


FIELDS = ("content-type", "content-length", "transfer-encoding", "last-modified", "etag", "accept-ranges", "content-range")
ASKED = [
    ("/e.html", "GET"), ("/e.html", "HEAD"), ("/modified/e.html", "GET"), ("/modified/e.html", "HEAD"), ("/plain.txt", "GET"),
    ("/empty.html", "GET"), ("/r201", "GET"), ("/ret204", "GET"), ("/if/e.html", "GET"), ("/if/e.html?on=1", "GET"),
    ("/e.html", "GET", "Range: bytes=0-1"), ("/modified/e.html", "GET", "Range: bytes=0-1"),
    ("/e.html", "GET", "If-None-Match: *"), ("/e.html", "GET", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT"),
    ("/e.html", "GET", 'If-Match: "x"'), ("/err/x", "GET"), ("/e3/x", "GET"), ("/e3/x", "HEAD"),
]


def test_fields():
    got = []
    for kind in (None, Nginx):
        with serving(kind=kind, server=SERVER, allow=["."]) as server:
            for name, text in FILES.items():
                server.write(f"html/{name}", text, mtime=MTIME)
            said = {}
            for target, method, *fields in ASKED:
                response = server.get(target, *fields, method=method)
                own = response.status >= 400 and b"<" in response.body
                said[target, method, *fields] = (response.status, None if own else sorted(
                    (n.lower(), v) for n, v in response.headers if n.lower() in FIELDS), None if own else response.body)
            got.append(said)
    for asked, answer in got[1].items():
        if answer[0] == 304 and len(asked) > 2:
            got[1][asked] = with_fields_of(got[1][asked[:2]], answer)
    assert got[0] == got[1]
