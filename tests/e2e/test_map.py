# SPDX-License-Identifier: BSD-2-Clause
"""map: a variable that goes by the value of others. test_beside_nginx_maps.py asks nginx the same."""

import pytest

from harness import request, run_weir, serving, wait_until

HTTP = r"""
    map_hash_bucket_size 128;
    map_hash_max_size 4096;
    map $arg_k $plain {
        default D;
        abc exact; "a b" blank; "" nothing; 'q"' quote;
        *.example.com star; .net dotnet; www.* end;
        \default escaped; \volatile vol; \~tilde tilde; a\.b backslash; \\z z;
        ~^re(?<map_named>.)(.)$ "$map_named:$2:$1"; ~*^RI ri; ~^[ac]bc$ never; ~^ri later; "~x{2} y" braces;
        hostnames one-word;
    }
    map $http_x_name $host_name {
        hostnames;
        default D;
        example.com exact; *.example.com below; *.a.example.com further; .example.org both; www.example.* end; mail.* mail; long.mail.* more;
        ~^www\.re re; "" nothing; *.com com;
    }
    map $arg_k $without { a 1; }
    map $arg_a$arg_b:$arg_c $several { 12:3 joined; : none; "1:" first; default $arg_a-$arg_b-${arg_c}x; }
    map $plain$arg_k $chain { default "[$plain]"; exactabc both; Dfoo foo; }
    map text $constant { text yes; default no; }
    map "" $of_nothing { "" yes; default no; }
    map $args $empty_block { }
    map $later $earlier { default "<$later>"; }
    map $arg_k $later { default none; abc some; }
    map $arg_k $included { default D; include more/*.map; include one.map; "include" word; }
    map $arg_k $twice { default first; }
    map $arg_k $twice { default second; }
"""
SERVER = """
    location / { return 200 "$plain|$host_name|$several|$chain|$constant|$of_nothing|$empty_block|$earlier|$twice"; }
    location /without { return 200 "[$without]"; }
    location /included { return 200 "$included"; }
    location /captures { return 200 "$plain $1 $2 $map_named"; }
"""
FILES = {"more/a.map": "a inc-a;\n# nothing\nb inc-b;", "more/b.map": "~^re inc-re;", "one.map": "c 'inc c';\n"}

PLAIN = {
    "abc": "exact", "ABC": "exact", "aBc": "exact", "cbc": "never", "Cbc": "D", "": "nothing", "*.example.com": "star", "x.example.com": "D",
    ".net": "dotnet", "x.net": "D", "www.x": "D", "www.*": "end", "default": "escaped", "DEFAULT": "escaped", "\\default": "D", "hostnames": "one-word",
    "volatile": "vol", "~tilde": "tilde", "\\~tilde": "D", "a\\.b": "backslash", "a.b": "D", "z": "z", "\\z": "D", "rexy": "x:y:x",
    "reXY": "X:Y:X", "Rexy": "D", "rexyz": "D", "rix": "ri", "RIX": "ri", "xx": "D", "%20": "D", "foo": "D",
}
HOSTS = {
    "example.com": "exact", "EXAMPLE.com": "exact", "example.com.": "exact", "example.com..": "D", "a.example.com": "below",
    "b.example.com": "below", "x.a.example.com": "further", "x.b.example.com": "below", "A.EXAMPLE.COM.": "below", ".example.com": "below",
    "..example.com": "below", "xexample.com": "com", "example.org": "both", "a.b.example.org": "both", ".example.org": "both",
    "xexample.org": "D", "www.example.org": "both", "www.example.com": "below", "www.example.": "D", "www.example": "D",
    "www.example.de": "end", "www.example.co.uk": "end", "mail.x": "mail", "mail.": "D", "mail": "D", "long.mail.x": "more", "x.mail.x": "D",
    "www.re": "re", "www.re.com": "com", "": "nothing", ".": "nothing", "*.example.com": "below", "www.example.*": "end", "default": "D",
    "example.com:80": "D", "com": "D", ".com": "com",
}
SEVERAL = {"a=1&b=2&c=3": "joined", "": "none", "a=1": "first", "a=x&c=z": "x--zx", "a=1&b=2": "1-2-x"}
CHAINS = {"abc": "both", "foo": "foo", "rexy": "[x:y:x]", "": "[nothing]"}
INCLUDED = {"a": "inc-a", "b": "inc-b", "c": "inc c", "rex": "inc-re", "x": "D"}
FIELDS = ["plain", "host_name", "several", "chain", "constant", "of_nothing", "empty_block", "earlier", "twice"]


def values(server, target="/", *fields):
    return dict(zip(FIELDS, server.get(target, *fields).text.split("|")))


@pytest.fixture(scope="module")
def server():
    with serving(http=HTTP, server=SERVER, files=FILES) as weir:
        yield weir


@pytest.mark.parametrize("key", list(PLAIN))
def test_key_gives_its_value(server, key):
    assert values(server, f"/?k={key}")["plain"] == PLAIN[key]


@pytest.mark.parametrize("name", list(HOSTS))
def test_host_name_gives_the_value_of_the_best_key(server, name):
    assert values(server, "/", f"X-Name: {name}")["host_name"] == HOSTS[name]


@pytest.mark.parametrize("query", list(SEVERAL))
def test_source_is_a_text_of_variables(server, query):
    assert values(server, f"/?{query}")["several"] == SEVERAL[query]


@pytest.mark.parametrize("key", list(CHAINS))
def test_maps_are_made_of_maps(server, key):
    assert values(server, f"/?k={key}")["chain"] == CHAINS[key]


@pytest.mark.parametrize("key", list(INCLUDED))
def test_files_are_included(server, key):
    assert server.get(f"/included?k={key}").text == INCLUDED[key]


def test_quoted_include_is_a_key(server):
    assert server.get("/included?k=include").text == "word"


def test_rest(server):
    got = values(server, "/?k=abc")
    assert (got["constant"], got["of_nothing"], got["empty_block"]) == ("yes", "yes", "")
    assert got["earlier"] == "<some>" and got["twice"] == "second"
    assert server.get("/without?k=a").text == "[1]" and server.get("/without?k=b").text == server.get("/without").text == "[]"


def test_captures_stay_for_others(server):
    assert server.get("/captures?k=rexy").text == "x:y:x x y x"
    assert server.get("/captures?k=abc").text == "exact   "


def test_value_is_asked_for_once_unless_volatile(weir):
    """A request that goes elsewhere has another $uri."""
    http = "map $uri $kept { default $uri; } map $uri $fresh { volatile; default $uri; }"
    server = weir(http=http, server="""
        location /a { error_page 404 /b$kept$fresh; }
        location /b { return 200 "$kept $fresh"; }""")
    assert server.get("/a").text == "/a /b/a/a"


def test_a_cycle_ends(weir):
    server = weir(http="map $b $a { default a$b$b; } map $a $b { default b$a$a; } map $d $c { volatile; default $d$d; } map $c $d { volatile; default $c$c; }",
                  server='location /a { return 200 "$a"; } location /c { return 200 "<$c>"; }')
    assert server.get("/a").text.startswith("a")
    assert server.get("/c").text == "<>"
    wait_until(lambda: 'cycle while evaluating variable "' in server.log_text())
    assert server.get("/a").status == 200


def test_expression_that_goes_astray_costs_its_request(weir):
    server = weir(main="pcre_jit off;", http='regex_match_limit 1000; map $arg_k $v { "~(a+)+$" bad; default D; }', server='return 200 "[$v]";',
                  allow=[r"pcre2_match\(\) failed"])
    assert server.get("/?k=aaa").text == "[bad]"
    assert server.get("/?k=" + 40 * "a" + "b").status == 500
    server.wait_log(r"pcre2_match\(\) failed")
    assert server.get("/?k=x").text == "[D]"


def test_value_of_a_peer_stays_within_its_field(weir):
    """Whatever bytes a source has, they are compared as they are, and nothing grows by them."""
    server = weir(http="map $http_x $v { hostnames; default $http_x; .a one; b.* two; }", server='return 200 "[$v]";')
    for text in ["." * 4000, ("a." * 2000), "b." + "." * 3000, "\x80\xff.a", "*.a"]:
        with server.connect() as client:
            answer = client.ask(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + text.encode("latin-1") + b"\r\n\r\n")
        assert answer.status == 200
        assert answer.body.decode("latin-1") == {"." * 4000: f"[{'.' * 4000}]", "\x80\xff.a": "[one]", "*.a": "[one]", "a." * 2000: "[one]"}.get(text, "[two]")


def test_many_lines_load_and_are_found(weir):
    lines = "".join(f"/old/page-{i} /new/{i};\n" for i in range(10000))
    server = weir(http="map $uri $new { include big.map; }", server='return 200 "$new";', files={"big.map": lines})
    for i in (0, 1, 4999, 9999):
        assert server.get(f"/old/page-{i}").text == f"/new/{i}"
        assert server.get(f"/OLD/PAGE-{i}").text == f"/new/{i}"
    assert server.get("/old/page-10000").text == ""


def test_value_reaches_pipelined_requests_each(server):
    with server.connect() as client:
        for key in ("abc", "foo", "rexy"):
            client.send(request(f"/captures?k={key}"))
        assert [client.read().text for _ in range(3)] == ["exact   ", "D   ", "x:y:x x y x"]


def test_explain_tells_the_line(folder):
    (folder / "weir.conf").write_text("""events { }
http {
    map $arg_k $v {
        a   "x$w";
        ~b. expression;
        default other;
    }
    geo $w { 127.0.0.0/8 loop; }
    split_clients $arg_k $s { 100% all; }
    map $arg_k $none { c d; }
    server { listen 8080; return 200 "$v$s$none"; }
}
""")
    for key, steps in {"a": ["geo $w is \"loop\" 8", "map $v is \"xloop\" for \"a\" 4", "split_clients $s is \"all\" for \"a\" 9"],
                       "bb": ["map $v is \"expression\" for \"bb\" 5"], "x": ["map $v is \"other\" for \"x\" 6", "map $none is \"\" for \"x\" 10"]}.items():
        done = run_weir(folder, "explain", f"/?k={key}", "-p", str(folder), "-c", "weir.conf")
        told = [" ".join(line.split()[1:]).replace("weir.conf:", "") for line in done.stdout.splitlines()]
        assert [step for step in steps if step not in told] == [], done.stdout
