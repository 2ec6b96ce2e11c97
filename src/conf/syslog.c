/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/syslog.h"
#include "base/compiler.h"
#include "base/syslog_server.h"
#include <assert.h>
#include <netdb.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    DEFAULT_FACILITY = 23,      /* local7 */
    DEFAULT_PORT = 514
};

/* What is being read. */
struct reading {
    struct conf *conf;
    const struct conf_word *word;
    struct syslog_server *server;
    struct str text;            /* of the server's address */
};

/* ---- the address --------------------------------------------------------------------------- */

static bool
wrong_server(const struct reading *r, const char *what)
{
    return conf_error(r->conf, r->word, "%s in syslog server \"%.*s\"", what, STR_ARG(r->text));
}

static bool
read_unix_path(const struct reading *r)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&r->server->address;
    struct str path = str_from(r->text, sizeof("unix:") - 1);

    if (path.len == 0)
        return wrong_server(r, "no path in the unix domain socket");
    if (path.len >= sizeof(un->sun_path))
        return wrong_server(r, "too long path in the unix domain socket");
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.p, path.len);
    r->server->address_len = sizeof(*un);
    return true;
}

/* The first address of a name. */
static bool
resolve(const struct reading *r, struct str host, unsigned port)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM }, *found;
    struct str name = arena_str(r->conf->scratch, host);
    struct str service = arena_fmt(r->conf->scratch, "%u", port);

    if (!str_is_set(name) || !str_is_set(service))
        return conf_no_memory(r->conf);
    if (getaddrinfo(name.p, service.p, &hints, &found) != 0)
        return wrong_server(r, "host not found");
    memcpy(&r->server->address, found->ai_addr, found->ai_addrlen);
    r->server->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

/* "192.0.2.1", "log.example:514", "[2001:db8::1]:514", "unix:/dev/log" */
static bool
read_server(const struct reading *r)
{
    struct str host = r->text, behind;
    ptrdiff_t colon = str_find(host, ':', 0), bracket = str_find(host, ']', 0);
    uint64_t port = DEFAULT_PORT;

    if (str_starts(host, STR("unix:")))
        return read_unix_path(r);
    if (str_starts(host, STR("[")) && bracket > 0) {
        behind = str_from(host, (size_t)bracket + 1);
        host = (struct str){ host.p + 1, (size_t)bracket - 1 };
    } else {
        behind = str_from(host, colon < 0 ? host.len : (size_t)colon);
        host.len -= behind.len;
    }
    if (behind.len > 0 && (behind.p[0] != ':' || !str_to_uint(str_from(behind, 1), 65535, &port)
                           || port == 0))
        return wrong_server(r, "invalid port");
    if (host.len == 0)
        return wrong_server(r, "no host");
    return resolve(r, host, (unsigned)port);
}

/* ---- the other parameters ------------------------------------------------------------------ */

static bool
read_facility(const struct reading *r)
{
    int found = syslog_facility_find(r->text);

    if (found >= 0) {
        r->server->facility = (unsigned)found;
        return true;
    }
    conf_error(r->conf, r->word, "unknown syslog facility \"%.*s\"", STR_ARG(r->text));
    conf_hint(r->conf, "one of kern, user, mail, daemon, auth, intern, lpr, news, uucp, clock, "
              "authpriv, ftp, ntp, audit, alert, cron, local0 to local7");
    return false;
}

/* The numbers of our levels are those of syslog's severities. */
static bool
read_severity(const struct reading *r)
{
    int found = log_level_find(r->text);

    if (found >= 0) {
        r->server->severity = (unsigned)found;
        return true;
    }
    conf_error(r->conf, r->word, "unknown syslog severity \"%.*s\"", STR_ARG(r->text));
    conf_hint(r->conf, "one of debug, info, notice, warn, error, crit, alert, emerg");
    return false;
}

static bool
read_tag(const struct reading *r)
{
    if (r->text.len > SYSLOG_TAG_MAX)
        return conf_error(r->conf, r->word, "syslog tag length exceeds %d", SYSLOG_TAG_MAX);
    for (size_t i = 0; i < r->text.len; i++) {
        char c = ascii_lower(r->text.p[i]);

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_')
            return conf_error(r->conf, r->word, "syslog \"tag\" only allows alphanumeric "
                              "characters and underscore");
    }
    r->server->tag = arena_str(r->conf->arena, r->text);
    return str_is_set(r->server->tag) || conf_no_memory(r->conf);
}

static const struct {
    const char *name;
    bool (*read)(const struct reading *r);
} parameters[] = {
    { "server", read_server },
    { "facility", read_facility },
    { "severity", read_severity },
    { "tag", read_tag },
};

/* "name=value". seen: a bit for each that was there. */
static bool
read_parameter(struct reading *r, struct str text, unsigned *seen)
{
    ptrdiff_t equals = str_find(text, '=', 0);
    struct str name = { text.p, equals < 0 ? text.len : (size_t)equals };

    assert(str_is_set(text));           /* a part of a word */
    if (str_eq(text, STR("nohostname"))) {
        r->server->hostname = STR("");
        return true;
    }
    for (unsigned i = 0; i < ARRAY_LEN(parameters) && equals >= 0; i++) {
        if (!str_eq(name, str_of(parameters[i].name)))
            continue;
        if (*seen & (1u << i))
            return conf_error(r->conf, r->word, "duplicate syslog \"%s\"", parameters[i].name);
        *seen |= 1u << i;
        r->text = str_from(text, (size_t)equals + 1);
        return parameters[i].read(r);
    }
    conf_error(r->conf, r->word, "unknown syslog parameter \"%.*s\"", STR_ARG(text));
    conf_hint(r->conf, "known: server=, facility=, severity=, tag=, nohostname");
    return false;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static struct str
lower_hostname(struct arena *arena)
{
    char name[256] = "";

    if (gethostname(name, sizeof(name) - 1) != 0)
        return STR("");
    for (char *p = name; *p != '\0'; p++)
        *p = ascii_lower(*p);
    return arena_str(arena, str_of(name));
}

static bool
read_parameters(struct reading *r)
{
    struct str rest = str_from(r->word->text, sizeof("syslog:") - 1);
    unsigned seen = 0;
    ptrdiff_t comma;

    do {
        comma = str_find(rest, ',', 0);
        if (!read_parameter(r, (struct str){ rest.p, comma < 0 ? rest.len : (size_t)comma }, &seen))
            return false;
        rest = str_from(rest, (size_t)comma + 1);
    } while (comma >= 0);
    if (seen & 1)
        return true;
    conf_error(r->conf, r->word, "no syslog server specified");
    conf_hint(r->conf, "syslog:server=192.0.2.1:514, or syslog:server=unix:/dev/log");
    return false;
}

struct log_file *
syslog_target(struct conf *conf, const struct conf_word *word, struct log_files *files)
{
    struct reading r = { .conf = conf, .word = word };
    struct log_file *file;

    r.server = ARENA_NEW(conf->arena, struct syslog_server);
    if (r.server == NULL || (file = log_file_add(files, word->text)) == NULL) {
        conf_no_memory(conf);
        return NULL;
    }
    if (file->server != NULL)
        return file;
    *r.server = (struct syslog_server){ .fd = -1, .facility = DEFAULT_FACILITY,
        .severity = LEVEL_INFO, .tag = STR("weir"), .hostname = lower_hostname(conf->arena) };
    if (!read_parameters(&r))
        return NULL;
    file->kind = LOG_SYSLOG;
    file->server = r.server;
    return file;
}
