/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limit_conn: how many requests of one key may be in progress at a time: "limit_conn_zone
 * $binary_remote_addr zone=addr:10m; limit_conn addr 10;"
 */
#include "base/clock.h"
#include "base/counters.h"
#include "http/engine.h"
#include "http/limit.h"
#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 65535, RETRY_AFTER_S = 1 };

static const uint32_t NO_BLOCK = UINT32_MAX;    /* the process counts in no shared block */

/*
 * What one worker has of one key in progress. A key has an entry for each worker, so that those of
 * a worker that was killed do not count: the worker that has its block now is another.
 */
struct share {
    int64_t pid;                /* 0: its writer was killed before it was complete */
    uint32_t block;             /* of the counters, or NO_BLOCK */
    uint32_t count;
};

/* One limit_conn of a place. */
struct limit_conn {
    struct limit_zone zone;
    uint32_t max;
};

struct limit_conn_conf {
    VEC(struct limit_conn) limits;
    bool dry_run;
    int log_level;              /* enum log_level */
    uint32_t status;
};

/* ---- who counts ---------------------------------------------------------------------------- */

static uint32_t
own_block(void)
{
    const struct counters_segment *segment = counters_shared();
    const struct counters *first;

    if (segment == NULL)
        return NO_BLOCK;
    first = counters_block(segment, 0);
    if (stats < first || stats >= first + counters_blocks(segment))
        return NO_BLOCK;
    return (uint32_t)(stats - first);
}

static struct share
own_share(void)
{
    uint32_t block = own_block();

    return (struct share){ .pid = block != NO_BLOCK ? stats->pid : getpid(), .block = block };
}

static bool
same_owner(const struct share *a, const struct share *b)
{
    return a->pid == b->pid && a->block == b->block;
}

static bool
is_alive(const struct share *share)
{
    const struct counters_segment *segment = counters_shared();

    if (share->pid <= 0)
        return false;
    if (segment == NULL || share->block >= counters_blocks(segment))
        return kill((pid_t)share->pid, 0) == 0 || errno == EPERM;
    return __atomic_load_n(&counters_block(segment, share->block)->pid, __ATOMIC_ACQUIRE)
           == share->pid;
}

static bool
share_may_go(const void *value)
{
    return !is_alive(value);
}

static const struct zone_kind limit_conn_kind = {
    .name = "limit_conn_zone",
    .value_size = sizeof(struct share),
    .may_go = share_may_go,
};

/* ---- counting ------------------------------------------------------------------------------ */

/* What a request counts in: at its end, or when another limit refuses it, it no longer does. */
struct holding {
    struct zone *zone;
    struct zone_key key;
    bool held;
    struct holding *next;
};

enum taken { TAKEN, OVER_THE_LIMIT, ZONE_FULL };

/*
 * This worker's share of the key, NULL: it has none; *sum is all that living workers have. Shares
 * of the dead are removed on the way.
 */
static struct share *
find_share(struct zone *zone, struct zone_key key, const struct share *self, uint64_t *sum)
{
    struct share *own = NULL, *next;

    *sum = 0;
    for (struct share *share = zone_find(zone, key); share != NULL; share = next) {
        next = zone_next(zone, share);
        if (same_owner(share, self)) {
            own = share;
        } else if (!is_alive(share)) {
            zone_remove(zone, share);
            continue;
        }
        *sum += share->count;
    }
    return own;
}

static enum taken
take_locked(struct zone *zone, struct zone_key key, uint32_t max)
{
    const struct share self = own_share();
    uint64_t sum;
    struct share *own = find_share(zone, key, &self, &sum);

    if (sum >= max)
        return OVER_THE_LIMIT;
    if (own == NULL) {
        if ((own = zone_add(zone, key)) == NULL)
            return ZONE_FULL;
        *own = self;
    }
    own->count++;
    return TAKEN;
}

static enum taken
take(struct zone *zone, struct zone_key key, uint32_t max)
{
    enum taken taken;

    if (!zone_lock(zone))
        return ZONE_FULL;
    taken = take_locked(zone, key, max);
    zone_unlock(zone);
    return taken;
}

static void
give_back(void *data)
{
    struct holding *holding = data;
    const struct share self = own_share();
    struct share *own;
    uint64_t sum;

    if (!holding->held || !zone_lock(holding->zone))
        return;
    holding->held = false;
    own = find_share(holding->zone, holding->key, &self, &sum);
    if (own != NULL && own->count > 1)
        own->count--;
    else if (own != NULL)
        zone_remove(holding->zone, own);
    zone_unlock(holding->zone);
}

/* ---- requests ------------------------------------------------------------------------------ */

static COLD void
log_full(const struct http_request *req, const struct zone *zone)
{
    static uint64_t said_s;     /* monotonic second of the last time, plus 1 */
    uint64_t s = now.mono_ms / 1000 + 1;

    if (s == said_s)
        return;
    said_s = s;
    LOG(&req->log, ERR, 0, "zone \"%.*s\" is full, requests are refused", STR_ARG(zone->name));
}

static enum http_next
refuse(struct http_request *req, const struct limit_conn_conf *lc, const struct zone *zone,
       enum taken why)
{
    if (why == ZONE_FULL)
        log_full(req, zone);
    else if (log_wants(&req->log, (enum log_level)lc->log_level))
        log_write(&req->log, (enum log_level)lc->log_level, 0,
                  "limiting connections%s by zone \"%.*s\"", lc->dry_run ? ", dry run," : "",
                  STR_ARG(zone->name));
    if (lc->dry_run) {
        req->limit_conn_status = LIMIT_REJECTED_DRY_RUN;
        stats->limit_conn_rejected_dry_run++;
        return HTTP_PASS;
    }
    req->limit_conn_status = LIMIT_REJECTED;
    stats->limit_conn_rejected++;
    return limit_refuse(req, lc->status, RETRY_AFTER_S);
}

/* NULL when memory is short. */
static struct holding *
hold(struct http_request *req, struct zone *zone, struct str key)
{
    struct holding *holding = ARENA_NEW(req->arena, struct holding);

    if (holding == NULL || !arena_defer(req->arena, give_back, holding))
        return NULL;
    holding->zone = zone;
    holding->key = zone_key(zone, key);
    return holding;
}

/*
 * As nginx: what counts is a connection with a request whose head is read, until the request is
 * over.
 */
static enum http_next
limit_conn_handle(struct http_request *req, const void *slot)
{
    const struct limit_conn_conf *lc = slot;
    struct holding *held = NULL, *holding;

    if (!limit_applies(req, req->limit_conn_status))
        return HTTP_PASS;
    for (uint32_t i = 0; i < lc->limits.len; i++) {
        struct zone *zone = lc->limits.items[i].zone.zone;
        struct str key = http_text_eval(req, zone->owner);
        enum taken taken;

        HTTP_TRACE(req, &lc->limits.items[i].zone.mark, "limit_conn: zone %.*s, %s%.*s%s",
                   STR_ARG(zone->name), key.len > 0 ? "counted by " : "not counted, ",
                   STR_ARG(zone->key), key.len > 0 ? "" : " is empty");
        if (str_is_set(key) && key.len == 0)
            continue;
        if (!str_is_set(key) || (holding = hold(req, zone, key)) == NULL)
            return http_fail(req, HTTP_INTERNAL_ERROR);
        taken = take(zone, holding->key, lc->limits.items[i].max);
        if (taken != TAKEN) {
            for (; held != NULL && !lc->dry_run; held = held->next)
                give_back(held);
            return refuse(req, lc, zone, taken);
        }
        holding->held = true;
        holding->next = held;
        held = holding;
    }
    if (held == NULL)
        return HTTP_PASS;
    req->limit_conn_status = LIMIT_PASSED;
    stats->limit_conn_passed++;
    return HTTP_PASS;
}

static struct str
get_limit_conn_status(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return limit_status_text(req->limit_conn_status);
}

/* ---- the conf file ------------------------------------------------------------------------- */

static bool
parse_limit_conn_zone(struct conf *conf, const struct conf_node *node, void *field)
{
    struct http_text *key = ARENA_NEW(conf->arena, struct http_text);

    (void)field;
    if (key == NULL)
        return conf_no_memory(conf);
    return limit_declare(conf, node, &(struct limit_declaration){
        .kind = &limit_conn_kind, .key = key, .owner = key });
}

static bool
parse_limit_conn(struct conf *conf, const struct conf_node *node, void *field)
{
    struct limit_conn_conf *lc = CONTAINER_OF(field, struct limit_conn_conf, limits);
    const struct conf_word *word = &node->words[2];
    struct limit_conn *limit;
    uint64_t max;

    if (!str_to_uint(word->text, CONNECTIONS_MAX, &max) || max == 0) {
        conf_error(conf, word, "invalid number of connections \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "a whole number from 1 to %d", CONNECTIONS_MAX);
        return false;
    }
    word = &node->words[1];
    for (uint32_t i = 0; i < lc->limits.len; i++)
        if (str_eq(lc->limits.items[i].zone.name, word->text)) {
            conf_error(conf, word, "\"limit_conn\" directive is duplicate");
            conf_hint(conf, "one for each zone");
            return false;
        }
    if ((limit = VEC_ADD(conf->arena, &lc->limits)) == NULL)
        return conf_no_memory(conf);
    limit->zone.word = word;
    limit->zone.name = arena_str(conf->arena, word->text);
    limit->max = (uint32_t)max;
    return str_is_set(limit->zone.name) || conf_no_memory(conf);
}

static bool
parse_limit_zone(struct conf *conf, const struct conf_node *node, void *field)
{
    (void)field;
    conf_error(conf, &node->words[0], "\"limit_zone\" directive is obsolete");
    conf_hint(conf, "write limit_conn_zone KEY zone=NAME:SIZE");
    return false;
}

static bool
limit_conn_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    struct limit_conn_conf *lc = slot;

    (void)scope;
    for (uint32_t i = 0; i < lc->limits.len; i++)
        if (!limit_look_up(conf, &lc->limits.items[i].zone, &limit_conn_kind))
            return false;
    return true;
}

static bool
limit_conn_wanted(const void *slot)
{
    return ((const struct limit_conn_conf *)slot)->limits.len > 0;
}

static const struct http_variable limit_conn_variables[] = {
    { "limit_conn_status", .get = get_limit_conn_status },
    { 0 }
};

static const struct directive limit_conn_directives[] = {
    { "limit_conn_zone", .where = IN_HTTP, .args = { 2, 2 }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_limit_conn_zone },
    { "limit_conn", .where = IN_HTTP_ALL, .args = { 2, 2 }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_limit_conn, FIELD(struct limit_conn_conf, limits) },
    { "limit_conn_dry_run", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_flag,
      FIELD(struct limit_conn_conf, dry_run), .initial = "off" },
    { "limit_conn_log_level", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_enum,
      FIELD(struct limit_conn_conf, log_level), .initial = "error", .data = limit_log_levels },
    { "limit_conn_status", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_uint,
      FIELD(struct limit_conn_conf, status), .initial = "503", .data = &limit_status_range },
    { "limit_zone", .where = IN_HTTP, .args = { 3, 3 }, .parse = parse_limit_zone },
    { 0 }
};

const struct http_module limit_conn_module = {
    .name = "limit_conn",
    .directives = limit_conn_directives,
    .conf_size = sizeof(struct limit_conn_conf),
    .check = limit_conn_check,
    .phase = PHASE_PREACCESS,
    .handle = limit_conn_handle,
    .wanted = limit_conn_wanted,
    .variables = limit_conn_variables,
};
