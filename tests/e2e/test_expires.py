# SPDX-License-Identifier: BSD-2-Clause
"""expires: the fields Expires and Cache-Control."""

import time
from email.utils import parsedate_to_datetime

import pytest

from harness import check_conf, serving

HOUR, DAY, YEAR = 3600, 86400, 31536000
MTIME = 1_000_000_000           # long ago
FILES = {"html/a.html": "a", "html/d/i": "x"}


def fields(weir, target="/a.html"):
    """(seconds from now to Expires, Cache-Control); None: not there."""
    found = weir.get(target)
    date = found.get("Expires")
    at = int(parsedate_to_datetime(date).timestamp()) if date else None
    sent = int(parsedate_to_datetime(found.get("Date")).timestamp())
    return None if at is None else at - sent, found.all("Cache-Control")


SAID = [
    ("1h", HOUR, ["max-age=3600"]),
    ("+1h", HOUR, ["max-age=3600"]),
    ("0", 0, ["max-age=0"]),
    ("1h30m", 5400, ["max-age=5400"]),
    ("10y", 10 * YEAR, ["max-age=315360000"]),
    ("-1", -1, ["no-cache"]),
    ("-5m", -300, ["no-cache"]),
    ("off", None, []),
    ("modified 1h", MTIME + HOUR, ["no-cache"]),
    ("modified -1h", MTIME - HOUR, ["no-cache"]),
    ("$arg_e", None, []),
]


@pytest.mark.parametrize("value, seconds, control", SAID)
def test_values(value, seconds, control):
    with serving(server=f"expires {value};", files=FILES) as weir:
        weir.write("html/a.html", "a", mtime=MTIME)
        found = fields(weir)
        if seconds is not None and seconds > MTIME - DAY:
            found = found[0] + int(time.time()), found[1]
            assert abs(found[0] - seconds) <= 2 and found[1] == control
        else:
            assert found == (seconds, control)


@pytest.mark.parametrize("value, date, control", [
    ("epoch", "Thu, 01 Jan 1970 00:00:01 GMT", "no-cache"),
    ("max", "Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000"),
])
def test_fixed_dates(value, date, control):
    with serving(server=f"expires {value};", files=FILES) as weir:
        found = weir.get("/a.html")
        assert (found.get("Expires"), found.all("Cache-Control")) == (date, [control])


def test_modified_counts_from_the_file_or_from_now():
    with serving(server="expires modified 2h; location /r { return 200 x; }", files=FILES) as weir:
        weir.write("html/a.html", "a", mtime=int(time.time()) - HOUR)
        seconds, control = fields(weir)
        assert abs(seconds - HOUR) <= 2 and control == [f"max-age={seconds}"]
        assert fields(weir, "/r") == (2 * HOUR, ["max-age=7200"])


@pytest.mark.parametrize("value, of_day", [("@15h30m", 15 * HOUR + 1800), ("@0", 0), ("@24h", DAY), ("@23h59m59s", DAY - 1)])
def test_daily(value, of_day):
    with serving(server=f"expires {value};", files=FILES) as weir:
        found = weir.get("/a.html")
        at, sent = (parsedate_to_datetime(found.get(name)).timestamp() for name in ("Expires", "Date"))
        local = time.localtime(at)
        assert (local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec) % DAY == of_day % DAY
        assert 0 < at - sent <= DAY + HOUR          # an hour more when clocks are turned back
        assert found.get("Cache-Control") == f"max-age={int(at - sent)}"


def test_made_of_variables():
    asked = [("1h", HOUR, ["max-age=3600"]), ("-1", -1, ["no-cache"]), ("off", None, []), ("", None, []), ("junk", None, []),
             ("modified%201h", None, []), ("99999999999999999999", None, []), ("@25h", None, [])]
    with serving(server="expires $arg_e; location /d/ { expires modified $arg_e; }", files=FILES) as weir:
        weir.write("html/d/i", "x", mtime=int(time.time()) - 10)
        assert [(e, *fields(weir, f"/a.html?e={e}")) for e, _, _ in asked] == asked
        assert weir.get("/a.html?e=max").get("Cache-Control") == "max-age=315360000"
        seconds, _ = fields(weir, "/d/i?e=1h")
        assert HOUR - 12 <= seconds <= HOUR - 10
        assert fields(weir, "/d/i?e=max") == (None, [])


def test_statuses():
    server = "expires 1h;" + "".join(f"location /{s} {{ return {s}; }}" for s in (200, 204, 301, 404, 500, 503))
    with serving(server=server, files=FILES) as weir:
        found = {s: weir.get(f"/{s}").get("Cache-Control") for s in (200, 204, 301, 404, 500, 503)}
        assert {s for s, value in found.items() if value == "max-age=3600"} == {200, 204, 301}
        assert {s for s, value in found.items() if value is None} == {404, 500, 503}
        assert weir.get("/a.html", "If-None-Match: *").get("Cache-Control") == "max-age=3600"
        assert weir.get("/a.html", "Range: bytes=0-0").get("Cache-Control") == "max-age=3600"


def test_what_is_there_already_is_replaced_and_add_header_adds():
    server = "expires 1h; add_header Cache-Control private; location = /status { status; }"
    with serving(server=server, files=FILES) as weir:
        assert weir.get("/a.html").all("Cache-Control") == ["max-age=3600", "private"]
        assert weir.get("/status").all("Cache-Control") == ["max-age=3600", "private"]


def test_inner_levels_replace():
    with serving(server="expires 1h; location /d/ { expires off; }", files=FILES) as weir:
        assert fields(weir) == (HOUR, ["max-age=3600"])
        assert fields(weir, "/d/i") == (None, [])


@pytest.mark.parametrize("value, text", [
    ("@25h", "daily time value must be less than 24 hours"),
    ("modified @15h", 'daily time cannot be used with "modified" parameter'),
    *((value, "invalid value") for value in ("@", "modified max", "modified off", "modified epoch", "modified", "+", "-", "1x", "foo 1h",
                                             "-@15h", "@-15h", "+@15h", "500ms", "+-5", '""', "99999999999999999999")),
])
def test_what_makes_no_sense(folder, value, text):
    done, _ = check_conf(folder, f"events {{ }} http {{ expires {value}; }}")
    assert done.returncode == 1 and f'"expires" directive {text}' in done.stderr.split("\n")[0], done.stderr
