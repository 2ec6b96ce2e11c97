/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_request: asks another place of the server whether a request may pass: 2xx lets it,
 * "auth_request /auth;"
 */
#include "http/access.h"
#include "http/engine.h"
#include "http/module.h"
#include "http/subrequest.h"

/* auth_request_set $name value */
struct auth_set {
    const struct http_variable *var;
    struct http_text value;
};

struct auth_request_conf {
    struct auth_place {
        struct http_text uri;
        bool is_on;
        struct conf_mark mark;
    } place;
    VEC(struct auth_set) sets;
};

/* ---- reading ------------------------------------------------------------------------------- */

static bool
parse_auth_request(struct conf *conf, const struct conf_node *node, void *field)
{
    struct auth_place *place = field;
    const struct conf_word *word = &node->words[1];

    place->is_on = !str_eq(word->text, STR("off"));
    place->mark = conf_mark_of(conf, &node->words[0]);
    if (!place->is_on)
        return true;
    return http_subrequest_uri_of_word(conf, word, "/auth, or off", &place->uri);
}

static bool
parse_auth_request_set(struct conf *conf, const struct conf_node *node, void *field)
{
    struct auth_request_conf *ac = CONTAINER_OF(field, struct auth_request_conf, sets);
    struct auth_set *set = VEC_ADD(conf->arena, &ac->sets);

    if (set == NULL)
        return conf_no_memory(conf);
    set->var = http_variable_define(conf, &node->words[1], NULL, NULL, false);
    return set->var != NULL && http_text_of_word(conf, &node->words[2], &set->value);
}

/* ---- asking -------------------------------------------------------------------------------- */

static bool
set_variables(struct http_request *req, const struct auth_request_conf *ac,
              struct http_request *asked)
{
    for (uint32_t i = 0; i < ac->sets.len; i++) {
        struct str value = http_text_eval(asked, &ac->sets.items[i].value);

        if (!str_is_set(value))
            return false;
        http_variable_set(req, ac->sets.items[i].var, value);
    }
    req->match_failed |= asked->match_failed;
    return true;
}

/* What the place that was asked says of how to log in. */
static void
pass_challenge(struct http_request *req, const struct http_request *asked)
{
    const struct http_response *resp = &asked->response;

    for (uint32_t i = 0; i < resp->fields_len; i++)
        if (str_ieq(resp->fields[i].name, STR("WWW-Authenticate"))) {
            access_ask_password(req, resp->fields[i].value);
            return;
        }
}

static enum http_next
verdict(struct http_request *req, const struct auth_request_conf *ac, struct http_request *asked)
{
    unsigned status = asked->response.status;

    HTTP_TRACE(req, &ac->place.mark, "auth_request: the answer was %u", status);
    if (!set_variables(req, ac, asked))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (status >= 200 && status < 300)
        return access_allow(req);
    if (status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN) {
        http_fail(req, status);
        if (status == HTTP_UNAUTHORIZED)
            pass_challenge(req, asked);
        return HTTP_DONE;
    }
    LOG(&req->log, ERR, 0, "auth request unexpected status: %u", status);
    return http_fail(req, HTTP_INTERNAL_ERROR);
}

static enum http_next
auth_request_handle(struct http_request *req, const void *slot)
{
    const struct auth_request_conf *ac = slot;
    struct http_subrequest *sub = req->below;

    if (sub == NULL)
        sub = http_subrequest_to(req, &ac->place.uri, "auth_request");
    if (sub == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    req->below = sub->is_done ? NULL : sub;
    return sub->is_done ? verdict(req, ac, sub->req) : HTTP_AGAIN;
}

static bool
auth_request_wanted(const void *slot)
{
    return ((const struct auth_request_conf *)slot)->place.is_on;
}

static const struct directive auth_request_directives[] = {
    { "auth_request", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_auth_request,
      FIELD(struct auth_request_conf, place), .initial = "off" },
    { "auth_request_set", .where = IN_HTTP_ALL, .args = { 2, 2 }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_auth_request_set, FIELD(struct auth_request_conf, sets) },
    { 0 }
};

const struct http_module auth_request_module = {
    .name = "auth_request",
    .directives = auth_request_directives,
    .conf_size = sizeof(struct auth_request_conf),
    .phase = PHASE_ACCESS,
    .handle = auth_request_handle,
    .wanted = auth_request_wanted,
};
