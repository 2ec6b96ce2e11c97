/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limit_req: how many requests of one key may come in a time: "limit_req_zone $binary_remote_addr
 * zone=one:10m rate=1r/s; limit_req zone=one burst=5;"
 */
#include "base/clock.h"
#include "base/counters.h"
#include "http/bucket.h"
#include "http/engine.h"
#include "http/limit.h"
#include "http/pause.h"

static const uint64_t NEVER = UINT64_MAX;
enum { RATE_MAX = 1000000000, BURST_MAX = 1000000000 };

/* What limit_req_zone declares: a zone of buckets. */
struct limit_req_zone {
    struct http_text key;
    uint64_t drain;             /* units a millisecond, see bucket.h */
};

/* One limit_req of a place. */
struct limit_req {
    struct limit_zone zone;
    struct bucket_rule rule;    /* drain: once the zone is looked up */
};

struct limit_req_conf {
    VEC(struct limit_req) limits;
    bool dry_run;
    int log_level;              /* enum log_level, of refusals */
    uint32_t status;
};

static const struct zone_kind limit_req_kind = {
    .name = "limit_req_zone",
    .value_size = sizeof(struct bucket),
};

/* ---- the conf file ------------------------------------------------------------------------- */

/* rate=10r/s, rate=30r/m */
static bool
parse_rate(struct conf *conf, const struct conf_word *word, void *owner)
{
    struct limit_req_zone *rz = owner;
    struct str text = word->text;
    uint64_t n, unit = 0;

    if (!str_starts(text, STR("rate=")))
        return conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(text));
    text = str_from(text, sizeof("rate=") - 1);
    if (str_ends(text, STR("r/s")))
        unit = BUCKET_REQUEST / 1000;
    else if (str_ends(text, STR("r/m")))
        unit = BUCKET_REQUEST / 60000;
    text.len -= MIN(text.len, 3);
    if (unit == 0 || !str_to_uint(text, RATE_MAX, &n) || n == 0) {
        conf_error(conf, word, "invalid rate \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "a whole number of requests a second or a minute: rate=10r/s, rate=30r/m");
        return false;
    }
    rz->drain = n * unit;
    return true;
}

static bool
parse_limit_req_zone(struct conf *conf, const struct conf_node *node, void *field)
{
    struct limit_req_zone *rz = ARENA_NEW(conf->arena, struct limit_req_zone);

    (void)field;
    if (rz == NULL)
        return conf_no_memory(conf);
    rz->drain = BUCKET_REQUEST / 1000;          /* rate=1r/s */
    return limit_declare(conf, node, &(struct limit_declaration){
        .kind = &limit_req_kind, .key = &rz->key, .parameter = parse_rate, .owner = rz });
}

static bool
parse_requests(struct conf *conf, const struct conf_word *word, const char *name, uint64_t *units)
{
    uint64_t n;

    if (!str_to_uint(str_from(word->text, strlen(name) + 1), BURST_MAX, &n)) {
        conf_error(conf, word, "invalid %s value \"%.*s\"", name, STR_ARG(word->text));
        conf_hint(conf, "a whole number of requests");
        return false;
    }
    *units = n * BUCKET_REQUEST;
    return true;
}

static bool
parse_limit_word(struct conf *conf, const struct conf_word *word, struct limit_req *limit)
{
    if (str_starts(word->text, STR("zone="))) {
        limit->zone.word = word;
        limit->zone.name = arena_str(conf->arena, str_from(word->text, sizeof("zone=") - 1));
        return str_is_set(limit->zone.name) || conf_no_memory(conf);
    }
    if (str_starts(word->text, STR("burst=")))
        return parse_requests(conf, word, "burst", &limit->rule.burst);
    if (str_starts(word->text, STR("delay=")))
        return parse_requests(conf, word, "delay", &limit->rule.delay);
    if (str_eq(word->text, STR("nodelay"))) {
        limit->rule.delay = NEVER;
        return true;
    }
    conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
    conf_hint(conf, "known: zone=NAME, burst=NUMBER, nodelay, delay=NUMBER");
    return false;
}

static bool
parse_limit_req(struct conf *conf, const struct conf_node *node, void *field)
{
    struct limit_req_conf *lc = CONTAINER_OF(field, struct limit_req_conf, limits);
    struct limit_req limit = { 0 }, *place;

    for (uint32_t i = 1; i < node->count; i++)
        if (!parse_limit_word(conf, &node->words[i], &limit))
            return false;
    if (limit.zone.word == NULL)
        return conf_error(conf, &node->words[0], "\"limit_req\" must have \"zone\" parameter");
    for (uint32_t i = 0; i < lc->limits.len; i++)
        if (str_eq(lc->limits.items[i].zone.name, limit.zone.name)) {
            conf_error(conf, limit.zone.word, "\"limit_req\" directive is duplicate");
            conf_hint(conf, "one for each zone");
            return false;
        }
    if ((place = VEC_ADD(conf->arena, &lc->limits)) == NULL)
        return conf_no_memory(conf);
    *place = limit;
    return true;
}

static bool
limit_req_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    struct limit_req_conf *lc = slot;

    (void)scope;
    for (uint32_t i = 0; i < lc->limits.len; i++) {
        struct limit_req *limit = &lc->limits.items[i];

        if (!limit_look_up(conf, &limit->zone, &limit_req_kind))
            return false;
        if (limit->zone.zone != NULL)
            limit->rule.drain = ((const struct limit_req_zone *)limit->zone.zone->owner)->drain;
    }
    return true;
}

static bool
limit_req_wanted(const void *slot)
{
    return ((const struct limit_req_conf *)slot)->limits.len > 0;
}

/* ---- accounting ---------------------------------------------------------------------------- */

/* What the limits of a place made of a request so far. */
struct account {
    struct http_request *req;
    const struct limit_req_conf *conf;
    struct zone_key *keys;      /* one for each limit */
    bool *counted;              /* those in whose bucket it is */
    const struct limit_req *decisive;   /* the limit that refuses it, or delays it most; NULL: it
                                           may pass */
    struct bucket_answer answer;        /* of that */
    bool any;                   /* some limit was asked */
};

static struct bucket_answer
pour(struct zone *zone, struct zone_key key, const struct bucket_rule *rule)
{
    struct bucket_answer answer = { .verdict = BUCKET_PASSED };
    struct bucket *bucket;

    if (!zone_lock(zone))
        return answer;
    bucket = zone_find(zone, key);
    if (bucket != NULL)
        zone_touch(zone, bucket);
    else
        bucket = zone_add(zone, key);
    if (bucket != NULL)
        answer = bucket_pour(bucket, rule, now.mono_ms);
    zone_unlock(zone);
    return answer;
}

static void
take_back(struct zone *zone, struct zone_key key)
{
    struct bucket *bucket;

    if (!zone_lock(zone))
        return;
    bucket = zone_find(zone, key);
    if (bucket != NULL)
        bucket_take_back(bucket);
    zone_unlock(zone);
}

/* A request that is refused by one limit is none for the others. */
static void
take_all_back(const struct account *a)
{
    for (uint32_t i = 0; i < a->conf->limits.len; i++)
        if (a->counted[i])
            take_back(a->conf->limits.items[i].zone.zone, a->keys[i]);
}

/* False: memory is short. */
static bool
count_one(struct account *a, uint32_t i)
{
    const struct limit_req *limit = &a->conf->limits.items[i];
    const struct limit_req_zone *rz = limit->zone.zone->owner;
    struct str key = http_text_eval(a->req, &rz->key);
    struct bucket_answer answer;

    HTTP_TRACE(a->req, &limit->zone.mark, "limit_req: zone %.*s, %s%.*s%s",
               STR_ARG(limit->zone.name), key.len > 0 ? "counted by " : "not counted, ",
               STR_ARG(limit->zone.zone->key), key.len > 0 ? "" : " is empty");
    if (key.len == 0)           /* not accounted */
        return str_is_set(key);
    a->any = true;
    a->keys[i] = zone_key(limit->zone.zone, key);
    answer = pour(limit->zone.zone, a->keys[i], &limit->rule);
    a->counted[i] = answer.verdict != BUCKET_REFUSED;
    if (answer.verdict == BUCKET_REFUSED || answer.wait_ms > a->answer.wait_ms) {
        a->decisive = limit;
        a->answer = answer;
    }
    return true;
}

static bool
count_all(struct account *a)
{
    uint32_t len = a->conf->limits.len;

    a->keys = ARENA_ARRAY(a->req->arena, struct zone_key, len);
    a->counted = ARENA_ARRAY(a->req->arena, bool, len);
    if (a->keys == NULL || a->counted == NULL)
        return false;
    for (uint32_t i = 0; i < len && a->answer.verdict != BUCKET_REFUSED; i++)
        if (!count_one(a, i))
            return false;
    if (a->answer.verdict == BUCKET_REFUSED)
        take_all_back(a);
    return true;
}

/* ---- the verdict --------------------------------------------------------------------------- */

static void
log_verdict(const struct account *a)
{
    const struct log_context *log = &a->req->log;
    bool refused = a->answer.verdict == BUCKET_REFUSED;
    /* What is only delayed is less grave. */
    enum log_level level = (enum log_level)a->conf->log_level + (refused ? 0 : 1);

    if (!log_wants(log, level))
        return;
    log_write(log, level, 0, "%s%s, excess: %llu.%03llu%s by zone \"%.*s\"",
              refused ? "limiting requests" : "delaying request",
              a->conf->dry_run ? ", dry run" : "",
              (unsigned long long)a->answer.excess / 1000,
              (unsigned long long)a->answer.excess % 1000, refused ? "" : ",",
              STR_ARG(a->decisive->zone.name));
}

static enum http_next
pass(const struct account *a)
{
    if (!a->any)
        return HTTP_PASS;
    a->req->limit_req_status = LIMIT_PASSED;
    stats->limit_req_passed++;
    return HTTP_PASS;
}

static enum http_next
delay(const struct account *a)
{
    log_verdict(a);
    if (a->conf->dry_run) {
        a->req->limit_req_status = LIMIT_DELAYED_DRY_RUN;
        stats->limit_req_delayed_dry_run++;
        return HTTP_PASS;
    }
    a->req->limit_req_status = LIMIT_DELAYED;
    stats->limit_req_delayed++;
    return http_pause(a->req, a->answer.wait_ms);
}

static enum http_next
refuse(const struct account *a)
{
    uint64_t seconds = (a->answer.wait_ms + 999) / 1000;

    log_verdict(a);
    if (a->conf->dry_run) {
        a->req->limit_req_status = LIMIT_REJECTED_DRY_RUN;
        stats->limit_req_rejected_dry_run++;
        return HTTP_PASS;
    }
    a->req->limit_req_status = LIMIT_REJECTED;
    stats->limit_req_rejected++;
    return limit_refuse(a->req, a->conf->status, seconds);
}

static enum http_next
limit_req_handle(struct http_request *req, const void *slot)
{
    struct account a = { .req = req, .conf = slot };

    if (!limit_applies(req, req->limit_req_status))
        return HTTP_PASS;
    if (!count_all(&a))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    switch (a.answer.verdict) {
    case BUCKET_PASSED:  return pass(&a);
    case BUCKET_DELAYED: return delay(&a);
    case BUCKET_REFUSED: return refuse(&a);
    }
    return HTTP_PASS;
}

static struct str
get_limit_req_status(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return limit_status_text(req->limit_req_status);
}

static const struct http_variable limit_req_variables[] = {
    { "limit_req_status", .get = get_limit_req_status },
    { 0 }
};

static const struct directive limit_req_directives[] = {
    { "limit_req_zone", .where = IN_HTTP, .args = { 2, 3 }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_limit_req_zone },
    { "limit_req", .where = IN_HTTP_ALL, .args = { 1, 3 }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_limit_req, FIELD(struct limit_req_conf, limits) },
    { "limit_req_dry_run", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_flag,
      FIELD(struct limit_req_conf, dry_run), .initial = "off" },
    { "limit_req_log_level", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_enum,
      FIELD(struct limit_req_conf, log_level), .initial = "error", .data = limit_log_levels },
    { "limit_req_status", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_uint,
      FIELD(struct limit_req_conf, status), .initial = "503", .data = &limit_status_range },
    { 0 }
};

const struct http_module limit_req_module = {
    .name = "limit_req",
    .directives = limit_req_directives,
    .conf_size = sizeof(struct limit_req_conf),
    .check = limit_req_check,
    .phase = PHASE_PREACCESS,
    .handle = limit_req_handle,
    .wanted = limit_req_wanted,
    .variables = limit_req_variables,
};
