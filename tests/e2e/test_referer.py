# SPDX-License-Identifier: BSD-2-Clause
"""valid_referers and $invalid_referer. test_beside_nginx_maps.py asks nginx the same."""

import pytest

from harness import serving

SERVER = r"""
    server_name site-name.net *.wild-name.net wild-name.* .dotted-name.net ~^regular(?<label>\d)\.net$;
    location /all { valid_referers none blocked server_names *.example.com example.* www.example.org/galleries/ ~\.google\. Path.com/Gal
        ~^re(.)expression .dot.net short.com/a*b;
        return 200 "[$invalid_referer]$1$label"; }
    location /unset { return 200 "[$invalid_referer]"; }
    location /only { valid_referers only-this.com; valid_referers and-that.com; return 200 "[$invalid_referer]";
        location /only/inherits { return 200 "[$invalid_referer]"; }
        location /only/other { valid_referers other-one.com; return 200 "[$invalid_referer]"; } }
    location /none { valid_referers none example.com; return 200 "[$invalid_referer]"; }
    location /blocked { valid_referers blocked example.com; return 200 "[$invalid_referer]"; }
    location /names { valid_referers server_names; return 200 "[$invalid_referer]"; }
    location /any { valid_referers *.com/x; return 200 "[$invalid_referer]"; }
    location /first { valid_referers example.com/y ~^example; return 200 "[$invalid_referer]"; }
"""

# place: {referer: valid?}; None: no such field
CASES = {
    "/all": {
        None: True, "": True, "x": True, "http:/a.example.com": True, "ftp://a.example.com": True, "httpx://evil-one.com": True,
        "http://a.example.com": True, "http://a.example.com/": True, "https://a.example.com/x/y?z": True, "https://A.EXAMPLE.COM:80/x": True,
        "HTTP://A.EXAMPLE.COM/": True, "HtTpS://a.b.example.com": True, "http://.example.com": True, "http://example.com": True,
        "http://example.de/y": True, "http://example.co.uk:8080": True, "http://example.": False, "http://xexample.com": False,
        "http://www.example.org": False, "http://www.example.org/galleries": False, "http://www.example.org/galleries/": True,
        "http://www.example.org/galleries/x": True, "http://www.example.org:8080/galleries/x": True, "http://WWW.example.org/galleries/": True,
        "http://www.example.org/GALLERIES/": False, "http://www.example.org/x/galleries/": False, "http://www.google.de/": True,
        "http://www.GOOGLE.de/": True, "http://evil-one.com/.google.": True, "http://path.com/gal": False, "http://PATH.com/Galx": True,
        "http://reZexpression": True, "http://REzEXPRESSION/": True, "http://xrezexpression": False, "http://dot.net": True,
        "http://sub.dot.net/": True, "http://xdot.net": False, "http://short.com/a*bc": True, "http://short.com/axb": False,
        "http://site-name.net": True, "http://sub.wild-name.net/": True, "http://wild-name.net": True, "http://wild-name.de": True,
        "http://dotted-name.net": True, "http://sub.dotted-name.net:1/x": True, "http://regular5.net/x": True, "http://regular5.net:80/": True,
        "http://regularx.net/": False, "http://evil-one.com": False, "http://evil-one.com/a.example.com": False,
        "http://a.example.com.evil-one.com": False, "http://a.example.com@evil-one.com": False, "http://evil-one.com:80/example.com": False,
        "http://a.example.com?x": False, "http://a.example.com#x": False, "http://user:pass@a.example.com/": False, "http://a.example.com./": False,
        "http://[::1]/xxxxx": False, "http://a.example.com /": False, "http://" + "a." * 1000 + "evil": False,
    },
    "/unset": {None: True, "x": True, "http://evil-one.com": True},
    "/only": {"http://": False, "https://": False, "http://x": False, None: False, "": False, "x": False, "http://only-this.com": True, "http://only-this.com/": True, "http://and-that.com/x": True,
              "http://only-this.com:": True, "http://only-this.comx": False, "http://xonly-this.com": False},
    "/only/inherits": {None: False, "http://only-this.com": True},
    "/only/other": {"http://only-this.com": False, "http://other-one.com": True},
    "/none": {None: True, "": False, "x": False, "http://example.com": True},
    "/blocked": {None: False, "": True, "x": True, "http://example.com": True, "http://evil-one.com": False},
    "/names": {None: False, "x": False, "http://site-name.net/x": True, "http://sub.wild-name.net": True, "http://wild-name.org": True,
               "http://regular7.net": True, "http://evil-one.com": False},
    "/any": {"http://site-name.com": False, "http://site-name.com/x": True, "http://site-name.com/xy": True, "http://site-name.com/y": False},
    "/first": {"http://example.com/y": True, "http://example.com/z": False, "http://example.org/z": True},
    # what is too short for nginx to be a name
    "/blocked ": {"http://": False, "http://x.y": False},
}


@pytest.fixture(scope="module")
def server():
    with serving(server=SERVER) as weir:
        yield weir


def answer(server, place, referer):
    fields = [] if referer is None else [f"Referer: {referer}"]
    return server.get(place.strip(), *fields).text


@pytest.mark.parametrize("place, referer", [(place, referer) for place, cases in CASES.items() for referer in cases])
def test_referer(server, place, referer):
    assert answer(server, place, referer) == ("[]" if CASES[place][referer] else "[1]")


def test_condition_refuses_hot_links(weir):
    server = weir(server="""server_name here.net; valid_referers none server_names;
        location /img { if ($invalid_referer) { return 403; } }
        if ($invalid_referer) { set $from elsewhere; }
        location /from { return 200 "$from"; }
        set $from $from;""", files={"html/img": "picture"})
    assert server.get("/img").status == 200 and server.get("/img", "Referer: http://here.net/page").status == 200
    assert server.get("/img", "Referer: http://there.net/page").status == 403
    assert server.get("/from", "Referer: http://there.net/page").text == "elsewhere" and server.get("/from").text == ""


def test_names_that_stand_behind_count(weir):
    server = weir(server='location / { valid_referers server_names; return 200 "[$invalid_referer]"; } server_name later-name.net;')
    assert server.get("/", "Referer: http://later-name.net/").text == "[]"
