# SPDX-License-Identifier: BSD-2-Clause
"""The servers: how each is configured for a workload and started.

`weir` and `weir-tuned` run with the very configuration of `nginx-default` and `nginx-tuned`.
"""
import os
import shutil
import signal
from dataclasses import dataclass, field

import machine

AS_ROOT = os.geteuid() == 0
LONG = 300          # seconds of keep-alive: no server closes a connection by itself
ENDLESS = 100000000


@dataclass
class Setup:
    """What a configuration is made for."""
    name: str
    dir: str                # the server's own: conf, logs, pid
    tmp: str                # certificates are here
    www: str                # the files to serve
    port: int               # plain; the next one is TLS
    workload: str
    log: bool               # an access log is written
    connections: int
    features: frozenset     # of those that the binary may lack: tls, h2, h2-old, gzip

    @property
    def tls_port(self):
        return self.port + 1

    @property
    def conf_path(self):
        return self.dir + "/conf"

    def text(self, template, **more):
        return template % dict(vars(self), tls_port=self.tls_port, **more)


@dataclass
class Peer:
    """A server that can be started: `conf` gives the text of its conf file, or None where it cannot
    do the workload; `command` the arguments behind the binary."""
    binary: str
    conf: object
    command: object
    reload: object = None               # a signal, or a function of the running server
    environment: dict = field(default_factory=dict)
    ladder: tuple = (frozenset(),)      # sets of features, tried in order until it starts


# ---- nginx, and weir with the same words

NGINX_CONF = """%(user)s
daemon off;
worker_processes 1;
worker_rlimit_nofile %(nofile)d;
error_log %(dir)s/error.log crit;
pid %(dir)s/pid;
events { worker_connections %(connections)d; %(events)s }
http {
    types { text/plain txt; text/html html; application/octet-stream bin; }
    default_type application/octet-stream;
    sendfile on;
    keepalive_timeout %(long)ds;
    %(tuning)s
    %(own)s
    access_log %(access_log)s;
    server {
        listen 127.0.0.1:%(port)d%(listen)s;
        %(tls)s
        root %(www)s;
        %(gzip)s
        %(locations)s
    }
    %(servers)s
}
"""

NGINX_TUNING = """tcp_nopush %s; tcp_nodelay on;
    keepalive_requests %d;
    reset_timedout_connection on;
    open_file_cache max=20000 inactive=300s; open_file_cache_valid 60s;
    open_file_cache_min_uses 1; open_file_cache_errors on;"""

NGINX_GZIP = """location /gz/ {
            gzip on; gzip_comp_level 1; gzip_min_length 20; gzip_types text/plain;
        }"""


def nginx_tls(setup, tuned):
    if "tls" not in setup.features:
        return ""
    h2, h2_old = "h2" in setup.features, "h2-old" in setup.features
    lines = ["listen 127.0.0.1:%d ssl%s;" % (setup.tls_port, " http2" if h2_old else ""),
             "http2 on;" if h2 else "",
             "ssl_certificate %(tmp)s/cert.pem; ssl_certificate_key %(tmp)s/key.pem;" % vars(setup),
             "ssl_protocols TLSv1.3;"]
    if tuned:
        lines += ["ssl_session_cache shared:S:10m; ssl_buffer_size 16k;",
                  "ssl_ecdh_curve X25519:prime256v1;"]
        lines += ["http2_chunk_size 16k;"] if h2 or h2_old else []
    return "\n        ".join(filter(None, lines))


PREFIXES, EXPRESSIONS, SERVERS = 100, 20, 1000


def own_locations(setup):
    """Of a workload alone."""
    return "location /listing/ { autoindex on; }" if setup.workload == "listing" else ""


def many_locations():
    """None of them is what the workloads ask for; all expressions are tried, or remembered."""
    lines = ["location /section%d/ { expires 1h; }" % i for i in range(PREFIXES)]
    lines += ["location ~* ^/[a-z]+/part%d/.*\\.(php|cgi)$ { return 404; }" % i for i in range(EXPRESSIONS)]
    return "\n        ".join(lines)


def many_servers(port):
    return "\n    ".join("server { listen 127.0.0.1:%d; server_name www%d.example.org *.s%d.example.org; }" % (port, i, i)
                        for i in range(1, SERVERS))


def weir_own(setup):
    """What weir is told beside the words of nginx."""
    return "compress_cache 0;" if setup.workload == "gzip-cold" else ""


def nginx_conf(tuned, cork=True, listen="", routed=False, main="", own=lambda setup: ""):
    tuning = NGINX_TUNING % ("on" if cork else "off", ENDLESS) if tuned else ""
    listen += " deferred backlog=4096" if tuned else ""

    def conf(setup):
        return setup.text(
            NGINX_CONF, nofile=machine.NOFILE, long=LONG, tuning=tuning, listen=listen,
            user=("user nobody nogroup;" if AS_ROOT else "") + main,
            events="multi_accept on;" if tuned else "",
            access_log=setup.dir + "/access.log" if setup.log else "off",
            tls=nginx_tls(setup, tuned), own=own(setup), gzip=NGINX_GZIP if "gzip" in setup.features else "",
            locations=many_locations() if routed else own_locations(setup), servers=many_servers(setup.port) if routed else "")
    return conf


def nginx_like(binary, conf, ladder):
    return Peer(binary, conf, lambda s: ["-p", s.dir + "/", "-c", s.conf_path],
                reload=signal.SIGHUP, ladder=ladder)


# ---- h2o

H2O_CONF = """num-threads: 1
max-connections: %(connections)d
%(user)s
pid-file: %(dir)s/pid
error-log: %(dir)s/error.log
http1-request-timeout: %(long)d
http2-idle-timeout: %(long)d
compress: %(gzip)s
%(access_log)s
listen: {host: 127.0.0.1, port: %(port)d}
listen:
  host: 127.0.0.1
  port: %(tls_port)d
  ssl:
    certificate-file: %(tmp)s/cert.pem
    key-file: %(tmp)s/key.pem
    minimum-version: TLSv1.3
    ocsp-update-interval: 0
file.mime.addtypes:
  "text/plain": ".txt"
hosts:
  default:
    paths:
      "/": {file.dir: %(www)s}
"""


def h2o_conf(setup):
    return setup.text(
        H2O_CONF, long=LONG, user="user: nobody" if AS_ROOT else "",
        gzip="{gzip: 1}" if setup.workload.startswith("gzip") else "OFF",
        access_log="access-log: %s/access.log" % setup.dir if setup.log else "")


def h2o_command(setup):
    return ["-c", setup.conf_path] + (["-m", "master"] if setup.workload == "reload" else [])


# ---- lighttpd

LIGHTTPD_CONF = """server.modules = (%(modules)s)
server.document-root = "%(www)s"
server.bind = "127.0.0.1"
server.port = %(port)d
%(user)s
server.errorlog = "%(dir)s/error.log"
server.event-handler = "linux-sysepoll"
server.network-backend = "sendfile"
server.stat-cache-engine = "simple"
server.max-fds = %(nofile)d
server.max-connections = %(most)d
server.listen-backlog = 4096
server.max-keep-alive-requests = %(endless)d
server.max-keep-alive-idle = %(long)d
server.upload-dirs = ("%(dir)s")
mimetype.assign = (".txt" => "text/plain", ".html" => "text/html",
                   ".bin" => "application/octet-stream")
%(access_log)s
%(gzip)s
%(tls)s
"""

LIGHTTPD_GZIP = """$HTTP["url"] =~ "^/gz/" {
  deflate.mimetypes = ("text/plain")
  deflate.allowed-encodings = ("gzip")
  deflate.compression-level = 1
}"""

LIGHTTPD_TLS = """$SERVER["socket"] == "127.0.0.1:%(tls_port)d" {
  ssl.engine = "enable"
  ssl.pemfile = "%(tmp)s/cert.pem"
  ssl.privkey = "%(tmp)s/key.pem"
  ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.3")
}"""


def lighttpd_conf(setup):
    tls, gzip = "tls" in setup.features, "gzip" in setup.features
    modules = ["mod_accesslog"] + ["mod_openssl"] * tls + ["mod_deflate"] * gzip
    return setup.text(
        LIGHTTPD_CONF, modules=", ".join('"%s"' % m for m in modules),
        user='server.username = "nobody"\nserver.groupname = "nogroup"' if AS_ROOT else "",
        nofile=machine.NOFILE, most=min(setup.connections, machine.NOFILE // 2),
        endless=ENDLESS, long=LONG,
        access_log='accesslog.filename = "%s/access.log"' % setup.dir if setup.log else "",
        gzip=LIGHTTPD_GZIP if gzip else "", tls=setup.text(LIGHTTPD_TLS) if tls else "")


# ---- Apache

APACHE_MODULES = "mpm_event authz_core mime filter deflate ssl http2".split()

APACHE_CONF = """ServerRoot %(dir)s
ServerName localhost
%(modules)s
DefaultRuntimeDir %(dir)s
PidFile %(dir)s/pid
ErrorLog %(dir)s/error.log
LogLevel crit
%(user)s
ServerLimit 2
StartServers 1
ThreadLimit 64
ThreadsPerChild 64
MinSpareThreads 1
MaxSpareThreads 64
MaxRequestWorkers 64
AsyncRequestWorkerFactor %(factor)d
MaxKeepAliveRequests 0
KeepAlive On
KeepAliveTimeout %(long)d
EnableSendfile On
EnableMMAP On
ListenBacklog 4096
Listen 127.0.0.1:%(port)d
Listen 127.0.0.1:%(tls_port)d
TypesConfig /dev/null
AddType text/plain .txt
%(access_log)s
DocumentRoot %(www)s
<Directory />
  AllowOverride None
  Options FollowSymLinks
  Require all granted
</Directory>
<Location /gz/>
  SetOutputFilter DEFLATE
</Location>
DeflateCompressionLevel 1
Protocols http/1.1
<VirtualHost 127.0.0.1:%(tls_port)d>
  DocumentRoot %(www)s
  Protocols h2 http/1.1
  SSLEngine on
  SSLProtocol TLSv1.3
  SSLCertificateFile %(tmp)s/cert.pem
  SSLCertificateKeyFile %(tmp)s/key.pem
</VirtualHost>
"""

APACHE_LOG = """LogFormat \
  "%%h %%l %%u %%t \\"%%r\\" %%>s %%O \\"%%{Referer}i\\" \\"%%{User-Agent}i\\"" combined
CustomLog %s/access.log combined
BufferedLogs Off"""


def apache_conf(setup):
    return setup.text(
        APACHE_CONF, long=LONG, factor=max(1, setup.connections // 64),
        user="User nobody\nGroup nogroup" if AS_ROOT else "",
        modules="\n".join("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so" % (m, m)
                          for m in APACHE_MODULES),
        access_log=APACHE_LOG % setup.dir if setup.log else "")


# ---- Caddy

CADDY_SITE = """    root * %(www)s
    %(gzip)s
    file_server
    %(access_log)s"""

CADDY_CONF = """{
    admin unix/%(dir)s/admin
    auto_https off
    log default {
        output discard
    }
    servers {
        protocols h1 h2
    }
}
http://127.0.0.1:%(port)d {
    bind 127.0.0.1
%(site)s
}
https://localhost:%(tls_port)d, https://127.0.0.1:%(tls_port)d {
    bind 127.0.0.1
    tls %(tmp)s/cert.pem %(tmp)s/key.pem {
        protocols tls1.3 tls1.3
    }
%(site)s
}
"""


def caddy_conf(setup):
    log = "log {\n        output file %s/access.log\n    }" % setup.dir if setup.log else ""
    gzip = "encode {\n        gzip 1\n    }" if setup.workload.startswith("gzip") else ""
    return setup.text(CADDY_CONF, site=setup.text(CADDY_SITE, gzip=gzip, access_log=log))


def caddy_reload(server):
    server.run_aside([server.peer.binary, "reload", "--force", "--adapter", "caddyfile",
                      "--config", server.dir + "/conf",
                      "--address", "unix/" + server.dir + "/admin"])


# ---- the floor: limit.c

def limit_arguments(setup):
    """None: there is no such floor for this workload."""
    if setup.name == "limit-sendfile":
        file = {"small-hot": "1k.bin", "medium": "64k.bin", "large": "100m.bin"}
        return ["-f", setup.www + "/" + file[setup.workload]] if setup.workload in file else None
    return {"small-hot": [], "pipelined": [], "idle": [], "no-keepalive": ["-c"],
            "medium": ["-b", "65536"]}.get(setup.workload)


def limit(binary):
    return Peer(binary, lambda s: None if limit_arguments(s) is None else "",
                lambda s: [str(s.port)] + limit_arguments(s))


# ---- all of them

def peers(weir, nginx, limit_binary):
    """name -> Peer, of those whose binary is there."""
    everything = frozenset({"tls", "h2", "gzip"})
    as_nginx_125 = everything                                   # "http2 on;"
    before_125 = frozenset({"tls", "h2-old", "gzip"})           # "listen … http2;"
    nginx_ladder = (as_nginx_125, before_125, frozenset())
    weir_ladder = (everything, frozenset({"tls", "gzip"}), frozenset({"gzip"}), frozenset())
    known = {
        "limit": limit(limit_binary),
        "limit-sendfile": limit(limit_binary),
        "weir": nginx_like(weir, nginx_conf(False, own=weir_own), weir_ladder),
        "weir-tuned": nginx_like(weir, nginx_conf(True, own=weir_own), weir_ladder),
        # weir defers by default: what it does where the kernel does not sort out silent clients
        "weir-undeferred": nginx_like(weir, nginx_conf(False, listen=" deferred=off"), weir_ladder),
        # what the walls around a worker cost
        "weir-unwalled": nginx_like(weir, nginx_conf(True, main="sandbox off;", own=weir_own), weir_ladder),
        # the same as tuned, among many servers and locations
        "weir-routed": nginx_like(weir, nginx_conf(True, routed=True), weir_ladder),
        "nginx-routed": nginx_like(nginx, nginx_conf(True, routed=True), nginx_ladder),
        "nginx-default": nginx_like(nginx, nginx_conf(False), nginx_ladder),
        "nginx-tuned": nginx_like(nginx, nginx_conf(True), nginx_ladder),
        "nginx-tuned-nocork": nginx_like(nginx, nginx_conf(True, cork=False), nginx_ladder),
        "h2o": Peer("h2o", h2o_conf, h2o_command, reload=signal.SIGHUP),
        "lighttpd": Peer("lighttpd", lighttpd_conf, lambda s: ["-D", "-f", s.conf_path],
                         reload=signal.SIGUSR1,
                         ladder=(frozenset({"tls", "gzip"}), frozenset({"gzip"}), frozenset())),
        "apache": Peer("apache2", apache_conf, lambda s: ["-DFOREGROUND", "-f", s.conf_path],
                       reload=signal.SIGUSR1),
        "caddy": Peer("caddy", caddy_conf,
                      lambda s: ["run", "--adapter", "caddyfile", "--config", s.conf_path],
                      reload=caddy_reload, environment={"GOMAXPROCS": "1"}),
    }
    return {name: peer for name, peer in known.items() if peer.binary and shutil.which(peer.binary)}
