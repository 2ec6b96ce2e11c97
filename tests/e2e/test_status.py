# SPDX-License-Identifier: BSD-2-Clause
"""status, stub_status and metrics: who may see them, in which form, and that the numbers add up."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

from harness import Client, check_conf, request, wait_until
from harness.metrics import MetricsError, parse_open_metrics, parse_prometheus

MAN = pathlib.Path(__file__).resolve().parents[2] / "man"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
SCRAPER = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

PAGES = """
    server_name site.example;
    location = /status { status; }
    location = /metrics { metrics; }
    location = /stub { stub_status; }
    location /hello { return 200 "hello\\n"; }
    location /moved { return 301 /hello; }
    location /missing { return 404; }
    location /broken { return 503; }
"""


def state_of(weir):
    return json.loads(weir.get("/status?format=json", host="site.example").body)


def metrics_of(weir, accept=SCRAPER):
    answer = weir.get("/metrics", f"Accept: {accept}")
    parse = parse_open_metrics if answer.get("Content-Type") == OPEN_METRICS else parse_prometheus
    return parse(answer.body)


def closed(counters):
    return sum(value for name, value in counters.items() if name.startswith("closed_"))


def rejected(counters):
    return sum(value for name, value in counters.items() if name.startswith("rejected_"))


# ---- stub_status


def test_stub_status_is_the_text_that_tools_read(weir):
    server = weir(server=PAGES)
    answer = server.get("/stub")
    assert answer.body == (b"Active connections: 1 \nserver accepts handled requests\n 1 1 1 \n"
                           b"Reading: 0 Writing: 1 Waiting: 0 \n")
    assert (answer.status, answer.get("Content-Type"), answer.get("Cache-Control")) == (200, "text/plain", "no-store")


def test_stub_status_counts_states(weir):
    server = weir(server=PAGES)
    with server.connect() as reading, server.connect() as idle, server.connect() as silent:
        reading.send(b"GET / HTTP/1.1\r\nHo")
        idle.ask(request("/hello"))
        wait_until(lambda: server.get("/stub").text.endswith("Reading: 1 Writing: 1 Waiting: 2 \n"), "the states")
        assert "Active connections: 4 \n" in server.get("/stub").text
        silent.send(b"")


def test_stub_status_takes_an_argument_as_of_old(weir):
    server = weir(server="location /s { stub_status on; }")
    assert server.get("/s").text.startswith("Active connections: 1 \n")


def test_connections_are_variables(weir):
    server = weir(server='location / { return 200 "$connections_active $connections_reading $connections_writing '
                         '$connections_waiting"; }')
    with server.connect() as idle:
        idle.ask(request("/"))
        wait_until(lambda: server.get("/").text == "2 0 1 1", "the idle connection to be seen")


@pytest.mark.parametrize("page", ["/stub", "/status", "/metrics"])
def test_head_has_no_body_and_other_methods_are_refused(weir, page):
    server = weir(server=PAGES)
    head = server.get(page, method="HEAD")
    assert head.status == 200 and int(head.get("Content-Length")) > 50 and head.body == b""
    assert head.get("Cache-Control") == "no-store"
    post = server.get(page, "Content-Length: 0", method="POST")
    assert (post.status, post.get("Allow")) == (405, "GET, HEAD")


@pytest.mark.parametrize("name", ["stub_status", "status", "metrics"])
def test_pages_are_of_their_own_level_alone(weir, name):
    server = weir(server=f"{name}; location /in {{ }} location /own {{ {name}; location /own/deep {{ }} }}",
                  files={"html/in": "file", "html/own/deep": "deeper"})
    assert server.get("/in").body == b"file"
    assert server.get("/own/deep").body == b"deeper"
    assert server.get("/own/").get("Cache-Control") == "no-store"
    assert server.get("/elsewhere").get("Cache-Control") == "no-store"


# ---- forms


FORMS = {
    "nothing": ("/status", [], "text/plain; charset=utf-8"),
    "a browser": ("/status", [f"Accept: {BROWSER}"], "text/html; charset=utf-8"),
    "a program": ("/status", ["Accept: application/json"], "application/json"),
    "anything": ("/status", ["Accept: */*"], "text/plain; charset=utf-8"),
    "more of JSON": ("/status", ["Accept: text/html;q=0.5, application/json;q=0.51"], "application/json"),
    "no page": ("/status", ["Accept: text/html;q=0, text/plain;q=0.001"], "text/plain; charset=utf-8"),
    "JSON by name": ("/status?format=json", [f"Accept: {BROWSER}"], "application/json"),
    "the page by name": ("/status?x=1&format=html", [], "text/html; charset=utf-8"),
    "text by name": ("/status?format=text", [f"Accept: {BROWSER}"], "text/plain; charset=utf-8"),
    "OpenMetrics": ("/metrics", [f"Accept: {SCRAPER}"], OPEN_METRICS),
    "old metrics": ("/metrics", ["Accept: text/plain"], PROMETHEUS),
    "unasked metrics": ("/metrics", [], PROMETHEUS),
    "unwanted metrics": ("/metrics", ["Accept: application/openmetrics-text;q=0"], PROMETHEUS),
    "rather old metrics": ("/metrics", ["Accept: application/openmetrics-text;q=.3, text/plain"], PROMETHEUS),
}


def test_form_is_as_asked_for(weir):
    server = weir(server=PAGES)
    for name, (target, fields, content_type) in FORMS.items():
        answer = server.get(target, *fields)
        assert (answer.status, answer.get("Content-Type")) == (200, content_type), name
        assert answer.get("Vary") == "Accept", name


def test_unknown_form_is_an_error(weir):
    answer = weir(server=PAGES).get("/status?format=xml")
    assert (answer.status, answer.body) == (400, b"format is one of text, json, html\n")


def test_text_has_every_counter(weir):
    server = weir(server=PAGES)
    text = server.get("/status").text
    sums = state_of(server)["sum"]
    assert set(re.findall(r"^(\w+) +\d+$", text, re.M)) == set(sums)
    assert re.search(r"^requests +1$", text, re.M)
    assert "site.example" in text


# ---- who may see it


FORBIDDEN = r'access forbidden: "%s" is for this machine alone, and %s; "allow" or "auth_basic" let others in'


def own_address():
    """An address of this machine that is no loopback; None where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))     # sends nothing
        except OSError:
            return None
        return None if probe.getsockname()[0].startswith("127.") else probe.getsockname()[0]


def test_only_this_machine_sees_the_status(weir):
    """Who comes from an address that is neither a loopback's nor the one asked counts as a stranger."""
    address = own_address()
    if address is None:
        pytest.skip("no address but the loopback's")
    server = weir(server=PAGES + "location /public { status public; } location /counted { metrics public; }")

    def ask(source, target):
        with server.connect(source=source) as client:
            return client.ask(request(target, "Connection: close")).status

    pages = ("/status", "/metrics", "/stub", "/public", "/counted")
    assert [ask(address, page) for page in pages] == [403, 403, 403, 200, 200]
    assert [ask("127.8.9.10", page) for page in pages] == [200] * 5
    server.wait_log(rf"{FORBIDDEN % ('status', 'the client is not')}.*client: {re.escape(address)}, ")


def test_client_is_whom_a_trusted_proxy_names(weir):
    server = weir(server=PAGES + "set_real_ip_from 127.0.0.1;")
    for stranger in ("192.0.2.7", "2001:db8::7"):
        for page, status in (("/status", 403), ("/metrics", 403), ("/stub", 403)):
            assert server.get(page, f"X-Real-IP: {stranger}").status == status
    for own in ("127.0.0.1", "127.8.9.10", "::1"):
        assert server.get("/status", f"X-Real-IP: {own}").status == 200
    server.wait_log(f"{FORBIDDEN % ('status', 'the client is not')}.*client: 192.0.2.7, ")


RULES = {                                       # what a stranger and who is on this machine get
    "": (403, 200),
    "allow all;": (200, 200),
    "allow 192.0.2.0/24; deny all;": (200, 403),
    "allow 127.0.0.1; deny all;": (403, 200),
    "deny 198.51.100.1;": (403, 200),           # it has no opinion of either
    "deny 192.0.2.7;": (403, 200),
    "auth_basic x; auth_basic_user_file users;": (401, 401),
    "satisfy any; allow 192.0.2.7; auth_basic x; auth_basic_user_file users;": (200, 401),
    "auth_request /yes;": (200, 200),
    "auth_request /no;": (403, 403),
}


@pytest.mark.parametrize("name", ["stub_status", "status", "metrics", "connections"])
def test_access_rules_decide_who_sees_it(weir, name):
    places = "".join(f"location /{i} {{ {name}; {rules} }}" for i, rules in enumerate(RULES))
    server = weir(server=f"""set_real_ip_from 127.0.0.1; {places} location = /yes {{ return 204; }} location = /no {{ return 403; }}
        location /from/ {{ allow all; error_page 404 /0; }}""", files={"users": "me:{PLAIN}secret\n"})
    for i, (rules, statuses) in enumerate(RULES.items()):
        assert (server.get(f"/{i}", "X-Real-IP: 192.0.2.7").status, server.get(f"/{i}").status) == statuses, rules
    assert server.get("/6", "X-Real-IP: 192.0.2.7", "Authorization: Basic bWU6c2VjcmV0").status == 200
    assert server.get("/from/none", "X-Real-IP: 192.0.2.7").get("Cache-Control") is None    # it was allowed elsewhere


def test_who_comes_by_a_proxy_is_a_stranger(weir):
    server = weir(server=PAGES)
    for field in ("X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-IP: 127.0.0.1", "Via: 1.1 proxy"):
        assert server.get("/status", field).status == 403
    server.wait_log(FORBIDDEN % ("status", "a proxy has brought the request"))


def test_who_comes_by_the_proxy_protocol_is_a_stranger(weir):
    server = weir(http="server { listen 127.0.0.1:{port} proxy_protocol; status; }")
    with server.connect() as client:
        assert client.ask(b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n" + request("/", "Connection: close")).status == 403


HOSTS = {
    "localhost": 200, "localhost:8080": 200, "LOCALHOST": 200, "a.localhost": 200, "127.0.0.1": 200, "127.0.0.1:80": 200, "[::1]": 200,
    "192.0.2.1": 200, "evil.example": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "notlocalhost": 403,
    "site.example": 200, "www.site.example": 200, "x.pattern.example": 403, socket.gethostname(): 200,
}


@pytest.mark.parametrize("page", ["/status", "/metrics", "/stub", "/connections"])
def test_host_must_be_of_this_machine(weir, page):
    server = weir(server="""server_name site.example *.site.example ~pattern; location /stub { stub_status; } location /status { status; }
        location /metrics { metrics; } location /connections { connections; } location /public { status public; }""")
    for host, status in HOSTS.items():
        assert server.get(page, host=host).status == status, host
    assert server.get("/public", host="evil.example").status == 200
    server.wait_log(FORBIDDEN % (page[1:].replace("stub", "stub_status"), "the host is none of its names"))


def test_other_family_is_of_this_machine(weir):
    server = weir(http="server { listen [::]:{port} ipv6only=off; location / { status; } }")
    for address in ("::1", "127.0.0.1"):        # the second as ::ffff:127.0.0.1
        assert server.get("/", address=address).status == 200


def test_unix_socket_is_of_this_machine(weir):
    server = weir(http="server { listen unix:{prefix}/s; location / { status; } }")
    with Client(str(server.prefix / "s")) as client:
        assert client.ask(request("/")).status == 200


def test_own_address_is_of_this_machine(weir):
    address = own_address()
    if address is None:
        pytest.skip("no address but the loopback's")
    server = weir(http="server { listen *:{port}; location / { status; } }")
    assert server.get("/", address=address).status == 200


def test_wrong_parameter_is_told(folder):
    done, _ = check_conf(folder, "events { } http { server { listen 127.0.0.1:1; location / { status all; } } }")
    assert done.returncode == 1
    assert 'invalid parameter "all"' in done.stderr and "public" in done.stderr


# ---- the numbers


def mix(server):
    """Connections that end in every way that a client can bring about."""
    for target in ("/hello", "/moved", "/missing", "/broken"):
        server.get(target)
    with server.connect() as client:                    # keep-alive, and then the client leaves
        for _ in range(3):
            client.ask(request("/hello"))
    with server.connect() as client:                    # malformed
        assert client.ask(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").status == 400
        client.expect_close(reset_is_fine=True)
    with server.connect() as client:                    # never says a word
        client.expect_close()
    with server.connect() as client:                    # idle too long
        client.ask(request("/hello"))
        client.expect_close()
    with server.connect() as client:                    # leaves within its head
        client.send(b"GET /hello HT")
    with server.connect() as client:                    # resets
        client.send(b"GET /hello")
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


MIX = PAGES + "keepalive_timeout 200ms; client_header_timeout 300ms;"


def check_sums(counters):
    assert counters["total_connections"] == counters["handled"] + rejected(counters)
    assert counters["handled"] + counters["adopted_connections"] == counters["curr_connections"] + closed(counters)
    states = ("accepted", "reading", "processing", "writing", "waiting", "lingering")
    assert counters["curr_connections"] == sum(counters[state] for state in states)
    assert counters["max_connections"] == counters["curr_connections"] + counters["free_connections"]


def settled(server):
    """The state with no connection open but the one that asks."""
    def there():
        state = state_of(server)
        return state if state["sum"]["curr_connections"] == 1 else None
    return wait_until(there, "the connections to end")


@pytest.mark.parametrize("workers", [1, 4])
def test_numbers_add_up(weir, workers):
    server = weir(server=MIX, workers=workers)
    for _ in range(3):
        mix(server)
    state = settled(server)
    assert len(state["workers"]) == workers
    check_sums(state["sum"])
    for name, value in state["sum"].items():
        assert value == sum(worker[name] for worker in state["workers"]), name
    counters = state["sum"]
    assert counters["closed_bad_request"] == 3 and counters["idle_kicks"] == 3
    assert counters["responses_3xx"] == 3 and counters["responses_5xx"] == 3
    for worker in state["workers"]:
        assert worker["pid"] in server.workers() and worker["state"] == "serving" and worker["generation"] == 1


def test_numbers_are_of_the_host(weir):
    server = weir(server=PAGES, http='server { listen 127.0.0.1:{port}; server_name other.example second.example; '
                                     'location / { return 204; } }')
    for _ in range(5):
        server.get("/hello", host="site.example")
    server.get("/missing", host="site.example")
    server.get("/", host="second.example")
    hosts = state_of(server)["hosts"]
    assert list(hosts) in (["site.example", "other.example"], ["other.example", "site.example"])
    one = hosts["site.example"]
    assert one["requests"] == sum(one["histogram"]) == sum(one["responses"].values()) == 6
    assert one["responses"] == {"1xx": 0, "2xx": 5, "3xx": 0, "4xx": 1, "5xx": 0}
    assert hosts["other.example"]["responses"]["2xx"] == 1
    answer = b"HTTP/1.1 204 No Content\r\n"
    assert hosts["other.example"]["bytes_sent"] > len(answer)
    assert 0 < one["latency_ms"]["p50"] <= one["latency_ms"]["p90"] <= one["latency_ms"]["p999"] < 10000
    assert one["latency_sum_us"] > 0


def test_sent_bytes_are_exact(weir):
    server = weir(server=PAGES, files={"html/file": b"x" * 100000})
    with server.connect() as client:
        client.send(request("/file", "Connection: close"))
        received = len(client.read_rest())
    wait_until(lambda: state_of(server)["hosts"]["site.example"]["bytes_sent"] >= received, "the count")
    with server.connect() as client:
        before = json.loads(client.ask(request("/status?format=json")).body)
        client.send(request("/hello"))
        hello = client.read_head()
        head = 1 + len(hello.reason) + len("HTTP/1.1 200 \r\n\r\n") - 1 + sum(len(k) + len(v) + 4 for k, v in hello.headers)
        client.read_some(6)
        after = json.loads(client.ask(request("/status?format=json")).body)
    status = after["hosts"]["site.example"]["bytes_sent"] - before["hosts"]["site.example"]["bytes_sent"]
    assert status > head + 6            # with the first status page, that is counted once it is out


def test_unnamed_host_is_an_underscore(weir):
    server = weir(server='location / { status; }')
    assert list(json.loads(server.get("/?format=json").body)["hosts"]) == ["_"]


def test_slow_answer_counts_as_slow(weir):
    server = weir(server=PAGES)
    with server.connect() as client:
        client.send(b"GET /hello HTTP/1.1\r\n")
        wait_until(client.peer_has_read_all, "the server to read")
        import time
        begin = time.monotonic()
        while time.monotonic() - begin < 0.06:
            time.sleep(0.01)
        client.ask(b"Host: site.example\r\nConnection: close\r\n\r\n")
    host = state_of(server)["hosts"]["site.example"]
    bounds = state_of(server)["latency_bounds_us"]
    assert sum(count for count, bound in zip(host["histogram"], [0] + bounds) if bound >= 50000) == 1
    assert host["latency_ms"]["p999"] > 50


def test_numbers_survive_a_reload_and_a_killed_worker(weir):
    server = weir(server=PAGES, allow=["exited on signal 9"])
    for _ in range(10):
        server.get("/hello")
    first = server.workers()
    server.send_signal(signal.SIGHUP)
    server.wait_workers(1, without=first)
    state = wait_until(lambda: (s := state_of(server))["reloads"]["ok"] == 1 and len(s["workers"]) == 1 and s,
                       "the reload")
    assert state["generation"] == state["workers"][0]["generation"] == 2 and state["old_generations"] == 0
    assert state["reloads"]["last"]["ok"] is True and state["reloads"]["failed"] == 0
    assert state["hosts"]["site.example"]["responses"]["2xx"] >= 10
    assert state["sum"]["requests"] >= 11 and state["workers"][0]["requests"] < 10
    second = server.workers()
    os.kill(second[0], signal.SIGKILL)
    server.wait_workers(1, without=second)
    after = wait_until(lambda: (s := state_of(server))["workers_respawned"] == 1 and s, "the new worker")
    assert after["workers_killed"] == 1
    assert after["sum"]["requests"] > state["sum"]["requests"]
    # Of the answer that was read last the end may not have been counted when the worker was killed.
    assert after["hosts"]["site.example"]["requests"] >= state["hosts"]["site.example"]["requests"]


@pytest.mark.parametrize("master", ["on", "off"])
def test_failed_reload_is_seen(weir, master):
    server = weir(main=f"master_process {master};", server=PAGES, allow=[r"\[emerg\]"])
    good = server.template
    server.write_conf(good.replace("server_name site.example;", "server_nam site.example;"))
    server.send_signal(signal.SIGHUP)
    state = wait_until(lambda: (s := state_of(server))["reloads"]["failed"] == 1 and s, "the verdict")
    assert state["generation"] == 1 and state["reloads"]["ok"] == 0
    last = state["reloads"]["last"]
    assert last["ok"] is False
    assert 'unknown directive "server_nam"' in last["text"] and "the configuration was not changed" in last["text"]
    metrics = metrics_of(server)
    assert metrics.value("weir_reloads_total", result="failed") == 1
    assert metrics.value("weir_last_reload_ok") == 0
    text = server.get("/status").text
    assert "0 ok, 1 failed" in text and "last reload failed" in text
    page = server.get("/status?format=html").text
    assert '<span class="failed">failed</span>' in page and "unknown directive &quot;server_nam&quot;" in page


def test_counters_never_go_back_over_reloads(weir):
    server = weir(server=PAGES, workers=2)
    requests, answers = 0, 0
    for turn in range(5):
        before = server.wait_workers(2)
        server.send_signal(signal.SIGHUP)
        while set(server.workers()) & set(before):
            state = state_of(server)
            assert state["sum"]["requests"] > requests
            assert state["hosts"]["site.example"]["requests"] >= answers
            requests, answers = state["sum"]["requests"], state["hosts"]["site.example"]["requests"]
    wait_until(lambda: state_of(server)["reloads"]["ok"] >= 1, "a reload")


def test_single_process_has_the_same_pages(weir):
    server = weir(main="master_process off;", server=PAGES)
    server.get("/hello")
    state = state_of(server)
    assert [worker["pid"] for worker in state["workers"]] == [server.pid]
    assert state["hosts"]["site.example"]["requests"] == 1
    assert server.get("/stub").text.startswith("Active connections: 1 \n")
    assert metrics_of(server).value("weir_workers") == 1
    server.send_signal(signal.SIGHUP)
    state = wait_until(lambda: (s := state_of(server))["generation"] == 2 and s, "the reload")
    assert state["reloads"]["ok"] == 1 and state["hosts"]["site.example"]["requests"] > 1


# ---- metrics


@pytest.mark.parametrize("accept", [SCRAPER, "text/plain"])
def test_metrics_are_well_formed_and_the_same_numbers(weir, accept):
    server = weir(server=MIX, workers=2)
    mix(server)
    settled(server)
    metrics = metrics_of(server, accept)
    state = state_of(server)
    counters = state["sum"]
    assert metrics.value("weir_closed_total", reason="bad_request") == counters["closed_bad_request"] == 1
    assert metrics.value("weir_idle_kicks_total") == counters["idle_kicks"]
    assert metrics.value("weir_rejected_connections_total", reason="no_slot") == 0
    assert metrics.value("weir_responses_total", **{"class": "3xx"}) == counters["responses_3xx"] == 1
    assert metrics.value("weir_max_connections") == counters["max_connections"]
    assert metrics.value("weir_request_duration_seconds_count", host="site.example") > 8
    assert metrics.value("weir_host_responses_total", host="site.example", **{"class": "5xx"}) == 1
    assert metrics.value("weir_build_info", version=state["version"]) == 1
    pids = {dict(labels)["pid"] for labels in metrics.series("weir_worker_requests_total")}
    assert pids == {str(pid) for pid in server.workers()}
    # every counter of the JSON is there
    for name in counters:
        family = re.sub(r"^rejected_.*", "rejected_connections", re.sub(r"^(closed|responses)_.*", r"\1", name))
        assert any(found in metrics.families for found in (f"weir_{family}", f"weir_{family}_total")), name


def test_host_names_are_escaped(weir):
    server = weir(server='server_name \'a"<b>\\c\'; location / { status; } location /m { metrics; }')
    name = 'a"<b>\\c'
    state = json.loads(server.get("/?format=json").body)
    assert list(state["hosts"]) == [name]
    answer = server.get("/m", f"Accept: {SCRAPER}")
    assert parse_open_metrics(answer.body).value("weir_request_duration_seconds_count", host=name) == 1
    page = server.get("/?format=html").text
    assert "a&quot;&lt;b&gt;\\c" in page and "<b>\\c" not in page


BAD_METRICS = {
    "no end": "# TYPE a gauge\n# HELP a A.\na 1\n",
    "no type": "a 1\n# EOF\n",
    "counter without _total": "# HELP a A.\n# TYPE a counter\na 1\n# EOF\n",
    "twice": "# HELP a A.\n# TYPE a gauge\na 1\na 1\n# EOF\n",
    "in two places": "# HELP a A.\n# TYPE a gauge\na 1\n# HELP b B.\n# TYPE b gauge\n# HELP a A.\n# EOF\n",
    "wrong unit": "# HELP a A.\n# TYPE a gauge\n# UNIT a s\na 1\n# EOF\n",
    "bad escape": '# HELP a A.\n# TYPE a gauge\na{x="\\q"} 1\n# EOF\n',
    "not cumulative": '# HELP a A.\n# TYPE a histogram\na_bucket{le="1.0"} 2\na_bucket{le="+Inf"} 1\na_count 1\na_sum 1\n# EOF\n',
    "no +Inf": '# HELP a A.\n# TYPE a histogram\na_bucket{le="1.0"} 2\na_count 2\na_sum 1\n# EOF\n',
    "count is not +Inf": '# HELP a A.\n# TYPE a histogram\na_bucket{le="+Inf"} 2\na_count 1\na_sum 1\n# EOF\n',
}


@pytest.mark.parametrize("text", BAD_METRICS.values(), ids=BAD_METRICS)
def test_the_parser_is_strict(text):
    with pytest.raises(MetricsError):
        parse_open_metrics(text.encode())


def test_a_thousand_hosts_fit(weir):
    servers = "".join(f"server {{ listen 127.0.0.1:{{port}}; server_name h{i}.example; }}\n" for i in range(1100))
    server = weir(http=servers, server=None)
    server.write_conf(server.template.replace("server_name h0.example;", "server_name h0.example; location /s { status; } "
                                              "location /m { metrics; }"))
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: server.get("/s", host="h0.example").status == 200, "the reload")
    for i in (5, 1050, 1099):
        server.get("/", host=f"h{i}.example")
    hosts = json.loads(server.get("/s?format=json", host="h0.example").body)["hosts"]
    assert len(hosts) == 1001
    assert (hosts["h5.example"]["requests"], hosts["other"]["requests"]) == (1, 2)
    metrics = parse_open_metrics(server.get("/m", f"Accept: {SCRAPER}", host="h0.example").body)
    assert metrics.value("weir_request_duration_seconds_count", host="other") == 2
    page = server.get("/s?format=html", host="h0.example")
    assert page.status == 200 and "and 951 more with fewer answers" in page.text


# ---- the manual


def test_the_manual_lists_every_counter(weir):
    server = weir(server=PAGES)
    section = re.search(r"^\.Sh STATUS AND METRICS\n(.*?)^\.Sh ", (MAN / "weir.conf.5").read_text(), re.M | re.S)[1]
    listed = re.findall(r"^\.It Va (\S+)", section, re.M)
    assert len(listed) == len(set(listed))
    state = state_of(server)
    server_numbers = {"start_time_s", "generation", "old_generations", "workers", "reloads_ok", "reloads_failed",
                      "last_reload_time_s", "last_reload_ok", "workers_respawned", "workers_killed",
                      "log_rotations", "log_rotations_failed"}
    assert set(listed) == set(state["sum"]) | server_numbers


# ---- the page


def test_page_allows_only_itself(weir):
    server = weir(server=PAGES)
    answer = server.get("/status?format=html")
    policy = answer.get("Content-Security-Policy")
    nonce = re.search(r"script-src 'nonce-([0-9a-f]{32})'", policy)[1]
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert set(re.findall(r"<(?:script|style)[^>]*nonce=\"([^\"]*)\"", answer.text)) == {nonce}
    assert len(re.findall("<(?:script|style)", answer.text)) == answer.text.count(f'nonce="{nonce}"')
    assert not re.search(r"(?:src|href)=\"(?!data:,|\?format=)", answer.text)
    again = server.get("/status?format=html").get("Content-Security-Policy")
    assert again != policy
    assert "{{" not in answer.text


def test_page_needs_no_script(weir):
    server = weir(server=PAGES)
    server.get("/hello")
    page = server.get("/status?format=html").text
    page = page[:page.index("<script")]
    pid = server.wait_workers()[0]
    assert re.search(rf'<div class="worker serving"><p><b>{pid}</b><span> generation 1, ', page)
    assert '<rect class="writing"' in page and '<rect class="c2xx"' in page
    assert re.search(r"<td>site\.example</td><td>1</td>", page)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.real
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is missing")
@pytest.mark.parametrize("width", [360, 1280])
def test_page_lives_in_a_browser(weir, width):
    server = weir(server=PAGES, workers=2)
    for target in ("/hello", "/missing", "/moved"):
        server.get(target)
    profile = server.prefix / "profile"
    url = f"http://127.0.0.1:{server.port()}/status?format=html"
    done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
                           "--enable-logging=stderr", "--force-device-scale-factor=2", f"--window-size={width},900",
                           "--virtual-time-budget=4000", "--dump-dom", url],
                          capture_output=True, text=True, timeout=120)
    page = done.stdout
    assert '<html lang="en" class="scripted">' in page, done.stderr[-2000:]
    assert "CONSOLE" not in done.stderr, done.stderr[-3000:]
    assert ">/s</small>" in page                        # it has asked at least once more
    assert re.search(r'<p id="live" class="">live</p>', page)
    assert page.count('class="worker serving"') == 2
    assert '<path d="M' in page
    assert state_of(server)["sum"]["requests"] >= 6
