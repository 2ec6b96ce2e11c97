/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * early_hints: an interim answer, 103, with links to what a page will need (RFC 8297), so that the
 * browser can fetch that while the answer itself is made: "add_early_hint Link '</a.css>;
 * rel=preload; as=style';"
 *
 * It is sent when it is settled that the client may have what it asks for, and before that is
 * looked for.
 */
#include "http/engine.h"
#include "http/field_word.h"
#include "http/module.h"

/* One add_early_hint. */
struct hint {
    struct str name;
    struct http_text value;
};

struct early_hints_conf {
    VEC(struct hint) hints;
    VEC(struct http_text) conditions;   /* none: a browser goes to a page */
    struct conf_mark mark;      /* of the first hint */
};

/* ---- reading ------------------------------------------------------------------------------- */

static bool
parse_add_early_hint(struct conf *conf, const struct conf_node *node, void *field)
{
    struct early_hints_conf *ec = CONTAINER_OF(field, struct early_hints_conf, hints);
    const struct conf_word *name = &node->words[1];
    struct hint *hint;

    if (field_is_framing(name->text) || str_ieq(name->text, STR("Connection")))
        return conf_error(conf, name, "\"%.*s\" is no field for an interim answer",
                          STR_ARG(name->text));
    if (ec->hints.len == 0)
        ec->mark = conf_mark_of(conf, &node->words[0]);
    if ((hint = VEC_ADD(conf->arena, &ec->hints)) == NULL)
        return conf_no_memory(conf);
    return field_name_of_word(conf, name, &hint->name)
           && field_value_of_word(conf, &node->words[2], &hint->value);
}

static bool
parse_early_hints(struct conf *conf, const struct conf_node *node, void *field)
{
    struct early_hints_conf *ec = CONTAINER_OF(field, struct early_hints_conf, conditions);

    for (uint32_t i = 1; i < node->count; i++) {
        struct http_text *text = VEC_ADD(conf->arena, &ec->conditions);

        if (text == NULL)
            return conf_no_memory(conf);
        if (!http_text_of_word(conf, &node->words[i], text))
            return false;
    }
    return true;
}

static bool
early_hints_wanted(const void *slot)
{
    return ((const struct early_hints_conf *)slot)->hints.len > 0;
}

/* ---- requests ------------------------------------------------------------------------------ */

/*
 * Whether the client knows what to do with a 103: only browsers on their way to a page do for sure,
 * and some old clients take any 1xx for the answer.
 */
static bool
is_welcome(struct http_request *req, const struct early_hints_conf *ec)
{
    if (ec->conditions.len == 0)
        return str_eq(http_request_field(req, STR("Sec-Fetch-Mode")), STR("navigate"));
    for (uint32_t i = 0; i < ec->conditions.len; i++)
        if (http_value_is_true(http_text_eval(req, &ec->conditions.items[i])))
            return true;
    return false;
}

/* Who has the page, or a part of it, has been told before what it needs. */
static bool
has_it_already(const struct http_request *req)
{
    return str_is_set(req->known[FIELD_IF_NONE_MATCH])
           || str_is_set(req->known[FIELD_IF_MODIFIED_SINCE])
           || str_is_set(req->known[FIELD_RANGE]);
}

static bool
is_possible(const struct http_request *req)
{
    return req->method == METHOD_GET && req->version >= 11 && !req->early_hints_sent
           && req->error_status == 0 && req->codec->interim != NULL;
}

/* Those that have a value. NULL: none, or memory is short. */
static struct http_field *
make_fields(struct http_request *req, const struct early_hints_conf *ec, uint32_t *count)
{
    struct http_field *fields = ARENA_ARRAY(req->arena, struct http_field, ec->hints.len);

    *count = 0;
    for (uint32_t i = 0; fields != NULL && i < ec->hints.len; i++) {
        const struct hint *hint = &ec->hints.items[i];
        struct str value = http_text_eval(req, &hint->value);

        if (value.len > 0 && http_value_is_sound(req, hint->name, value))
            fields[(*count)++] = (struct http_field){ hint->name, value };
    }
    return *count > 0 ? fields : NULL;
}

static enum http_next
early_hints_handle(struct http_request *req, const void *slot)
{
    const struct early_hints_conf *ec = slot;
    const struct http_field *fields;
    uint32_t count;

    if (!is_possible(req) || !is_welcome(req, ec))
        return HTTP_PASS;
    if (has_it_already(req)) {
        HTTP_TRACE(req, &ec->mark, "early_hints: the client has the page already");
        return HTTP_PASS;
    }
    fields = make_fields(req, ec, &count);
    if (fields == NULL)
        return HTTP_PASS;
    HTTP_TRACE(req, &ec->mark, "early_hints: 103 with %u field%s, before the answer",
               count, count == 1 ? "" : "s");
    req->early_hints_sent = true;
    if (!http_is_explained(req))
        req->codec->interim(req, HTTP_EARLY_HINTS, fields, count);
    return HTTP_PASS;
}

static const struct directive early_hints_directives[] = {
    { "add_early_hint", .where = IN_HTTP_ALL | IN_LOCATION_IF, .args = { 2, 2 },
      .flags = DIRECTIVE_REPEAT, .parse = parse_add_early_hint,
      FIELD(struct early_hints_conf, hints) },
    { "early_hints", .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY }, .parse = parse_early_hints,
      FIELD(struct early_hints_conf, conditions) },
    { 0 }
};

const struct http_module early_hints_module = {
    .name = "early_hints",
    .directives = early_hints_directives,
    .conf_size = sizeof(struct early_hints_conf),
    .phase = PHASE_PRECONTENT,
    .main_only = true,
    .handle = early_hints_handle,
    .wanted = early_hints_wanted,
};
