# SPDX-License-Identifier: BSD-2-Clause
"""
Sites of real kinds, each a conf file as its owner would write it, with requests and exact answers (harness/sites.py): weir gives these
answers, and the nginx of the machine, on the same file, gives the same but for what DIFFERENCES lists.
"""

import pytest

from harness import Weir
from harness.nginx import NGINX, Nginx
from harness.sites import blocks_of, lines_of, names, put, site

NOT_MODIFIED = "304 says what the answer with 200 says (RFC 9110 15.4.5), also where that depends on the type"
NO_LENGTH = "an answer with 204 has no Content-Length (RFC 9110 8.6)"
ENCODED = "a blank in an address that is sent is encoded"
GROUPS = "an expression without groups, here of a map, leaves $1 as it was"
BACKWARDS = "a range that ends before it begins is no range, and is ignored (RFC 9110 14.1.1)"
NOT_416 = "expires is for the statuses that its documentation names, and 416 is none"
VARIABLES = "a type may hold variables"

# (site, lines of the request): (what only weir's answer has, what only nginx's has, why)
DIFFERENCES = {
    **{("cache-headers", ("GET static.example.com/a.css", condition)):
        (("< Cache-Control: max-age=315360000", "< Expires: Thu, 31 Dec 2037 23:55:55 GMT"), (), NOT_MODIFIED)
       for condition in ("If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", "If-None-Match: *")},
    ("cors", ("OPTIONS cdn.example.com/data/a.json", "Origin: https://partner.example.org", "Access-Control-Request-Method: GET")):
        (("< 204", "< Access-Control-Allow-Headers: Authorization, Content-Type, X-Requested-With",
          "< Access-Control-Allow-Methods: GET, HEAD, OPTIONS", "< Access-Control-Allow-Origin: https://partner.example.org",
          "< Access-Control-Max-Age: 1728000"),
         ("< no HTTP: Content-Length in an answer of status 204",), NO_LENGTH),
    ("cors", ("OPTIONS cdn.example.com/data/a.json", "Origin: https://evil.example")):
        (("< 204", "< Access-Control-Allow-Headers: Authorization, Content-Type, X-Requested-With",
          "< Access-Control-Allow-Methods: GET, HEAD, OPTIONS", "< Access-Control-Max-Age: 1728000"),
         ("< no HTTP: Content-Length in an answer of status 204",), NO_LENGTH),
    ("docs-redirects", ("GET docs.example.org/API/a%20b?q",)):
        (("< Location: http://docs.example.org/stable/api/a%20b?q",), ("< Location: http://docs.example.org/stable/api/a b?q",), ENCODED),
    ("languages", ("GET example.eu/about/us?x=1", "Accept-Language: DE")):
        (("< Location: http://example.eu/de/about/us?x=1",), ("< Location: http://example.eu/de/?x=1",), GROUPS),
    ("mirror", ("GET mirror.example.net/pool/main/a.deb", "Range: bytes=300000-")):
        ((), ("< Cache-Control: max-age=2592000", "< Expires: (Date +2592000 s)"), NOT_416),
    ("mirror", ("GET mirror.example.net/pool/main/a.deb", "Range: bytes=5-1")):
        (("< 200", "< Accept-Ranges: bytes", "< Content-Length: 300000", "< Content-Type: application/vnd.debian.binary-package",
          "< ETag: (tag)", "< Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT", "| (300000 bytes, SHA-256 27c9a4202edf7436)"),
         ("< 416", "< Content-Range: bytes */300000", "< Content-Type: text/html", "| (a page of the server's own)"), BACKWARDS),
    ("status-api", ("GET api.example.com/version",)): (("< Content-Type: application/json",), ("< Content-Type: $type",), VARIABLES),
    ("status-api", ("GET api.example.com/version?format=text",)): (("< Content-Type: text/plain",), ("< Content-Type: $type",), VARIABLES),
    ("status-api", ("GET api.example.com/version?format=xml",)):
        (("< Content-Type: application/xml",), ("< Content-Type: $type",), VARIABLES),
}


def answers_of(name, kind):
    """Questions of a site, as their lines -> the lines of the answers."""
    server = site(name, kind)
    try:
        server.start()
        return {asked: lines_of(server, put(server, asked)) for asked, _ in blocks_of(name)}
    finally:
        server.finish()


def listed(name):
    return dict(blocks_of(name))


def as_nginx(name, asked, lines):
    own, other, _ = DIFFERENCES.get((name, asked), ((), (), ""))
    assert set(own) <= set(lines)
    return sorted([line for line in lines if line not in own] + list(other))


@pytest.mark.parametrize("name", names())
def test_site_is_served_as_listed(name):
    assert answers_of(name, Weir) == listed(name)


@pytest.mark.skipif(NGINX is None, reason="there is no nginx")
@pytest.mark.parametrize("name", names())
def test_nginx_serves_the_site_alike(name):
    found = {asked: sorted(lines) for asked, lines in answers_of(name, Nginx).items()}
    assert found == {asked: as_nginx(name, asked, lines) for asked, lines in listed(name).items()}


def test_every_difference_is_of_a_request_that_is_asked():
    asked = {(name, question) for name in names() for question, _ in blocks_of(name)}
    assert set(DIFFERENCES) <= asked
