/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/report_request.h"
#include "http/accept.h"
#include "http/engine.h"

bool
parse_report_place(struct conf *conf, const struct conf_node *node, void *field)
{
    struct report_place *place = field;

    place->on = true;
    if (node->count == 1)
        return true;
    if (!str_eq(node->words[1].text, STR("public"))) {
        conf_error(conf, &node->words[1], "invalid parameter \"%.*s\"",
                   STR_ARG(node->words[1].text));
        conf_hint(conf, "nothing, for clients of this machine alone, or public");
        return false;
    }
    place->is_public = true;
    return true;
}

/* ---- who asks ------------------------------------------------------------------------------ */

static bool
is_loopback(const struct peer *peer)
{
    static const uint8_t one[16] = { [15] = 1 };
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };     /* RFC 4291 2.5.5.2 */

    if (peer->family == AF_INET)
        return peer->ip[0] == 127;
    if (peer->family != AF_INET6)
        return peer->family == AF_UNIX;
    return memcmp(peer->ip, one, sizeof(one)) == 0
           || (memcmp(peer->ip, mapped, sizeof(mapped)) == 0 && peer->ip[12] == 127);
}

/* Whoever comes from the very address that he came to is on this machine. */
static bool
is_own_address(const struct http_request *req, const struct peer *peer)
{
    struct address local;
    struct peer own;

    local.len = sizeof(local.un);
    if (getsockname(req->conn->fd, &local.sa, &local.len) != 0)
        return false;
    own = peer_of(&local.sa, local.len);
    return own.family == peer->family
           && memcmp(own.ip, peer->ip, own.family == AF_INET ? 4 : sizeof(own.ip)) == 0;
}

static bool
is_here(const struct http_request *req, const struct peer *peer)
{
    return is_loopback(peer) || is_own_address(req, peer);
}

/* A proxy on this machine hides who asks, but for what it says of him, if nobody has read it. */
static bool
came_by_proxy(const struct http_request *req)
{
    static const struct str fields[] = {
        STR_INIT("forwarded"), STR_INIT("x-forwarded-for"), STR_INIT("x-real-ip"), STR_INIT("via"),
    };

    if (req->peer != &req->conn->peer)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (str_is_set(http_request_field(req, fields[i])))
            return true;
    return http_address_of(req->conn)->proxy_protocol;
}

static bool
is_address(struct str host)
{
    size_t i = 0;

    if (str_starts(host, STR("[")))
        return true;
    while (i < host.len && ((host.p[i] >= '0' && host.p[i] <= '9') || host.p[i] == '.'))
        i++;
    return i == host.len;
}

/*
 * A page of another site can make a browser of this machine ask here, by a name of its own that leads
 * to 127.0.0.1, and read the answer as its own. It cannot have one of these names.
 */
static bool
is_own_name(struct http_request *req)
{
    struct str host = req->host;

    return is_address(host) || str_eq(host, STR("localhost")) || str_ends(host, STR(".localhost"))
           || str_eq(host, http_hostname()) || host_is_named(req);
}

/* NULL: the client is on this machine. */
static const char *
why_foreign(struct http_request *req)
{
    if (!is_here(req, &req->conn->peer) || !is_here(req, req->peer))
        return "the client is not";
    if (came_by_proxy(req))
        return "a proxy has brought the request";
    if (!is_own_name(req))
        return "the host is none of its names";
    return NULL;
}

enum http_next
report_admit(struct http_request *req, const struct report_place *place, const char *directive)
{
    const char *why = place->is_public || req->was_allowed ? NULL : why_foreign(req);

    HTTP_TRACE(req, NULL, "%s: %s%s", directive, place->is_public ? "it is public"
               : req->was_allowed ? "the client was allowed" : "for this machine alone",
               place->is_public || req->was_allowed ? "" : why == NULL ? ", and it asks" : ", and it does not ask");
    if (why != NULL) {
        LOG(&req->log, ERR, 0, "access forbidden: \"%s\" is for this machine alone, and %s; \"allow\" or "
            "\"auth_basic\" let others in", directive, why);
        return http_fail(req, HTTP_FORBIDDEN);
    }
    if (req->method != METHOD_GET && req->method != METHOD_HEAD)
        return http_not_allowed(req, STR("GET, HEAD"));
    return HTTP_PASS;
}

/* ---- the answer ---------------------------------------------------------------------------- */

static void
destroy(void *arena)
{
    arena_destroy(arena);
}

/* In an arena without the limit of a request's: the hosts of the conf file bound its size. */
bool
report_begin(struct http_request *req, struct report_answer *answer)
{
    enum { BLOCK = 64 << 10 };
    const struct counters_segment *segment = counters_shared();
    struct arena *arena;

    if (segment == NULL || (arena = arena_create(BLOCK, 0)) == NULL)
        return false;
    if (!arena_defer(req->arena, destroy, arena)) {
        arena_destroy(arena);
        return false;
    }
    answer->report = report_take(arena, segment);
    answer->w = writer_in(arena);
    return answer->report != NULL;
}

enum http_next
report_send(struct http_request *req, struct report_answer *answer, struct str content_type)
{
    struct str text = writer_str(&answer->w);

    if (!str_is_set(text))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    http_reply(req, HTTP_OK, content_type, text);
    if (!http_response_add(req, STR("Cache-Control"), STR("no-store"))
        || !http_response_add(req, STR("X-Content-Type-Options"), STR("nosniff")))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    return HTTP_DONE;
}

/* ---- Accept -------------------------------------------------------------------------------- */

unsigned
accept_quality(struct str accept, struct str type)
{
    struct accept_item item;
    unsigned best = 0;

    while (accept_next(&accept, &item))
        if (str_ieq(item.name, type))
            best = MAX(best, item.weight);
    return best;
}
