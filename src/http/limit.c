/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/limit.h"
#include "http/http.h"

const struct conf_enum limit_log_levels[] = {
    { "info", LEVEL_INFO }, { "notice", LEVEL_NOTICE }, { "warn", LEVEL_WARN },
    { "error", LEVEL_ERR }, { NULL, 0 },
};

const struct uint_range limit_status_range = { 400, 599 };

struct str
limit_status_text(enum limit_status status)
{
    static const struct str texts[] = {
#define LIMIT_STATUS_AS_TEXT(name, text) STR_INIT(text),
        LIMIT_STATUSES(LIMIT_STATUS_AS_TEXT)
#undef LIMIT_STATUS_AS_TEXT
    };

    return status == LIMIT_NONE ? STR_NONE : texts[status];
}

/* ---- declaring ----------------------------------------------------------------------------- */

/* zone=NAME:SIZE */
static bool
parse_zone(struct conf *conf, const struct conf_word *word, struct str *name, uint64_t *size)
{
    struct str text = str_from(word->text, sizeof("zone=") - 1);
    ptrdiff_t colon = str_find(text, ':', 0);

    *name = (struct str){ text.p, colon < 0 ? text.len : (size_t)colon };
    if (name->len == 0) {
        conf_error(conf, word, "invalid zone name \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "zone=NAME:SIZE, for example zone=one:10m");
        return false;
    }
    if (colon < 0 || !size_parse(str_from(text, name->len + 1), size) || *size > SIZE_MAX / 2) {
        conf_error(conf, word, "invalid zone size \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "zone=NAME:SIZE, for example zone=one:10m");
        return false;
    }
    if (*size < ZONE_MIN_BYTES) {
        conf_error(conf, word, "zone \"%.*s\" is too small", STR_ARG(*name));
        conf_hint(conf, "at least %dk", ZONE_MIN_BYTES / 1024);
        return false;
    }
    return true;
}

static bool
used_otherwise(struct conf *conf, const struct conf_word *word, const struct zone *zone)
{
    conf_error(conf, word, "the shared memory zone \"%.*s\" is already declared for a different "
               "use", STR_ARG(zone->name));
    conf_hint(conf, "by %s", zone->kind->name);
    return false;
}

static bool
declare(struct conf *conf, const struct conf_word *word, const struct zone_kind *kind,
        struct str key, struct zone **zone)
{
    const struct http_setup *setup = conf->owner;
    const struct zone *other;
    uint64_t size;
    struct str name;

    if (!parse_zone(conf, word, &name, &size))
        return false;
    other = zones_find(setup->zones, name);
    if (other != NULL && other->kind != kind)
        return used_otherwise(conf, word, other);
    if (other != NULL)
        return conf_error(conf, word, "%s \"%.*s\" is already bound to key \"%.*s\"", kind->name,
                          STR_ARG(name), STR_ARG(other->key));
    name = arena_str(conf->arena, name);
    if (!str_is_set(name)
        || (*zone = zone_declare(setup->zones, kind, name, key, size)) == NULL)
        return conf_no_memory(conf);
    return true;
}

static bool
no_parameter(struct conf *conf, const struct conf_word *word)
{
    return conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
}

bool
limit_declare(struct conf *conf, const struct conf_node *node,
              const struct limit_declaration *d)
{
    const struct conf_word *word = &node->words[1];
    struct zone *zone = NULL;
    bool ok;

    if (!http_text_compile(conf, word, arena_str(conf->arena, word->text), d->key))
        return false;
    for (uint32_t i = 2; i < node->count; i++) {
        word = &node->words[i];
        if (zone == NULL && str_starts(word->text, STR("zone=")))
            ok = declare(conf, word, d->kind, d->key->source, &zone);
        else if (d->parameter != NULL)
            ok = d->parameter(conf, word, d->owner);
        else
            ok = no_parameter(conf, word);
        if (zone != NULL)
            zone->owner = d->owner;     /* who uses it reads that, whatever else is wrong here */
        if (!ok)
            return false;
    }
    if (zone == NULL) {
        conf_error(conf, &node->words[0], "\"%s\" must have \"zone\" parameter", d->kind->name);
        conf_hint(conf, "%s KEY zone=NAME:SIZE", d->kind->name);
        return false;
    }
    return true;
}

/* ---- using --------------------------------------------------------------------------------- */

bool
limit_look_up(struct conf *conf, struct limit_zone *lz, const struct zone_kind *kind)
{
    const struct http_setup *setup = conf->owner;
    struct zone *zone;

    if (lz->looked_up)
        return true;
    lz->looked_up = true;       /* a level that inherits it looks no more */
    lz->mark = conf_mark_of(conf, lz->word);
    zone = zones_find(setup->zones, lz->name);
    if (zone != NULL && zone->kind == kind) {
        lz->zone = zone;
        return true;
    }
    if (zone != NULL)
        return used_otherwise(conf, lz->word, zone);
    conf_error(conf, lz->word, "unknown zone \"%.*s\"", STR_ARG(lz->name));
    conf_hint(conf, "it is declared in http: %s KEY zone=%.*s:SIZE", kind->name,
              STR_ARG(lz->name));
    return false;
}

enum http_next
limit_refuse(struct http_request *req, unsigned status, uint64_t seconds)
{
    struct str text = arena_fmt(req->arena, "%llu", (unsigned long long)seconds);

    if (str_is_set(text))
        req->error_field = (struct http_field){ STR("Retry-After"), text };
    return http_answer_status(req, status);
}
