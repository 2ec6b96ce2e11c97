/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error_page: another page, or another place, for answers with an error status: "error_page 404
 * /404.html;"
 */
#include "http/engine.h"
#include "http/module.h"
#include "http/path.h"

/* What happens to one status. */
struct error_page {
    unsigned status;
    unsigned answer;            /* =code: what is answered instead; 0: the status itself */
    bool answer_of_page;        /* "=": what the page answers */
    bool is_url;
    struct http_text place;
    struct conf_mark mark;
};

struct error_page_conf {
    VEC(struct error_page) pages;
};

static bool
parse_status(struct conf *conf, const struct conf_word *word, unsigned *status)
{
    uint64_t n;

    if (!str_to_uint(word->text, 599, &n) || n < 300) {
        conf_error(conf, word, "value \"%.*s\" must be between 300 and 599", STR_ARG(word->text));
        return false;
    }
    if (n == HTTP_CLIENT_LEFT)
        return conf_error(conf, word,
                          "value \"499\" cannot have an error page: the client is gone");
    *status = (unsigned)n;
    return true;
}

/* "=", "=200" before the place. */
static bool
parse_answer(struct conf *conf, const struct conf_word *word, struct error_page *page)
{
    uint64_t n;

    if (word->text.len == 1) {
        page->answer_of_page = true;
        return true;
    }
    if (!str_to_uint(str_from(word->text, 1), 999, &n) || n < 200)
        return conf_error(conf, word, "invalid value \"%.*s\"", STR_ARG(word->text));
    page->answer = (unsigned)n;
    return true;
}

static bool
parse_place(struct conf *conf, const struct conf_word *word, struct error_page *page)
{
    struct str text = arena_str(conf->arena, word->text);

    if (text.len == 0)
        return conf_error(conf, word, "empty place in \"error_page\" directive");
    page->is_url = text.p[0] != '/' && text.p[0] != '$' && text.p[0] != '@';
    return http_text_compile(conf, word, text, &page->place);
}

static bool
parse_error_page(struct conf *conf, const struct conf_node *node, void *field)
{
    struct error_page_conf *ec = field;
    struct error_page common = { 0 };
    uint32_t last = node->count - 1, codes = last;

    if (str_starts(node->words[last - 1].text, STR("="))) {
        codes--;
        if (!parse_answer(conf, &node->words[last - 1], &common))
            return false;
    }
    if (codes < 2) {
        conf_error(conf, &node->words[0],
                   "invalid number of arguments in \"error_page\" directive");
        conf_hint(conf, "statuses, then a place: error_page 404 /404.html;");
        return false;
    }
    if (!parse_place(conf, &node->words[last], &common))
        return false;
    common.mark = conf_mark_of(conf, &node->words[0]);
    for (uint32_t i = 1; i < codes; i++) {
        struct error_page *page = VEC_ADD(conf->arena, &ec->pages);

        if (page == NULL)
            return conf_no_memory(conf);
        *page = common;
        if (!parse_status(conf, &node->words[i], &page->status))
            return false;
        if (page->is_url && page->answer == 0)
            page->answer = HTTP_FOUND;
    }
    return true;
}

/* A status that is logged as 494 is answered as 431; a conf file may name either. */
static const struct error_page *
find_page(const struct error_page_conf *ec, const struct http_request *req)
{
    for (uint32_t i = 0; i < ec->pages.len; i++)
        if (ec->pages.items[i].status == req->response.status
            || (req->log_status != 0 && ec->pages.items[i].status == req->log_status))
            return &ec->pages.items[i];
    return NULL;
}

/* The place stands in for the answer, with its status or another. */
static void
take_over(struct http_request *req, const struct error_page *page)
{
    if (!http_settings_for(req)->recursive_error_pages)
        req->error_page_done = true;
    req->error_status = req->response.status;
    if (page->answer_of_page)
        req->status_override = 0;
    else
        req->status_override = page->answer != 0 ? page->answer : req->response.status;
}

static enum http_next
go_to_page(struct http_request *req, const struct error_page *page, struct str place)
{
    ptrdiff_t query = str_find(place, '?', 0);
    struct str path = query < 0 ? place : (struct str){ place.p, (size_t)query };
    struct str args = query < 0 ? STR_NONE : str_from(place, (size_t)query + 1);

    take_over(req, page);
    if (req->method != METHOD_HEAD) {
        req->method = METHOD_GET;
        req->method_name = STR("GET");
    }
    return http_redirect_internal(req, path, args, &page->place);
}

static COLD void
tell_page(struct http_request *req, const struct error_page *page, struct str place)
{
    unsigned status = req->response.status;

    if (page->answer_of_page)
        HTTP_TRACE(req, &page->mark, "error_page: for %u, with the status it has itself: %.*s",
                   status, STR_ARG(place));
    else if (page->answer != 0)
        HTTP_TRACE(req, &page->mark, "error_page: for %u, with status %u: %.*s", status,
                   page->answer, STR_ARG(place));
    else
        HTTP_TRACE(req, &page->mark, "error_page: for %u: %.*s", status, STR_ARG(place));
}

static enum http_next
error_page_on_fail(struct http_request *req, const void *slot)
{
    const struct error_page *page = find_page(slot, req);
    struct str place;

    if (page == NULL)
        return HTTP_PASS;
    place = http_text_eval(req, &page->place);
    if (UNLIKELY(req->trace != NULL))
        tell_page(req, page, place);
    if (place.len == 0)
        return HTTP_PASS;
    if (place.p[0] == '@') {
        take_over(req, page);
        return http_redirect_named(req, place);
    }
    if (place.p[0] == '/' && !http_path_is_safe(place))
        return HTTP_PASS;
    if (place.p[0] == '/')
        return go_to_page(req, page, place);
    return http_redirect(req, page->answer / 100 == 3 ? page->answer : HTTP_FOUND, place);
}

static bool
error_page_wanted(const void *slot)
{
    return ((const struct error_page_conf *)slot)->pages.len > 0;
}

static const struct directive error_page_directives[] = {
    { "error_page", .where = IN_HTTP_ALL | IN_LOCATION_IF, .args = {2, ARGS_ANY}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_error_page, FIELD(struct error_page_conf, pages) },
    { 0 }
};

const struct http_module error_page_module = {
    .name = "error_page",
    .directives = error_page_directives,
    .conf_size = sizeof(struct error_page_conf),
    .on_fail = error_page_on_fail,
    .wanted = error_page_wanted,
};
