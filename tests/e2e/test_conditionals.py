# SPDX-License-Identifier: BSD-2-Clause
"""The five conditional fields, and which of them wins (RFC 9110, 13)."""

import email.utils
import time

import pytest

from harness import request, serving

STAMP = 1_700_000_000
ETAG = f'"{STAMP:x}-5"'
DATE = email.utils.formatdate(STAMP, usegmt=True)
EARLIER = email.utils.formatdate(STAMP - 60, usegmt=True)
LATER = email.utils.formatdate(STAMP + 60, usegmt=True)
RFC850 = time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(STAMP))
ASCTIME = time.asctime(time.gmtime(STAMP))

INM, IMS, IM, IUS = "If-None-Match: ", "If-Modified-Since: ", "If-Match: ", "If-Unmodified-Since: "

# name: (fields, status)
CASES = {
    "nothing asked": ([], 200),
    "If-None-Match of the file's": ([INM + ETAG], 304),
    "If-None-Match compares weakly": ([INM + "W/" + ETAG], 304),
    "If-None-Match in a list": ([INM + f'"a", W/"b",{ETAG}'], 304),
    "If-None-Match in a list with empty members": ([INM + f'"a",, ,{ETAG},'], 304),
    "If-None-Match with a comma in a tag": ([INM + f'"a,{ETAG[1:-1]}", "b"'], 200),
    "If-None-Match in two lines": ([INM + '"a"', INM + ETAG], 304),
    "If-None-Match *": ([INM + "*"], 304),
    "If-None-Match of another": ([INM + '"other"'], 200),
    "If-None-Match of part of the tag": ([INM + ETAG[:-2] + '"'], 200),
    "If-None-Match of more than the tag": ([INM + ETAG[:-1] + 'x"'], 200),
    "If-None-Match without quotes": ([INM + ETAG[1:-1]], 200),
    "If-None-Match with W in small": ([INM + "w/" + ETAG], 200),
    "If-Modified-Since of the file's": ([IMS + DATE], 304),
    "If-Modified-Since earlier": ([IMS + EARLIER], 200),
    "If-Modified-Since later is not exact": ([IMS + LATER], 200),
    "If-Modified-Since in RFC 850 form": ([IMS + RFC850], 304),
    "If-Modified-Since in asctime form": ([IMS + ASCTIME], 304),
    "If-Modified-Since that is no date": ([IMS + "yesterday"], 200),
    "If-Modified-Since that is a number": ([IMS + str(STAMP)], 200),
    "If-Modified-Since of an impossible day": ([IMS + "Tue, 31 Feb 2023 22:13:20 GMT"], 200),
    "If-Modified-Since empty": ([IMS], 200),
    "If-None-Match wins over a date that matches": ([INM + '"other"', IMS + DATE], 200),
    "If-None-Match wins over a date that does not": ([INM + ETAG, IMS + EARLIER], 304),
    "If-Match of the file's": ([IM + ETAG], 200),
    "If-Match *": ([IM + "*"], 200),
    "If-Match in a list": ([IM + f'"a", {ETAG}'], 200),
    "If-Match of another": ([IM + '"other"'], 412),
    "If-Match compares strongly": ([IM + "W/" + ETAG], 412),
    "If-Unmodified-Since of the file's": ([IUS + DATE], 200),
    "If-Unmodified-Since later": ([IUS + LATER], 200),
    "If-Unmodified-Since earlier": ([IUS + EARLIER], 412),
    "If-Unmodified-Since that is no date": ([IUS + "tomorrow"], 200),
    "If-Match wins over a date that does not hold": ([IM + ETAG, IUS + EARLIER], 200),
    "If-Match wins over a date that holds": ([IM + '"other"', IUS + DATE], 412),
    "If-Match holds, then If-None-Match": ([IM + ETAG, INM + ETAG], 304),
    "If-Match does not hold, whatever If-None-Match": ([IM + '"other"', INM + ETAG], 412),
    "If-Unmodified-Since holds, then If-Modified-Since": ([IUS + DATE, IMS + DATE], 304),
    "If-Unmodified-Since does not hold, whatever If-Modified-Since": ([IUS + EARLIER, IMS + DATE], 412),
}


@pytest.fixture(scope="module")
def server():
    conf = """
        location /before/ { if_modified_since before; alias {prefix}/html/; }
        location /off/ { if_modified_since off; alias {prefix}/html/; }
        location /exact/ { if_modified_since exact; alias {prefix}/html/; }
        location /text { return 200 text; }
    """
    with serving(server=conf, start=False) as weir:
        weir.write("html/file", "hello", mtime=STAMP)
        weir.start()
        yield weir


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", list(CASES))
def test_conditional(server, name, method):
    fields, status = CASES[name]
    with server.connect() as client:
        for _ in range(2):
            answer = client.ask(request("/file", *fields, method=method), method)
            assert answer.status == status
            if status == 304:
                assert answer.get("ETag") == ETAG and answer.get("Date")
                assert answer.get("Content-Length") in (None, "5")
            if status == 200 and method == "GET":
                assert answer.body == b"hello"


@pytest.mark.parametrize("location, date, status", [
    ("exact", DATE, 304), ("exact", LATER, 200), ("exact", EARLIER, 200),
    ("before", DATE, 304), ("before", LATER, 304), ("before", EARLIER, 200),
    ("off", DATE, 200), ("off", LATER, 200),
])
def test_if_modified_since_directive(server, location, date, status):
    assert server.get(f"/{location}/file", IMS + date).status == status


def test_if_modified_since_off_leaves_if_none_match(server):
    assert server.get("/off/file", INM + ETAG).status == 304


@pytest.mark.parametrize("fields", [[INM + "*"], [INM + ETAG], [IMS + DATE], [IM + '"x"'], [IUS + EARLIER]])
def test_missing_file_is_404_whatever_the_condition(server, fields):
    assert server.get("/none", *fields).status == 404


def test_not_modified_answers_keep_the_connection_in_step(server):
    with server.connect() as client:
        client.send((request("/file", INM + ETAG) + request("/file")) * 50)
        for _ in range(50):
            assert client.read().status == 304
            assert client.read().body == b"hello"


def test_changed_file_has_another_tag(server):
    weir = server
    weir.write("html/changing", "one", mtime=STAMP)
    tag = weir.get("/changing").get("ETag")
    assert weir.get("/changing", INM + tag).status == 304
    weir.write("html/changing", "two!", mtime=STAMP)
    assert weir.get("/changing", INM + tag).body == b"two!"
    weir.write("html/changing", "one", mtime=STAMP + 1)
    assert weir.get("/changing", INM + tag).body == b"one"
