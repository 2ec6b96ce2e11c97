/* SPDX-License-Identifier: BSD-2-Clause */
/* return: answers at once with a fixed status, a text, or another place: "return 301 /new;" */
#include "http/engine.h"
#include "http/module.h"

struct return_conf {
    unsigned status;            /* 0: not given at this level */
    bool has_text;
    struct http_text text;      /* the place for a redirect, else the body */
};

static bool
is_url(struct str s)
{
    return str_starts(s, STR("http://")) || str_starts(s, STR("https://"))
           || str_starts(s, STR("$scheme")) || str_starts(s, STR("/"));
}

static bool
is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool
parse_return(struct conf *conf, const struct conf_node *node, void *field)
{
    struct return_conf *rc = field;
    const struct conf_word *word = &node->words[1];
    const struct conf_word *text = node->count > 2 ? &node->words[2] : NULL;
    uint64_t status = 302;

    if (rc->status != 0 || rc->has_text)
        return true;            /* the first of several counts: it answers before the others are
                                   reached */
    if (node->count == 2 && is_url(word->text)) {
        text = word;
    } else if (!str_to_uint(word->text, 999, &status) || status < 200) {
        conf_error(conf, word, "invalid return code \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "a status from 200 to 999, or a place that begins with http://, https://, "
                  "$scheme or /");
        return false;
    }
    rc->status = (unsigned)status;
    rc->has_text = text != NULL;
    if (text == NULL)
        return true;
    return http_text_compile(conf, text, arena_str(conf->arena, text->text), &rc->text);
}

static enum http_next
return_handle(struct http_request *req, const void *slot)
{
    const struct return_conf *rc = slot;
    struct str text;

    if (!rc->has_text && rc->status / 100 == 2 && rc->status != HTTP_NO_CONTENT)
        return http_reply(req, rc->status, type_of(http_settings_for(req), req->path), STR(""));
    if (!rc->has_text)
        return http_fail(req, rc->status != 0 ? rc->status : HTTP_NOT_FOUND);
    text = http_text_eval(req, &rc->text);
    if (!str_is_set(text))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (is_redirect(rc->status))
        return http_redirect(req, rc->status, text);
    return http_reply(req, rc->status, type_of(http_settings_for(req), req->path), text);
}

static bool
return_wanted(const void *slot)
{
    const struct return_conf *rc = slot;

    return rc->status != 0 || rc->has_text;
}

static const struct directive return_directives[] = {
    { "return", .where = IN_SERVER | IN_LOCATION, .args = { 1, 2 }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_return, .offset = 0, .size = sizeof(struct return_conf) },
    { 0 }
};

const struct http_module return_module = {
    .name = "return",
    .directives = return_directives,
    .conf_size = sizeof(struct return_conf),
    .phase = PHASE_REWRITE,
    .handle = return_handle,
    .wanted = return_wanted,
};
