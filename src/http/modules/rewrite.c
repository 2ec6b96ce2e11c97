/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rewrite: the directives that run in the order in which they stand: set, if, rewrite, return,
 * break. "rewrite ^/old/(.*)$ /new/$1 permanent;"
 */
#include "http/condition.h"
#include "http/engine.h"
#include "http/module.h"
#include "http/path.h"
#include <stdlib.h>

enum op_kind { OP_SET, OP_IF, OP_REWRITE, OP_RETURN, OP_BREAK };

/* What a rewrite does once it has changed the path. */
enum rewrite_flag { FLAG_NONE, FLAG_LAST, FLAG_BREAK, FLAG_REDIRECT };

struct op;

/* The directives of a level, or of an "if". */
struct block {
    VEC(struct op) ops;
    bool rewrite_log;
};

struct op_set {
    const struct http_variable *var;
    struct http_text value;
};

struct op_if {
    struct condition condition;
    struct str source;          /* "($host = a)" */
    struct block *block;        /* NULL: it holds none */
    uint32_t part;              /* its bit (place_part); 0: it has no settings */
};

struct op_rewrite {
    const struct http_regex *regex;
    struct http_text path;      /* "?" and what follows is not in it */
    struct http_text args;
    bool has_args;              /* there was a "?" */
    bool keeps_args;            /* the request's query follows: the replacement did not end
                                   with "?" */
    enum rewrite_flag flag;
    unsigned status;            /* FLAG_REDIRECT */
};

struct op_return {
    unsigned status;
    bool has_text;
    struct http_text text;      /* the place for a redirect, else the body */
};

struct op {
    enum op_kind kind;
    uint32_t order;             /* of its statement in the file */
    struct conf_mark mark;
    union {
        struct op_set set;
        struct op_if test;
        struct op_rewrite rewrite;
        struct op_return answer;
    } u;
};

struct rewrite_conf {
    struct block block;
};

extern const struct http_module rewrite_module;

/* ---- reading ------------------------------------------------------------------------------- */

static bool
add_op(struct conf *conf, const struct conf_node *node, struct block *block, const struct op *op)
{
    struct op *place = VEC_ADD(conf->arena, &block->ops);

    if (place == NULL)
        return conf_no_memory(conf);
    *place = *op;
    place->order = node->order;
    place->mark = conf_mark_of(conf, &node->words[0]);
    return true;
}

static bool
parse_set(struct conf *conf, const struct conf_node *node, void *field)
{
    struct op op = { .kind = OP_SET };

    op.u.set.var = http_variable_define(conf, &node->words[1], NULL, NULL, false);
    return op.u.set.var != NULL && http_text_of_word(conf, &node->words[2], &op.u.set.value)
           && add_op(conf, node, field, &op);
}

static bool
parse_break(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct op op = { .kind = OP_BREAK };

    return add_op(conf, node, field, &op);
}

static bool
is_url(struct str s)
{
    return str_starts(s, STR("http://")) || str_starts(s, STR("https://"))
           || str_starts(s, STR("$scheme"));
}

static bool
is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool
parse_return(struct conf *conf, const struct conf_node *node, void *field)
{
    struct op op = { .kind = OP_RETURN };
    const struct conf_word *word = &node->words[1];
    const struct conf_word *text = node->count > 2 ? &node->words[2] : NULL;
    uint64_t status = 302;

    if (node->count == 2 && (is_url(word->text) || str_starts(word->text, STR("/")))) {
        text = word;
    } else if (!str_to_uint(word->text, 999, &status) || status < 200) {
        conf_error(conf, word, "invalid return code \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "a status from 200 to 999, or a place that begins with http://, https://, "
                  "$scheme or /");
        return false;
    }
    op.u.answer.status = (unsigned)status;
    op.u.answer.has_text = text != NULL;
    return (text == NULL || http_text_of_word(conf, text, &op.u.answer.text))
           && add_op(conf, node, field, &op);
}

static bool
parse_flag_word(struct conf *conf, const struct conf_word *word, struct op_rewrite *rewrite)
{
    static const struct { struct str name; enum rewrite_flag flag; unsigned status; } flags[] = {
        { STR_INIT("last"), FLAG_LAST, 0 },
        { STR_INIT("break"), FLAG_BREAK, 0 },
        { STR_INIT("redirect"), FLAG_REDIRECT, HTTP_FOUND },
        { STR_INIT("permanent"), FLAG_REDIRECT, HTTP_MOVED_PERMANENTLY },
    };

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (str_eq(word->text, flags[i].name)) {
            rewrite->flag = flags[i].flag;
            if (flags[i].status != 0)
                rewrite->status = flags[i].status;
            return true;
        }
    conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
    conf_hint(conf, "one of last, break, redirect, permanent");
    return false;
}

/* "/new/$1?from=old": path and query are put together apart from each other. */
static bool
parse_replacement(struct conf *conf, const struct conf_word *word, struct op_rewrite *rewrite)
{
    struct str text = arena_str(conf->arena, word->text), args = STR("");
    ptrdiff_t query;

    if (!str_is_set(text))
        return conf_no_memory(conf);
    query = str_find(text, '?', 0);
    rewrite->has_args = query >= 0;
    rewrite->keeps_args = true;
    if (query >= 0) {
        args = str_from(text, (size_t)query + 1);
        rewrite->keeps_args = text.p[text.len - 1] != '?';
        if (!rewrite->keeps_args)
            args.len -= args.len > 0;
        text.len = (size_t)query;
    }
    return http_text_of_front(conf, word, text.len, &rewrite->path)
           && http_text_compile(conf, word, args, &rewrite->args);
}

static bool
parse_rewrite(struct conf *conf, const struct conf_node *node, void *field)
{
    struct op op = { .kind = OP_REWRITE };
    struct op_rewrite *rewrite = &op.u.rewrite;
    const struct conf_word *pattern = &node->words[1], *replacement = &node->words[2];

    if (is_url(replacement->text)) {
        rewrite->flag = FLAG_REDIRECT;
        rewrite->status = HTTP_FOUND;
    }
    if (replacement->text.len == 0) {
        conf_error(conf, replacement, "empty replacement in \"rewrite\" directive");
        conf_hint(conf, "\"set\" and \"if\" do without; $uri leaves the path as it is");
        return false;
    }
    rewrite->regex = http_regex_compile(conf, pattern, pattern->text, false);
    if (rewrite->regex == NULL || !parse_replacement(conf, replacement, rewrite))
        return false;
    if (node->count == 4 && !parse_flag_word(conf, &node->words[3], rewrite))
        return false;
    if (rewrite->status != 0)       /* a URL goes to the client, whatever the flag says */
        rewrite->flag = FLAG_REDIRECT;
    return add_op(conf, node, field, &op);
}

/* The directives of an "if" block; NULL: there are none. */
static bool
block_of(struct conf *conf, const struct conf_scope *scope, struct block **block)
{
    const struct conf_module *table = http_table_of(&rewrite_module);
    struct rewrite_conf *rc = conf_settings(conf, scope, table);
    const struct location_settings *settings = conf_settings(conf, scope, &location_table);

    *block = NULL;
    if (!conf_is_set(conf, scope, table, offsetof(struct rewrite_conf, block)))
        return true;
    *block = &rc->block;
    rc->block.rewrite_log = settings->rewrite_log;
    return true;
}

static struct str
condition_source(struct conf *conf, const struct conf_node *node)
{
    struct writer w = writer_in(conf->arena);

    for (uint32_t i = 1; i < node->count; i++) {
        if (i > 1)
            write_char(&w, ' ');
        write_str(&w, node->words[i].text);
    }
    return writer_str(&w);
}

static bool
parse_if(struct conf *conf, const struct conf_node *node, void *field)
{
    struct op op = { .kind = OP_IF };
    const struct conf_module *table = http_table_of(&rewrite_module);
    unsigned errors = conf->errors;
    const struct conf_scope *scope;

    if (!condition_compile(conf, node, &op.u.test.condition))
        return false;
    op.u.test.source = condition_source(conf, node);
    if (conf->scope->where == IN_SERVER)
        scope = conf_apply_block(conf, node, IN_SERVER_IF, NULL, NULL);
    else
        scope = place_read_part(conf, node, table, &op.u.test.part);
    return scope != NULL && conf->errors == errors && block_of(conf, scope, &op.u.test.block)
           && add_op(conf, node, field, &op);
}

static int
by_order(const void *a, const void *b)
{
    const struct op *x = a, *y = b;

    return x->order < y->order ? -1 : x->order > y->order;
}

/* "if" blocks were read behind all others of the level. */
static bool
rewrite_finish(struct conf *conf, struct conf_scope *scope, void *slot)
{
    struct rewrite_conf *rc = slot;
    const struct location_settings *settings = conf_settings(conf, scope, &location_table);

    if (rc->block.ops.len > 1)
        qsort(rc->block.ops.items, rc->block.ops.len, sizeof(rc->block.ops.items[0]), by_order);
    rc->block.rewrite_log = settings->rewrite_log;
    return true;
}

/* ---- running ------------------------------------------------------------------------------- */

enum flow {
    FLOW_ON,
    FLOW_STOP,                  /* what follows does not run */
    FLOW_ANSWERED
};

struct run {
    struct http_request *req;
    bool is_changed;            /* the path: its location is to be looked for */
};

static enum flow run_block(struct run *run, const struct block *block);

static enum flow
fail(struct http_request *req, unsigned status)
{
    http_fail(req, status);
    return FLOW_ANSWERED;
}

static enum flow
run_set(struct run *run, const struct op *op)
{
    struct str value = http_text_eval(run->req, &op->u.set.value);

    if (!str_is_set(value))
        return fail(run->req, HTTP_INTERNAL_ERROR);
    http_variable_set(run->req, op->u.set.var, value);
    HTTP_TRACE(run->req, &op->mark, "set: $%s is \"%.*s\"", op->u.set.var->name, STR_ARG(value));
    return FLOW_ON;
}

static void
log_match(struct http_request *req, const struct http_regex *regex, struct str text, bool matches)
{
    LOG(&req->log, NOTICE, 0, "\"%.*s\" %s \"%.*s\"", STR_ARG(http_regex_source(regex)),
        matches ? "matches" : "does not match", STR_ARG(text));
}

static enum flow
run_if(struct run *run, const struct op *op, bool log)
{
    struct http_request *req = run->req;
    const struct condition *condition = &op->u.test.condition;
    enum http_match match = condition_check(req, condition);

    if (log && condition->test == TEST_MATCH && match != MATCH_GIVEN_UP)
        log_match(req, condition->regex, http_variable_value(req, condition->var),
                  (match == MATCH_FOUND) != condition->is_negated);
    switch (match) {
    case MATCH_NONE:
        HTTP_TRACE(req, &op->mark, "if: %.*s does not hold", STR_ARG(op->u.test.source));
        return FLOW_ON;
    case MATCH_GIVEN_UP:
        return fail(req, HTTP_INTERNAL_ERROR);
    case MATCH_FOUND:
        break;
    }
    HTTP_TRACE(req, &op->mark, "if: %.*s holds", STR_ARG(op->u.test.source));
    if (op->u.test.part != 0)
        req->location = place_part(req->location, op->u.test.part);
    return op->u.test.block != NULL ? run_block(run, op->u.test.block) : FLOW_ON;
}

static enum flow
run_return(struct run *run, const struct op *op)
{
    struct http_request *req = run->req;
    const struct op_return *answer = &op->u.answer;
    struct str text;

    HTTP_TRACE(req, &op->mark, "return: %u", answer->status);
    if (!answer->has_text && answer->status / 100 == 2 && answer->status != HTTP_NO_CONTENT) {
        http_reply(req, answer->status, http_type_for(req, req->path), STR(""));
        return FLOW_ANSWERED;
    }
    if (!answer->has_text) {
        http_answer_status(req, answer->status);
        return FLOW_ANSWERED;
    }
    req->response.status = req->status_override != 0 ? req->status_override : answer->status;
    text = http_text_eval(req, &answer->text);      /* may tell the $status */
    if (!str_is_set(text))
        return fail(req, HTTP_INTERNAL_ERROR);
    if (is_redirect(answer->status))
        http_redirect(req, answer->status, text);
    else
        http_reply(req, answer->status, http_type_for(req, req->path), text);
    return FLOW_ANSWERED;
}

/* ---- rewrite ------------------------------------------------------------------------------- */

/* Where the text of a group is to stand. */
enum url_part { URL_PATH, URL_QUERY };

static bool
is_escaped_in(enum url_part part, unsigned char c)
{
    if (c <= ' ' || c >= 0x7f || memchr("\"#%?", c, 4) != NULL)
        return true;
    return part == URL_QUERY && memchr("&+;", c, 3) != NULL;
}

/* What a group holds was decoded: where it is to be a part of an address again, it is encoded. */
static void
write_encoded(struct writer *w, struct str text, enum url_part part)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (!is_escaped_in(part, c)) {
            write_char(w, (char)c);
            continue;
        }
        write_char(w, '%');
        write_char(w, digits[c >> 4]);
        write_char(w, digits[c & 15]);
    }
}

/* The client's own bytes are kept where they needed no encoding. */
static bool
was_encoded(const struct http_request *req)
{
    struct str raw = str_is_set(req->uri.raw) ? req->uri.raw : req->target;

    return str_find(raw, '%', 0) >= 0 || str_find(raw, '+', 0) >= 0;
}

static bool
is_capture(const struct http_variable *var)
{
    return var->name[0] >= '1' && var->name[0] <= '9' && var->name[1] == '\0';
}

/* As it is. */
static void
write_replaced(struct writer *w, struct http_request *req, const struct http_text *text)
{
    for (uint32_t i = 0; i < text->len; i++) {
        const struct http_piece *piece = &text->pieces[i];

        write_str(w, piece->var == NULL ? piece->literal : http_variable_value(req, piece->var));
    }
}

/* For an address that a client or a query will have: groups are encoded where they were. */
static void
write_replaced_for(struct writer *w, struct http_request *req, const struct http_text *text,
                   enum url_part part)
{
    if (!was_encoded(req)) {
        write_replaced(w, req, text);
        return;
    }
    for (uint32_t i = 0; i < text->len; i++) {
        const struct http_piece *piece = &text->pieces[i];

        if (piece->var == NULL)
            write_str(w, piece->literal);
        else if (is_capture(piece->var))
            write_encoded(w, http_variable_value(req, piece->var), part);
        else
            write_str(w, http_variable_value(req, piece->var));
    }
}

/* The new query: the replacement's, then the request's. STR_NONE: there is none. */
static struct str
new_args(struct http_request *req, const struct op_rewrite *rewrite)
{
    struct writer w;

    if (!rewrite->has_args)
        return req->args;
    w = writer_in(req->arena);
    write_replaced_for(&w, req, &rewrite->args, URL_QUERY);
    if (rewrite->keeps_args && req->args.len > 0) {
        write_char(&w, '&');
        write_str(&w, req->args);
    }
    return writer_str(&w);
}

static enum flow
redirect(struct http_request *req, const struct op_rewrite *rewrite)
{
    struct writer w = writer_in(req->arena);
    struct str args = new_args(req, rewrite);

    write_replaced_for(&w, req, &rewrite->path, URL_PATH);
    if (args.len > 0) {
        write_char(&w, '?');
        write_str(&w, args);
    }
    if (!w.ok)
        return fail(req, HTTP_INTERNAL_ERROR);
    http_redirect(req, rewrite->status, writer_str(&w));
    return FLOW_ANSWERED;
}

/* The replacement as a path; STR_NONE after an answer. */
static struct str
new_path(struct http_request *req, const struct op_rewrite *rewrite)
{
    struct writer w = writer_in(req->arena);
    struct str path;

    write_char(&w, '/');
    write_replaced(&w, req, &rewrite->path);
    path = writer_str(&w);
    if (!str_is_set(path)) {
        http_fail(req, HTTP_INTERNAL_ERROR);
        return STR_NONE;
    }
    if (path.len > 1 && path.p[1] == '/')
        path = str_from(path, 1);       /* it began with a slash of its own */
    if (path.len == 1 && rewrite->path.source.p[0] != '/') {
        LOG(&req->log, ERR, 0, "the rewritten URI has a zero length");
        http_fail(req, HTTP_INTERNAL_ERROR);
        return STR_NONE;
    }
    if (!http_path_is_safe(path)) {
        LOG(&req->log, ERR, 0, "the rewritten URI \"%.*s\" is unsafe", STR_ARG(path));
        http_fail(req, HTTP_BAD_REQUEST);
        return STR_NONE;
    }
    return path;
}

static enum flow
run_rewrite(struct run *run, const struct op *op, bool log)
{
    struct http_request *req = run->req;
    const struct op_rewrite *rewrite = &op->u.rewrite;
    enum http_match match = http_regex_match(req, rewrite->regex, req->path);
    struct str path, args;

    if (match == MATCH_GIVEN_UP)
        return fail(req, HTTP_INTERNAL_ERROR);
    if (log)
        log_match(req, rewrite->regex, req->path, match == MATCH_FOUND);
    if (match == MATCH_NONE) {
        HTTP_TRACE(req, &op->mark, "rewrite: %.*s does not match %.*s",
                   STR_ARG(http_regex_source(rewrite->regex)), STR_ARG(req->path));
        return FLOW_ON;
    }
    if (rewrite->flag == FLAG_REDIRECT) {
        enum flow flow = redirect(req, rewrite);

        if (log)
            LOG(&req->log, NOTICE, 0, "rewritten redirect: \"%.*s\"",
                STR_ARG(req->response.location));
        HTTP_TRACE(req, &op->mark, "rewrite: %.*s matches, redirect to %.*s",
                   STR_ARG(http_regex_source(rewrite->regex)), STR_ARG(req->response.location));
        return flow;
    }
    args = new_args(req, rewrite);
    path = new_path(req, rewrite);
    if (!str_is_set(path))
        return FLOW_ANSWERED;
    http_path_set(req, req, path, &rewrite->path);
    req->args = args;
    req->internal = true;
    run->is_changed = rewrite->flag != FLAG_BREAK;
    if (log)
        LOG(&req->log, NOTICE, 0, "rewritten data: \"%.*s\", args: \"%.*s\"", STR_ARG(path),
            STR_ARG(args));
    HTTP_TRACE(req, &op->mark, "rewrite: %.*s matches, the path is %.*s now",
               STR_ARG(http_regex_source(rewrite->regex)), STR_ARG(path));
    return rewrite->flag == FLAG_NONE ? FLOW_ON : FLOW_STOP;
}

/* ---- all of them --------------------------------------------------------------------------- */

static enum flow
run_op(struct run *run, const struct op *op, bool log)
{
    switch (op->kind) {
    case OP_SET:     return run_set(run, op);
    case OP_IF:      return run_if(run, op, log);
    case OP_REWRITE: return run_rewrite(run, op, log);
    case OP_RETURN:  return run_return(run, op);
    case OP_BREAK:
        HTTP_TRACE(run->req, &op->mark, "break: no more of these directives");
        run->is_changed = false;
        return FLOW_STOP;
    }
    return FLOW_ON;
}

static enum flow
run_block(struct run *run, const struct block *block)
{
    for (uint32_t i = 0; i < block->ops.len; i++) {
        enum flow flow = run_op(run, &block->ops.items[i], block->rewrite_log);

        if (flow != FLOW_ON)
            return flow;
    }
    return FLOW_ON;
}

static enum http_next
rewrite_handle(struct http_request *req, const void *slot)
{
    const struct rewrite_conf *rc = slot;
    const struct http_location *place = req->location;
    struct run run = { req, false };

    if (run_block(&run, &rc->block) == FLOW_ANSWERED)
        return HTTP_DONE;
    if (run.is_changed && place != NULL)
        return http_search_again(req);
    return req->location == place ? HTTP_PASS : HTTP_MOVED;
}

static bool
rewrite_wanted(const void *slot)
{
    return ((const struct rewrite_conf *)slot)->block.ops.len > 0;
}

#define IN_ORDER .flags = DIRECTIVE_REPEAT, FIELD(struct rewrite_conf, block)

static const struct directive rewrite_directives[] = {
    { "set", .where = IN_SERVER | IN_LOCATION | IN_ANY_IF, .args = { 2, 2 }, .parse = parse_set,
      IN_ORDER },
    { "rewrite", .where = IN_SERVER | IN_LOCATION | IN_ANY_IF, .args = { 2, 3 },
      .parse = parse_rewrite, IN_ORDER },
    { "return", .where = IN_SERVER | IN_LOCATION | IN_ANY_IF, .args = { 1, 2 },
      .parse = parse_return, IN_ORDER },
    { "break", .where = IN_SERVER | IN_LOCATION | IN_ANY_IF, .parse = parse_break, IN_ORDER },
    { "if", .where = IN_SERVER | IN_LOCATION, .args = { 1, ARGS_ANY },
      .flags = DIRECTIVE_BLOCK | DIRECTIVE_REPEAT, .parse = parse_if,
      FIELD(struct rewrite_conf, block) },
    { 0 }
};

const struct http_module rewrite_module = {
    .name = "rewrite",
    .directives = rewrite_directives,
    .conf_size = sizeof(struct rewrite_conf),
    .phase = PHASE_REWRITE,
    .handle = rewrite_handle,
    .finish = rewrite_finish,
    .wanted = rewrite_wanted,
};
