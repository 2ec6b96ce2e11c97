# SPDX-License-Identifier: BSD-2-Clause
"""Conf files at their limits are read in time that grows with their size, and in bounded memory; what is beyond a limit is refused clearly."""

import resource

import pytest

from harness import run_weir

MIB = 1 << 20


def is_sanitized(folder):
    return "sanitize" in run_weir(folder, "-V").stderr      # it reserves terabytes


def check(folder, conf, megabytes):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * MIB,) * 2)

    (folder / "weir.conf").write_text(conf)
    return run_weir(folder, "-p", f"{folder}/", "-c", "weir.conf", "-t", timeout=100, preexec_fn=None if is_sanitized(folder) else limit)


def http(text, events=""):
    return f"events {{ {events} }}\nhttp {{\n{text}}}\n"


def servers(count, locations):
    places = "".join(f"        location /path{n}/ {{\n            root /srv/{n};\n            etag off;\n        }}\n" for n in range(locations))
    return "".join(f"    server {{\n        listen 127.0.0.1:8080;\n        server_name s{n}.example.com www.s{n}.example.com;\n{places}    }}\n"
                   for n in range(count))


MANY = 20_000
LARGE = {
    "10,000 servers with 100,000 locations": (lambda: http(servers(10_000, 10)), 500),
    "100,000 servers": (lambda: http(servers(100_000, 0)), 600),
    "100,000 locations in one server": (lambda: http(servers(1, 100_000)), 500),
    "a data block of 1,000,000 lines": (lambda: http("types {\n" + "".join(f"text/x-{n} x{n};\n" for n in range(1_000_000)) + "}\n"), 700),
    "a map of 1,000,000 lines": (lambda: http("map $uri $new {\n" + "".join(f"/old/{n} /new/{n};\n" for n in range(1_000_000)) + "}\n"), 600),
    "a geo of 1,000,000 lines": (lambda: http("geo $new {\n" + "".join(f"{n >> 16}.{n >> 8 & 255}.{n & 255}.0/24 v{n % 100};\n" for n in range(1_000_000))
                                              + "}\n"), 600),
    "10 MB in one word": (lambda: http(f"server {{ return 200 {'x' * 10_000_000}; }}\n"), 100),
    "10 MB of comments": (lambda: http("# nothing\n" * 1_000_000), 50),
    "a line of 10 MB": (lambda: http("types { " + "a/b c; " * 1_500_000 + "}\n"), 900),
    "a directive of 1,000,000 words": (lambda: http("server { server_name\n" + "".join(f"s{n}\n" for n in range(1_000_000)) + "; }\n"), 600),
    "addresses by the thousand": (lambda: http("".join(f"server {{ listen {n}; listen 127.0.0.1:{n}; }}\n" for n in range(1, MANY)),
                                               f"worker_connections {3 * MANY};"), 400),
    "blocks 1,000 levels deep": (lambda: http("server {" + "".join(f"location /{'a/' * n} {{ " for n in range(998)) + "}" * 999), 100),
}


@pytest.mark.parametrize("name", list(LARGE))
def test_large_conf_is_read(folder, name):
    make, megabytes = LARGE[name]
    done = check(folder, make(), megabytes)
    assert done.returncode == 0, done.stderr[-2000:]


REFUSED = {
    "too deep": (lambda: http("server {" + "location /a { " * 2000 + "}" * 2001), "blocks are nested more than 1024 levels deep"),
    "100,000 levels deep": (lambda: http("server {" + "location /a { " * 100_000 + "}" * 100_001), "blocks are nested more than 1024 levels deep"),
    "never closed": (lambda: "a {" * 1_000_000, "blocks are nested more than 1024 levels deep"),
    "too many words": (lambda: http(f"server {{ root {'a ' * 1_000_000}; }}"), 'invalid number of arguments in "root" directive'),
    "nothing but errors": (lambda: http("rot /a;\n" * 500_000), "499000 more errors and warnings are not shown"),
    "one directive 500,000 times": (lambda: http("server_tokens off;\n" * 250_000 + "etag off;\n" * 250_000),
                                    "498998 more errors and warnings are not shown"),
    "a million stray braces": (lambda: "}" * 1_000_000, "999000 more errors and warnings are not shown"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_beyond_a_limit_is_refused_clearly(folder, name):
    make, message = REFUSED[name]
    done = check(folder, make(), 1000)
    assert done.returncode == 1 and message in done.stderr, done.stderr[-2000:]
    assert len(done.stderr) < 2 * MIB


def test_file_that_is_included_over_and_over_is_refused(folder):
    (folder / "large.inc").write_text("# nothing\n" * 5_000_000)
    done = check(folder, http("include large.inc;\n" * 100), 300)
    assert done.returncode == 1 and "more than 1073741824 bytes are included" in done.stderr, done.stderr[-2000:]


def test_short_memory_is_told(folder):
    if is_sanitized(folder):
        pytest.skip("a sanitizer reserves more")
    for megabytes in (40, 60, 80, 100, 120):
        done = check(folder, http(servers(10_000, 10)), megabytes)
        assert done.returncode == 1
        assert done.stderr == f"weir: [emerg] out of memory\nweir: configuration file {folder}/weir.conf test failed\n"
