/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * autoindex: what a folder without an index file holds, as a page of weir's own or in nginx's
 * forms: "location /files/ { autoindex on; }"
 */
#include "base/siphash.h"
#include "config.h"
#include "http/engine.h"
#include "http/folder_list.h"
#include "http/folder_reader.h"
#include "http/module.h"
#include "http/path.h"
#include "http/report_request.h"

enum { CALLBACK_MAX = 128 };

/* autoindex_format: auto, or one of enum folder_format. */
enum { FORMAT_AUTO = -1 };

static const struct conf_enum formats[] = {
    { "auto", FORMAT_AUTO }, { "page", LIST_PAGE }, { "html", LIST_HTML }, { "xml", LIST_XML },
    { "json", LIST_JSON }, { "jsonp", LIST_JSONP }, { NULL, 0 },
};

typedef VEC(struct str) text_vec;

/* autoindex_readme */
struct readme {
    text_vec names;             /* none: off */
    uint64_t max;               /* bytes */
};

struct autoindex_conf {
    bool on, exact_size, local_time, hidden;
    int format;
    uint32_t entries_max;
    text_vec excluded;
    struct readme readme;
    struct folder_rules rules[2];       /* made of these; [true]: where serve_hidden is on */
    struct str policy;          /* of the page; STR_NONE: no page is made here */
};

/* ---- the conf file ------------------------------------------------------------------------- */

static bool
add_text(struct conf *conf, text_vec *texts, struct str text)
{
    struct str *place = VEC_ADD(conf->arena, texts);

    if (place == NULL)
        return conf_no_memory(conf);
    *place = arena_str(conf->arena, text);
    return str_is_set(*place) || conf_no_memory(conf);
}

/* A name holds no "/", so neither does a pattern that is of any use. */
static bool
is_name(struct conf *conf, const struct conf_word *word, const char *what)
{
    if (word->text.len > 0 && str_find(word->text, '/', 0) < 0)
        return true;
    conf_error(conf, word, "invalid %s \"%.*s\"", what, STR_ARG(word->text));
    conf_hint(conf, "it is compared with names, which hold no \"/\"");
    return false;
}

static bool
parse_exclude(struct conf *conf, const struct conf_node *node, void *field)
{
    for (uint32_t i = 1; i < node->count; i++)
        if (!is_name(conf, &node->words[i], "pattern")
            || !add_text(conf, field, node->words[i].text))
            return false;
    return true;
}

static bool
parse_readme_max(struct conf *conf, const struct conf_word *word, struct str text, uint64_t *max)
{
    enum { MOST = 256 << 10 };

    if (!word_size(conf, word, text, max))
        return false;
    return *max <= MOST
           || conf_error(conf, word, "more than 256k of a text do not fit into a page");
}

static bool
parse_readme(struct conf *conf, const struct conf_node *node, void *field)
{
    static const struct str max = STR_INIT("max=");
    struct readme *readme = field;

    *readme = (struct readme){ .max = 64 << 10 };
    if (node->count == 2 && str_eq(node->words[1].text, STR("off")))
        return true;
    for (uint32_t i = 1; i < node->count; i++) {
        const struct conf_word *word = &node->words[i];

        if (str_starts(word->text, max)) {
            if (!parse_readme_max(conf, word, str_from(word->text, max.len), &readme->max))
                return false;
        } else if (!is_name(conf, word, "file name")
                   || !add_text(conf, &readme->names, word->text)) {
            return false;
        }
    }
    return true;
}

/* Only the page shows a text; for the others nothing is read. */
static bool
may_be_page(const struct autoindex_conf *ac)
{
    return ac->on && (ac->format == FORMAT_AUTO || ac->format == LIST_PAGE);
}

static bool
autoindex_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    struct autoindex_conf *ac = slot;
    struct writer w = writer_in(conf->arena);
    bool page = may_be_page(ac);

    (void)scope;
    ac->rules[false] = (struct folder_rules){
        .entries_max = ac->entries_max,
        .excluded = ac->excluded.items, .excluded_len = ac->excluded.len,
        .readmes = ac->readme.names.items, .readmes_len = page ? ac->readme.names.len : 0,
        .readme_max = ac->readme.max,
    };
    ac->rules[true] = ac->rules[false];
    ac->rules[true].hidden = ac->hidden;
    ac->policy = STR_NONE;
    if (!page)
        return true;
    if (!folder_page_policy(&w))
        return conf_no_memory(conf);
    ac->policy = writer_str(&w);
    return true;
}

static bool
autoindex_wanted(const void *slot)
{
    return ((const struct autoindex_conf *)slot)->on;
}

/* ---- what is asked for --------------------------------------------------------------------- */

/*
 * Who names HTML gets the page, as browsers do. Who takes anything gets what nginx gives: programs
 * that follow links read that.
 */
static enum folder_format
format_by_accept(const struct http_request *req)
{
    static const struct { struct str type; enum folder_format format; } types[] = {
        { STR_INIT("text/html"), LIST_PAGE },
        { STR_INIT("application/json"), LIST_JSON },
        { STR_INIT("text/xml"), LIST_XML },
        { STR_INIT("application/xml"), LIST_XML },
    };
    struct str accept = http_request_field(req, STR("accept"));
    enum folder_format best = LIST_HTML;
    unsigned most = 0;

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        unsigned quality = accept_quality(accept, types[i].type);

        if (quality > most) {
            most = quality;
            best = types[i].format;
        }
    }
    return best;
}

static const char *
format_name(enum folder_format format)
{
    for (const struct conf_enum *f = formats; f->name != NULL; f++)
        if (f->value == (int)format)
            return f->name;
    return "";
}

static enum folder_format
choose_format(const struct http_request *req, const struct autoindex_conf *ac)
{
    return ac->format == FORMAT_AUTO ? format_by_accept(req) : (enum folder_format)ac->format;
}

static struct folder_order
choose_order(const struct http_request *req, enum folder_format format)
{
    struct str by = http_request_argument(req, STR("sort"));

    if (format != LIST_PAGE)
        return (struct folder_order){ .by = SORT_BYTES };
    return (struct folder_order){
        .by = str_eq(by, STR("size")) ? SORT_SIZE : str_eq(by, STR("time")) ? SORT_TIME : SORT_NAME,
        .descending = str_eq(http_request_argument(req, STR("order")), STR("desc")),
    };
}

static bool
is_callback(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i], lower = ascii_lower(c);

        if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '.')
            return false;
    }
    return true;
}

/* False: what was sent is no name. Without a name jsonp is json. */
static bool
choose_callback(struct http_request *req, struct folder_list *list)
{
    struct str name = http_request_argument(req, STR("callback"));

    if (list->format != LIST_JSONP)
        return true;
    if (name.len == 0)
        list->format = LIST_JSON;
    list->callback = name;
    if (name.len <= CALLBACK_MAX && is_callback(name))
        return true;
    LOG(&req->log, INFO, 0, "client sent %s callback name: \"%.*s\"",
        name.len > CALLBACK_MAX ? "too long" : "invalid", STR_ARG(name));
    return false;
}

/* The address that the client knows, unless it was led here from one that is no folder's. */
static struct str
path_for_client(struct http_request *req)
{
    struct str path = req->uri.path;

    return req->parent == NULL && path.len > 0 && path.p[path.len - 1] == '/' ? path : req->path;
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* Writes the entries while they are sent. */
struct list_source {
    struct body_source source;
    struct http_request *req;
    struct folder_list list;
    bool has_begun;
    uint32_t next;              /* the entry that is written next */
    struct str ahead;           /* of stage, for want of room */
    char stage[LIST_ENTRY_MAX];
};

/* As many as surely fit. */
static size_t
write_entries(struct list_source *s, char *room, size_t cap)
{
    struct writer w = writer_at(room, cap);

    while (s->next < s->list.folder->len && (size_t)(w.end - w.p) >= LIST_ENTRY_MAX)
        folder_list_entry(&w, &s->list, s->next++);
    return (size_t)(w.p - w.start);
}

static enum io
pull(struct body_source *source, char *room, size_t cap, size_t *done)
{
    struct list_source *s = (struct list_source *)source;

    if (!s->has_begun) {        /* the filters have run: now it is known */
        struct str type = s->req->response.content_type;

        s->list.is_utf8 = type.len >= 5 && str_ieq(str_from(type, type.len - 5), STR("utf-8"));
        s->has_begun = true;
    }
    if (s->ahead.len == 0 && cap >= LIST_ENTRY_MAX) {
        *done = write_entries(s, room, cap);
    } else {
        if (s->ahead.len == 0)
            s->ahead = (struct str){ s->stage, write_entries(s, s->stage, sizeof(s->stage)) };
        *done = MIN(cap, s->ahead.len);
        memcpy(room, s->ahead.p, *done);
        s->ahead = str_from(s->ahead, *done);
    }
    return s->ahead.len == 0 && s->next == s->list.folder->len ? IO_CLOSED : IO_DONE;
}

static struct body_part *
entries_part(struct http_request *req, const struct folder_list *list)
{
    struct list_source *s = arena_alloc(req->arena, sizeof(*s));

    if (s == NULL)
        return NULL;
    memset(s, 0, offsetof(struct list_source, stage));
    s->source.pull = pull;
    s->source.part = (struct body_part){ .kind = PART_PULL, .source = &s->source };
    s->req = req;
    s->list = *list;
    return &s->source.part;
}

static struct body_part *
text_part(struct http_request *req, void (*write)(struct writer *w, const struct folder_list *list),
          const struct folder_list *list)
{
    struct writer w = writer_in(req->arena);
    struct body_part *part = ARENA_NEW(req->arena, struct body_part);
    struct str text;

    write(&w, list);
    text = writer_str(&w);
    if (part == NULL || !str_is_set(text))
        return NULL;
    *part = (struct body_part){ .kind = PART_MEMORY, .p = text.p, .len = text.len };
    return part;
}

/* Head, entries, tail. */
static bool
make_body(struct http_request *req, const struct folder_list *list)
{
    struct body_part *head = text_part(req, folder_list_head, list);
    struct body_part *entries = entries_part(req, list);
    struct body_part *tail = text_part(req, folder_list_tail, list);

    if (head == NULL || entries == NULL || tail == NULL)
        return false;
    head->next = list->folder->len > 0 ? entries : tail;
    entries->next = tail;
    req->response.body = head;
    return true;
}

/*
 * Of all that the answer is made of. Weak, as a second that is not over may bring the same names,
 * sizes and times once more.
 */
static struct str
make_etag(struct http_request *req, const struct autoindex_conf *ac, const struct folder_list *list)
{
    const struct folder *folder = list->folder;
    struct folder_order order = folder->question.order;
    struct str made_by = arena_fmt(req->arena, "%s %d %d %d %d %d %.*s\n%.*s\n%.*s\n%.*s",
                                   WEIR_VERSION,
                                   list->format, list->exact_size, list->local_time, order.by,
                                   order.descending, STR_ARG(ac->policy), STR_ARG(list->callback),
                                   STR_ARG(list->host), STR_ARG(list->path));
    uint64_t hash[2];

    if (!str_is_set(made_by))
        return STR_NONE;
    siphash128(folder->hash, made_by, hash);
    return arena_fmt(req->arena, "W/\"%016jx\"", (uintmax_t)(hash[0] ^ hash[1]));
}

static bool
add_fields(struct http_request *req, const struct autoindex_conf *ac,
           const struct folder_list *list)
{
    struct http_response *resp = &req->response;

    resp->content_type = folder_list_type(list->format);
    if (http_settings_for(req)->etag
        && !str_is_set(resp->etag = make_etag(req, ac, list)))
        return false;
    if (ac->format == FORMAT_AUTO && !http_response_add(req, STR("Vary"), STR("Accept")))
        return false;
    return list->format != LIST_PAGE
           || (http_response_add(req, STR("Content-Security-Policy"), ac->policy)
               && http_response_add(req, STR("X-Content-Type-Options"), STR("nosniff")));
}

static enum http_next
autoindex_handle(struct http_request *req, const void *slot)
{
    const struct autoindex_conf *ac = slot;
    struct folder_list list = { .exact_size = ac->exact_size, .local_time = ac->local_time };
    const struct location_settings *settings = http_settings_for(req);
    struct folder_question question;
    enum http_next next;

    if (req->path.p[req->path.len - 1] != '/')
        return HTTP_PASS;
    if (req->method != METHOD_GET && req->method != METHOD_HEAD)
        return http_not_allowed(req, STR("GET, HEAD"));
    list.format = choose_format(req, ac);
    if (!choose_callback(req, &list))
        return http_fail(req, HTTP_BAD_REQUEST);
    question = (struct folder_question){
        .path = http_map_path(req, 0), .symlinks = settings->disable_symlinks.mode,
        .order = choose_order(req, list.format), .rules = &ac->rules[settings->serve_hidden],
    };
    if (!str_is_set(question.path))
        return http_unmapped(req);
    question.trusted = http_trusted_part(req, question.path);
    req->filename = question.path;
    if ((next = folder_ask(req, &question, &list.folder)) != HTTP_PASS)
        return next;
    HTTP_TRACE(req, NULL, "autoindex: %.*s is listed, %u entries, as %s", STR_ARG(question.path),
               list.folder->len, format_name(list.format));
    list.path = list.format == LIST_PAGE ? path_for_client(req) : req->path;
    list.host = req->host;
    http_response_reset(&req->response, HTTP_OK);
    return add_fields(req, ac, &list) && make_body(req, &list)
           ? HTTP_DONE : http_fail(req, HTTP_INTERNAL_ERROR);
}

/* ---- tables -------------------------------------------------------------------------------- */

static const struct uint_range at_least_one = { 1, UINT32_MAX };

#define ANYWHERE        .where = IN_HTTP_ALL, .args = { 1, 1 }
#define CONF_FIELD(member) FIELD(struct autoindex_conf, member)

static const struct directive autoindex_directives[] = {
    { "autoindex", ANYWHERE, .parse = parse_flag, CONF_FIELD(on), .initial = "off" },
    { "autoindex_exact_size", ANYWHERE, .parse = parse_flag, CONF_FIELD(exact_size),
      .initial = "on" },
    { "autoindex_exclude", .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY },
      .flags = DIRECTIVE_REPEAT, .parse = parse_exclude, CONF_FIELD(excluded) },
    { "autoindex_format", ANYWHERE, .parse = parse_enum, CONF_FIELD(format), .initial = "auto",
      .data = formats },
    { "autoindex_hidden", ANYWHERE, .parse = parse_flag, CONF_FIELD(hidden), .initial = "off" },
    { "autoindex_limit", ANYWHERE, .parse = parse_uint, CONF_FIELD(entries_max),
      .initial = "500000", .data = &at_least_one },
    { "autoindex_localtime", ANYWHERE, .parse = parse_flag, CONF_FIELD(local_time),
      .initial = "off" },
    { "autoindex_readme", .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY }, .parse = parse_readme,
      CONF_FIELD(readme), .initial = "max=64k README.md README.txt README" },
    { 0 }
};

const struct http_module autoindex_module = {
    .name = "autoindex",
    .directives = autoindex_directives,
    .conf_size = sizeof(struct autoindex_conf),
    .check = autoindex_check,
    .wanted = autoindex_wanted,
    .phase = PHASE_CONTENT,
    .handle = autoindex_handle,
};
