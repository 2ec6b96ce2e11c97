# SPDX-License-Identifier: BSD-2-Clause
"""Every directive is taken where nginx takes it, and refused elsewhere; and twice only where that makes sense."""

import pytest

from harness import check_conf

M, E, H, S, L = "main", "events", "http", "server", "location"
FRAMES = {
    M: "{}\nevents {{ }}\nhttp {{ }}\n",
    E: "events {{ {} }}\nhttp {{ }}\n",
    H: "events {{ }}\nhttp {{ {} }}\n",
    S: "events {{ }}\nhttp {{ server {{ listen 127.0.0.1:1; {} }} }}\n",
    L: "events {{ }}\nhttp {{ server {{ listen 127.0.0.1:1; location / {{ {} }} }} }}\n",
}

# name: (where, a use of it)
DIRECTIVES = {
    "daemon": (M, "daemon off;"),
    "env": (M, "env LANG=C;"),
    "error_log": ((M, H, S, L), "error_log logs/e.log warn;"),
    "include": ((M, E, H, S, L), "include nothing-here-*.conf;"),
    "master_process": (M, "master_process on;"),
    "pid": (M, "pid logs/x.pid;"),
    "user": (M, "user nobody;"),
    "worker_processes": (M, "worker_processes auto;"),
    "worker_rlimit_nofile": (M, "worker_rlimit_nofile 4096;"),
    "worker_shutdown_timeout": (M, "worker_shutdown_timeout 10s;"),
    "accept_mutex": (E, "accept_mutex off;"),
    "multi_accept": (E, "multi_accept on;"),
    "use": (E, "use epoll;"),
    "worker_connections": (E, "worker_connections 1024;"),
    "absolute_redirect": ((H, S, L), "absolute_redirect off;"),
    "aio": ((H, S, L), "aio threads=default;"),
    "aio_write": ((H, S, L), "aio_write on;"),
    "alias": (L, "alias /srv/;"),
    "directio": ((H, S, L), "directio 4m;"),
    "directio_alignment": ((H, S, L), "directio_alignment 4k;"),
    "output_buffers": ((H, S, L), "output_buffers 1 64k;"),
    "postpone_output": ((H, S, L), "postpone_output 0;"),
    "read_ahead": ((H, S, L), "read_ahead 128k;"),
    "thread_pool": (M, "thread_pool one threads=2;"),
    "open_file_cache_events": ((H, S, L), "open_file_cache_events on;"),
    "client_body_buffer_size": ((H, S, L), "client_body_buffer_size 16k;"),
    "client_body_in_file_only": ((H, S, L), "client_body_in_file_only on;"),
    "client_body_in_single_buffer": ((H, S, L), "client_body_in_single_buffer on;"),
    "client_body_temp_path": ((H, S, L), "client_body_temp_path bodies 1 2 3;"),
    "client_body_timeout": ((H, S, L), "client_body_timeout 60s;"),
    "client_header_buffer_size": ((H, S), "client_header_buffer_size 1k;"),
    "client_header_timeout": ((H, S), "client_header_timeout 60;"),
    "client_max_body_size": ((H, S, L), "client_max_body_size 8m;"),
    "create_full_put_path": ((H, S, L), "create_full_put_path on;"),
    "dav_access": ((H, S, L), "dav_access user:rw group:r all:r;"),
    "dav_methods": ((H, S, L), "dav_methods PUT DELETE MKCOL COPY MOVE;"),
    "dav_threads": (H, "dav_threads 4 queue=100;"),
    "default_type": ((H, S, L), "default_type application/octet-stream;"),
    "disable_symlinks": ((H, S, L), "disable_symlinks if_not_owner;"),
    "error_page": ((H, S, L), "error_page 500 502 =200 /x.html;"),
    "etag": ((H, S, L), "etag off;"),
    "if_modified_since": ((H, S, L), "if_modified_since before;"),
    "ignore_invalid_headers": ((H, S), "ignore_invalid_headers on;"),
    "keepalive_requests": ((H, S, L), "keepalive_requests 100;"),
    "keepalive_timeout": ((H, S, L), "keepalive_timeout 65s 60s;"),
    "large_client_header_buffers": ((H, S), "large_client_header_buffers 4 16k;"),
    "lingering_close": ((H, S, L), "lingering_close always;"),
    "lingering_time": ((H, S, L), "lingering_time 30s;"),
    "lingering_timeout": ((H, S, L), "lingering_timeout 5s;"),
    "limit_conn_dry_run": ((H, S, L), "limit_conn_dry_run on;"),
    "limit_conn_log_level": ((H, S, L), "limit_conn_log_level notice;"),
    "limit_conn_status": ((H, S, L), "limit_conn_status 429;"),
    "limit_conn_zone": (H, "limit_conn_zone $host zone=c:32k;"),
    "limit_req_dry_run": ((H, S, L), "limit_req_dry_run on;"),
    "limit_req_log_level": ((H, S, L), "limit_req_log_level warn;"),
    "limit_req_status": ((H, S, L), "limit_req_status 429;"),
    "limit_req_zone": (H, "limit_req_zone $host zone=r:32k rate=1r/s;"),
    "listen": (S, "listen 127.0.0.1:2;"),
    "location": ((S, L), "location /x/ { }"),
    "log_not_found": ((H, S, L), "log_not_found off;"),
    "min_delete_depth": ((H, S, L), "min_delete_depth 2;"),
    "max_headers": ((H, S), "max_headers 100;"),
    "max_ranges": ((H, S, L), "max_ranges 5;"),
    "merge_slashes": ((H, S), "merge_slashes off;"),
    "msie_padding": ((H, S, L), "msie_padding off;"),
    "open_file_cache": ((H, S, L), "open_file_cache max=100 inactive=20s;"),
    "open_file_cache_errors": ((H, S, L), "open_file_cache_errors on;"),
    "open_file_cache_min_uses": ((H, S, L), "open_file_cache_min_uses 2;"),
    "open_file_cache_valid": ((H, S, L), "open_file_cache_valid 30s;"),
    "port_in_redirect": ((H, S, L), "port_in_redirect off;"),
    "real_ip_header": ((H, S, L), "real_ip_header X-Forwarded-For;"),
    "real_ip_recursive": ((H, S, L), "real_ip_recursive on;"),
    "reset_timedout_connection": ((H, S, L), "reset_timedout_connection on;"),
    "root": ((H, S, L), "root /srv/www;"),
    "send_timeout": ((H, S, L), "send_timeout 60s;"),
    "set_real_ip_from": ((H, S, L), "set_real_ip_from 192.0.2.0/24;"),
    "sendfile": ((H, S, L), "sendfile on;"),
    "server": (H, "server { listen 127.0.0.1:3; }"),
    "server_name": (S, "server_name a.example *.b.example;"),
    "server_name_in_redirect": ((H, S, L), "server_name_in_redirect on;"),
    "serve_hidden": ((H, S, L), "serve_hidden on;"),
    "server_tokens": ((H, S, L), "server_tokens build;"),
    "tcp_nodelay": ((H, S, L), "tcp_nodelay on;"),
    "tcp_nopush": ((H, S, L), "tcp_nopush on;"),
    "types": ((H, S, L), "types { text/html html; }"),
    "underscores_in_headers": ((H, S), "underscores_in_headers on;"),
    "index": ((H, S, L), "index a.html b.html;"),
    "access_log": ((H, S, L), "access_log logs/a.log combined;"),
    "log_format": (H, "log_format mine '$uri';"),
    "return": ((S, L), "return 404;"),
    "empty_gif": (L, "empty_gif;"),
    "flv": (L, "flv;"),
    "add_early_hint": ((H, S, L), "add_early_hint Link '</a>; rel=preload';"),
    "early_hints": ((H, S, L), "early_hints $arg_a 1;"),
    "mp4": (L, "mp4;"),
    "mp4_buffer_size": ((H, S, L), "mp4_buffer_size 1m;"),
    "mp4_max_buffer_size": ((H, S, L), "mp4_max_buffer_size 20m;"),
    "mp4_memory": (H, "mp4_memory 1m;"),
    "mp4_start_key_frame": ((H, S, L), "mp4_start_key_frame on;"),
    "mp4_threads": (H, "mp4_threads 1;"),
}
REPEATED = {"add_early_hint", "env", "thread_pool", "error_log", "include", "error_page", "listen", "location", "server", "server_name", "types", "index", "access_log",
            "limit_conn_zone", "limit_req_zone", "log_format", "return", "set_real_ip_from"}


@pytest.mark.parametrize("name", list(DIRECTIVES))
def test_directive_is_taken_in_its_contexts_and_refused_outside(folder, name):
    contexts, text = DIRECTIVES[name]
    contexts = (contexts,) if isinstance(contexts, str) else contexts
    for where in FRAMES:
        done, path = check_conf(folder, FRAMES[where].format(text))
        if where in contexts:
            assert done.returncode == 0, f"in {where}: {done.stderr}"
        else:
            assert done.returncode == 1, f"taken in {where}"
            assert done.stderr.splitlines()[0].startswith(f'weir: [emerg] "{name}" directive is not allowed here in {path}:'), done.stderr


@pytest.mark.parametrize("name", [name for name in DIRECTIVES if name not in REPEATED])
def test_directive_is_not_taken_twice(folder, name):
    contexts, text = DIRECTIVES[name]
    where = contexts if isinstance(contexts, str) else contexts[0]
    done, _ = check_conf(folder, FRAMES[where].format(f"{text}\n{text}"))
    assert done.returncode == 1
    assert f'weir: [emerg] "{name}" directive is duplicate' in done.stderr, done.stderr


@pytest.mark.parametrize("name", [name for name in DIRECTIVES if DIRECTIVES[name][1].split()[-1] in ("on;", "off;")])
def test_switch_takes_on_and_off_alone(folder, name):
    contexts, _ = DIRECTIVES[name]
    where = contexts if isinstance(contexts, str) else contexts[0]
    for value, code in (("on", 0), ("off", 0), ("On", 0), ("OFF", 0), ("true", 1), ("", 1)):
        done, _ = check_conf(folder, FRAMES[where].format(f"{name} '{value}';"))
        assert done.returncode == code, f"{value!r}: {done.stderr}"


VALUES = {
    "disable_symlinks": ("off", "on", "if_not_owner"),
    "if_modified_since": ("off", "exact", "before"),
    "lingering_close": ("off", "on", "always"),
    "keepalive_timeout": ("0", "75s", "75s 60s", "1h30m"),
    "open_file_cache": ("off", "max=1000", "max=1000 inactive=1m"),
    "access_log": ("off", "logs/a.log", "logs/a.log combined", "logs/a.log combined buffer=32k", "logs/a.log combined buffer=32k flush=5m",
                   "/dev/stdout"),
    "error_log": ("stderr", "logs/e.log", "/dev/null", *[f"logs/e.log {level}" for level in
                  ("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg")]),
    "error_page": ("404 /x", "404 =200 /x", "404 = /x", "500 502 503 504 /50x.html", "404 http://a.example/", "403 =301 http://a.example/"),
    "return": ("404", "200 text", "301 /x", "https://a.example/", "444", "204"),
    "set_real_ip_from": ("192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "::1", "0.0.0.0/0", "unix:", "localhost"),
    "real_ip_header": ("X-Real-IP", "X-Forwarded-For", "proxy_protocol", "CF-Connecting-IP"),
    "server_name": ("a", '""', "_", "*.a.example", "a.example.*", ".a.example", "a b c"),
    "max_ranges": ("0", "1", "1000"),
    "types": (),
}


@pytest.mark.parametrize("name, value", [(name, value) for name, values in VALUES.items() for value in values])
def test_value_is_taken(folder, name, value):
    contexts, _ = DIRECTIVES[name]
    where = contexts if isinstance(contexts, str) else contexts[-1]
    done, _ = check_conf(folder, FRAMES[where].format(f"{name} {value};"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("value", ["1", "4", "auto"])
def test_worker_processes(folder, value):
    done, _ = check_conf(folder, FRAMES[M].format(f"worker_processes {value};"))
    assert done.returncode == 0, done.stderr
