# SPDX-License-Identifier: BSD-2-Clause
"""
ssi: commands in pages, however the page, its reader and the pages below it behave; bounds of all that a page may ask for. What
nginx makes of the same pages stands in test_beside_nginx_ssi.py.
"""

import datetime
import gzip
import json
import re
import time

import pytest

from harness import request, run_weir, serving

ERROR = "[an error occurred while processing the directive]"
ALLOW = ["SSI", "directive", "unsafe URI", "subrequest", "includ", "would have more than", "to remember", "pcre2", "invalid expression"]
TYPES = "types { text/html html; text/plain txt; } "


def site(files, lines="", **kwargs):
    return serving(server=f"ssi on; {TYPES} {lines}", files={f"html/{name}": text for name, text in files.items()}, allow=ALLOW, **kwargs)


def echo(name):
    return f'<!--#echo var="{name}" -->'


def include(uri, more=""):
    return f'<!--#include virtual="{uri}" {more}-->'


def set_(name, value):
    return f'<!--#set var="{name}" value="{value}" -->'


PAGE = f'<p>{echo("uri")}</p>{set_("a", "1")}{include("/b.txt")}<!--#if expr="$a = 1" -->yes<!--#else -->no<!--#endif -->{include("/c.html")}!'
FILES = {"a.html": PAGE, "b.txt": "B", "c.html": f"C{echo('a')}{include('b.txt')}", "empty.html": "", "plain.txt": PAGE}
WHOLE = "<p>/a.html</p>ByesC1B!"


def test_a_page():
    with site(FILES) as weir:
        response = weir.get("/a.html")
        assert (response.text, response.get("Transfer-Encoding"), response.get("Last-Modified"), response.get("ETag")) == (WHOLE, "chunked", None, None)
        assert weir.get("/plain.txt").text == PAGE
        assert weir.get("/empty.html").get("Content-Length") == "0"
        assert weir.get("/none.html").get("Content-Length")             # a page of weir's own has no commands


def test_versions_and_methods():
    with site(FILES) as weir:
        head = weir.get("/a.html", method="HEAD")
        assert (head.body, head.get("Transfer-Encoding"), head.get("Content-Length")) == (b"", None, None)
        assert "/b.txt" not in weir.log_text()                          # nobody is asked for a body that is not sent
        old = weir.get("/a.html", version="1.0")
        assert (old.text, old.get("Connection")) == (WHOLE, "close")
        assert weir.get("/a.html", "Range: bytes=0-2").text == WHOLE
        assert weir.get("/a.html", "If-None-Match: *").status == 304


def test_pipelined_pages_come_whole_and_in_order():
    with site(FILES) as weir, weir.connect() as client:
        client.send(request("/a.html") + request("/b.txt") + request("/a.html"))
        assert [client.read().text for _ in range(3)] == [WHOLE, "B", WHOLE]


def test_many_answers_leave_nothing_behind():
    with site(FILES) as weir, weir.connect() as client:
        for _ in range(200):
            assert client.ask(request("/a.html")).text == WHOLE


@pytest.mark.parametrize("length", [4095, 4096, 4097, 8190, 16383, 16384])
def test_a_command_over_the_edge_of_what_is_read(length):
    for shift in (0, 1, 7, 20):
        text = "x" * (length - shift) + echo("uri") + "y" * 5000 + include("/b.txt")
        with site({"a.html": text, "b.txt": "B" * 40000}) as weir:
            assert weir.get("/a.html").text == "x" * (length - shift) + "/a.html" + "y" * 5000 + "B" * 40000


# ---- pages below that wait, fail, or are left ----------------------------------------------------

LIST = "location /list/ { autoindex on; autoindex_format json; alias {prefix}/html/folder/; }"
LISTED = {"folder/x.txt": "x", "folder/y.txt": "yy"}


def names_of(text):
    """The listing, which a thread has read, as the names in it."""
    return re.sub(r"\[\s*\{.*?\}\s*\]", lambda m: ",".join(entry["name"] for entry in json.loads(m[0])), text, flags=re.S)


def test_includes_that_wait():
    page = "".join(f"{n}{include('/list/')}" for n in range(4)) + "end"
    with site({**FILES, **LISTED, "w.html": page}, LIST) as weir:
        assert names_of(weir.get("/w.html").text) == "".join(f"{n}x.txt,y.txt" for n in range(4)) + "end"
        assert names_of(weir.get("/w.html", version="1.0").text) == "".join(f"{n}x.txt,y.txt" for n in range(4)) + "end"
        with weir.connect() as client:
            client.send(request("/w.html") + request("/a.html") + request("/w.html"))
            assert [names_of(client.read().text)[-3:] for _ in range(3)] == ["end", "1B!", "end"]


def test_what_waits_waits_below_others_too():
    files = {"a.html": f"a{include('m.html')}z", "m.html": f"m{include('n.html')}o", **LISTED,
             "n.html": f"n{include('/list/')}" + include("/list/", 'set="v" ') + '<!--#echo var="v" encoding="none" -->' + include("/list/none", 'stub="s" '),
             "s.html": '<!--#block name="s" -->[' + include("/list/") + "]<!--#endblock -->" + include("/a.html")}
    with site(files, LIST) as weir:
        for _ in range(5):
            assert names_of(weir.get("/s.html").text) == "amnx.txt,y.txtx.txt,y.txt[x.txt,y.txt]oz"


def test_a_client_that_leaves_while_its_include_waits():
    with site({**FILES, **LISTED, "w.html": include("/list/") * 100}, LIST) as weir:
        for _ in range(10):
            with weir.connect() as client:
                client.send(request("/w.html"))
                client.read_some(1)
        assert weir.get("/a.html").text == WHOLE


def test_includes_go_past_who_may_but_not_out_of_the_site():
    lines = "location /closed/ { deny all; alias {prefix}/html/; } location /in/ { internal; alias {prefix}/html/; }"
    files = {**FILES, "x.html": include("/closed/b.txt") + include("/in/b.txt") + include("../secret.txt") + include("/%2e%2e/secret.txt")
             + include("/a%00.html") + include("$arg_x"), "../secret.txt": "SECRET"}
    with site(files, lines) as weir:
        assert weir.get("/closed/b.txt").status == 403
        assert weir.get("/x.html?x=/%2e%2e/secret.txt").text == "BB" + ERROR * 4
        assert weir.get("/x.html?x=/../secret.txt").text == "BB" + ERROR * 4
        assert weir.get("/x.html?x=/b.txt").text == "BB" + ERROR * 3 + "B"


def test_a_stub_for_what_fails_or_is_empty():
    stub = '<!--#block name="s" -->' + "[" + echo("uri") + include("b.txt") + "]<!--#endblock -->"
    page = stub + "".join(include(uri, 'stub="s" ') for uri in ("/none", "/empty.html", "/b.txt", "/commands.html", "/moved", "/text"))
    lines = "location /moved { return 302 /x; } location /text { return 500 text; }"
    with site({**FILES, "s.html": page, "commands.html": set_("a", "b")}, lines) as weir:
        assert weir.get("/s.html").text == "[/noneB][/empty.htmlB]B[/commands.htmlB][/movedB]text"


# ---- beside other filters ------------------------------------------------------------------------

def test_what_is_included_is_compressed_with_the_page_and_once():
    with site(FILES, "gzip on; gzip_min_length 1; gzip_types *; gzip_static on;") as weir:
        weir.write("html/b.txt.gz", gzip.compress(b"other"))
        response = weir.get("/a.html", "Accept-Encoding: gzip")
        assert (response.get("Content-Encoding"), gzip.decompress(response.body).decode()) == ("gzip", WHOLE)
        weir.write("html/a.html.gz", gzip.compress(PAGE.encode(), compresslevel=0))     # with its text as it is
        assert gzip.decompress(weir.get("/a.html", "Accept-Encoding: gzip").body).decode() == PAGE


def test_order_of_filters():
    """sub_filter, then commands, then the charset; what is added stands outside."""
    page = "MARK A " + set_("x", "A") + echo("x") + include("/b.txt")
    lines = """sub_filter MARK '<!--#echo var="uri" -->'; sub_filter_once off; charset b; source_charset a;
        location /added { ssi off; sub_filter off off; default_type text/html; return 200 '<!--#echo var="uri" -->'; }
        location /a.html { add_before_body /added; }"""
    with site({"a.html": page, "b.txt": "A"}, lines, http="charset_map a b { 41 42; }") as weir:
        assert weir.get("/a.html").text == '<!--#echo var="uri" -->/a.html B BB'


# ---- values ------------------------------------------------------------------------------------

def test_what_a_peer_sends_is_harmless_where_it_is_shown():
    page = f'<a title="{echo("arg_x")}">{echo("http_user_agent")}</a>{set_("y", "$http_user_agent")}{echo("y")}<!--#echo var="y" encoding="url" -->'
    with site({"x.html": page}) as weir:
        text = weir.get("/x.html?x=\"'<!--", "User-Agent: <script>'<!--#include virtual=\"/x.html\" -->").text
        agent = "&lt;script&gt;&#39;&lt;!--#include virtual=&quot;/x.html&quot; --&gt;"
        assert text == f'<a title="&quot;&#39;&lt;!--">{agent}</a>{agent}%3Cscript%3E%27%3C!--%23include%20virtual=%22/x.html%22%20--%3E'


def test_values_of_the_conf_file():
    page = f'{echo("mine")},{echo("mapped")},{set_("mine", "own")}{echo("mine")},{echo("unknown_name")},<!--#echo var="unknown" default="d" -->'
    with serving(server=f"ssi on; {TYPES} set $mine 'a<b'; location /m {{ return 200 $mapped; }}",
                 http="map $arg_m $mapped { default none; 1 one; }", files={"html/x.html": page}) as weir:
        assert weir.get("/x.html?m=1").text == "a&lt;b,one,own,(none),d"


def test_dates():
    page = (f'{echo("date_gmt")}|{echo("date_local")}|<!--#config timefmt="%s" -->{echo("date_gmt")}|{echo("date_local")}|'
            f'<!--#config timefmt="%Y %% %s" -->{echo("date_gmt")}|<!--#config timefmt="%9999d" -->{echo("date_gmt")}')
    lines = f"ssi on; {TYPES} location /field {{ add_header X $date_gmt; return 200 x; }}"
    with serving(server=lines, main="env TZ=Asia/Tokyo;", files={"html/d.html": page}) as weir:
        now = time.time()
        gmt, local, *seconds, mixed, wide = weir.get("/d.html").text.split("|")
        form = "%A, %d-%b-%Y %H:%M:%S"
        assert abs(datetime.datetime.strptime(gmt, form + " GMT").replace(tzinfo=datetime.timezone.utc).timestamp() - now) < 60
        assert re.fullmatch(r"\w+, \d\d-\w{3}-\d{4} [\d:]{8} \w+", local)
        assert all(abs(int(s) - now) < 60 for s in seconds)
        assert re.fullmatch(r"\d{4} % \d{10}", mixed) and wide == "(none)"
        assert weir.get("/field").get("X").endswith(" GMT")


def test_errors_are_told_and_may_be_silent():
    page = f'a<!--#bad -->b{include("/../x")}c<!--#config errmsg="<i>" --><!--#bad -->d<!--#echo'
    with site({"e.html": page}, "location /s/ { alias {prefix}/html/; ssi_silent_errors on; }") as weir:
        assert weir.get("/e.html").text == f"a{ERROR}b{ERROR}c<i>d"
        log = weir.log_text()
        assert 'invalid SSI command: "bad"' in log and 'unsafe URI "/../x" was detected' in log and "has no end" in log
        assert weir.get("/s/e.html").text == "abcd"


# ---- bounds ------------------------------------------------------------------------------------

def test_a_page_that_includes_itself():
    with site({"a.html": "a" + include("a.html")}) as weir:
        assert weir.get("/a.html").text == "a" * 52 + ERROR
        assert "subrequests cycle" in weir.log_text()


def test_a_page_that_includes_itself_twice():
    with site({"a.html": "a" + include("a.html") * 2}) as weir:
        assert weir.get("/a.html").text.replace(ERROR, "") == "a" * 201
        assert "more than 200 subrequests" in weir.log_text()


def test_max_subrequests():
    with site({"a.html": include("b.txt") * 5, "b.txt": "B"}, "max_subrequests 3;") as weir:
        assert weir.get("/a.html").text == "BBB" + ERROR * 2


def test_values_that_double():
    page = set_("a", "0123456789") + set_("a", "$a$a") * 40 + "<!--#echo var='a' -->"
    with site({"a.html": page}) as weir:
        text = weir.get("/a.html").text
        assert text.count(ERROR) == 28 and text.replace(ERROR, "") == "0123456789" * 4096
        assert "would have more than 65536 bytes" in weir.log_text()


def test_ssi_expanded_length():
    with site({"a.html": set_("a", "$arg_x.$arg_x") + echo("a")}, "ssi_expanded_length 5;") as weir:
        assert weir.get("/a.html?x=12").text == "12.12"
        assert weir.get("/a.html?x=123").text == ERROR + "(none)"


def test_memory_of_values_is_bounded_and_the_page_goes_on():
    page = set_("a", "0123456789012345") + set_("a", "$a$a") * 12 + "".join(set_(f"v{n}", "$a") for n in range(60)) + "end"
    with site({"a.html": page}) as weir:
        text = weir.get("/a.html").text
        assert text.endswith("end") and 20 < text.count(ERROR) < 40
        assert "no memory for what SSI commands are to remember" in weir.log_text()


def test_a_value_that_changes_often_takes_no_more_memory():
    page = set_("a", "x") + (set_("a", "$uri$uri") + '<!--#config errmsg="$uri" timefmt="%H" -->') * 20000 + "end"
    with site({"a.html": page}) as weir:
        assert weir.get("/a.html").text == "end"


def test_a_command_takes_no_memory_from_those_behind_it():
    page = set_("a", "0123456789012345") + set_("a", "$a$a") * 11 + '<!--#echo var="a" encoding="url" -->' * 500 + "end"
    with site({"a.html": page}) as weir:
        assert weir.get("/a.html").text == "0123456789012345" * 2048 * 500 + "end"


def test_a_page_that_asks_for_too_much_is_cut_and_says_nothing_wrong():
    files = {"html/t.html": echo("time_local") * 400000, "html/h.html": echo("http_page") * 400000}
    with serving(server=f"ssi on; {TYPES}", files=files, allow=["memory"]) as weir:
        with weir.connect() as client:
            client.send(request("/t.html"))
            said = client.read_rest()
        assert b"(none)" not in said and not said.endswith(b"0\r\n\r\n")
        assert weir.get("/h.html", "Page: p").text == "p" * 400000      # what is there already takes none


def test_expressions_are_bounded():
    page = set_("a", "a" * 100 + "!") + '<!--#if expr="$a = /^(a+)+\\$/" -->y<!--#else -->n<!--#endif -->end'
    with site({"a.html": page}) as weir:
        assert weir.get("/a.html").text == f"{ERROR}y{ERROR}n{ERROR}end"
        assert "pcre2_match() failed" in weir.log_text()


def test_ssi_value_length():
    with site({"a.html": '<!--#echo var="none" default="12345678" --><!--#echo var="none" default="123456789" -->'}, "ssi_value_length 8;") as weir:
        assert weir.get("/a.html").text == "12345678" + ERROR


def test_what_goes_into_a_variable_is_bounded():
    page = include("/big.txt", 'set="a" ') + echo("a")
    with site({"a.html": page, "big.txt": "x" * 4097}) as weir:
        assert weir.get("/a.html").text == ERROR
        weir.write("html/big.txt", "x" * 4096)
        assert weir.get("/a.html").text == "x" * 4096


def test_blocks_of_a_large_page():
    page = '<!--#block name="b" -->' + "x" * 3000000 + "<!--#endblock -->" + include("/none", 'stub="b" ') + "end"
    with site({"a.html": page}) as weir:
        assert weir.get("/a.html").text.endswith("end")
        assert "to remember" in weir.log_text()


def test_a_file_that_becomes_shorter_cuts_the_answer():
    files = {"html/a.html": "x" * 30000000 + include("b.txt"), "html/b.txt": "B"}
    with serving(server=f"ssi on; {TYPES}", files=files, allow=["truncated"]) as weir, weir.connect(rcvbuf=4096) as client:
        client.send(request("/a.html"))
        client.read_some(1)
        (weir.html / "a.html").write_bytes(b"")
        assert not client.read_rest().endswith(b"0\r\n\r\n")


def test_explain_tells_of_it():
    with site(FILES) as weir:
        told = run_weir(weir.prefix, "explain", "/a.html", "-p", str(weir.prefix), "-c", str(weir.conf_path))
        assert re.search(r"ssi +the commands in it are carried out", told.stdout)
