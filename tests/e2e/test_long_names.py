# SPDX-License-Identifier: BSD-2-Clause
"""A name of thousands of labels costs no more than its bytes: it is not looked up once for each of them."""

import os

import pytest

from harness import request


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("names", ["*.example.com", "www.example.*", ".example.com"])
def test_wildcards_do_not_make_long_names_slow(weir, names):
    server = weir(http=f"""
        large_client_header_buffers 4 64k;
        server {{ listen 127.0.0.1:{{port}}; return 200 default; }}
        server {{ listen 127.0.0.1:{{port}}; server_name {names}; return 200 named; }}
    """)
    pid = server.wait_workers()[0]
    before = cpu_seconds(pid)
    for host, text in (("www.example.com", "named"), *[("a." * 30000 + "com", "default")] * 10):
        with server.connect() as client:
            assert client.ask(request("/", host=host)).text == text
    assert cpu_seconds(pid) - before < 1
