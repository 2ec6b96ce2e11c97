/* SPDX-License-Identifier: BSD-2-Clause */
/* regex: see regex.h. */
#include "http/regex.h"
#include "base/counters.h"
#include "http/engine.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* A group with a name. */
struct named_group {
    const struct http_variable *var;
    uint32_t number;
};

struct http_regex {
    pcre2_code *code;
    struct str source;
    uint32_t groups;
    struct named_group *named;
    uint32_t named_len;
};

/* ---- compiling ----------------------------------------------------------------------------- */

static void
release_code(void *data)
{
    pcre2_code_free(data);
}

/* The names of groups stand in a table of entries of one size: the number, then the name. */
static bool
define_named(struct conf *conf, const struct conf_word *word, struct http_regex *regex)
{
    uint32_t count = 0, size = 0;
    const uint8_t *table = NULL;

    pcre2_pattern_info(regex->code, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(regex->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, &table);
    if (count == 0)
        return true;
    if ((regex->named = ARENA_ARRAY(conf->arena, struct named_group, count)) == NULL)
        return conf_no_memory(conf);
    for (uint32_t i = 0; i < count; i++, table += size) {
        struct named_group *group = &regex->named[regex->named_len++];

        group->number = (uint32_t)table[0] << 8 | table[1];
        group->var = http_variable_define_name(conf, word, str_of((const char *)table + 2));
        if (group->var == NULL)
            return false;
    }
    return true;
}

static bool
tell_malformed(struct conf *conf, const struct conf_word *word, struct str pattern, int error,
               size_t offset)
{
    char text[256];

    if (pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof(text)) < 0)
        text[0] = '\0';
    if (offset >= pattern.len)
        conf_error(conf, word, "pcre2_compile() failed: %s in \"%.*s\"", text,
                   STR_ARG(pattern));
    else
        conf_error(conf, word, "pcre2_compile() failed: %s in \"%.*s\" at \"%.*s\"", text,
                   STR_ARG(pattern), STR_ARG(str_from(pattern, offset)));
    if (!word->quoted)
        conf_hint(conf, "an expression that holds { } or ; is to be written in quotes");
    return false;
}

struct http_regex *
http_regex_compile(struct conf *conf, const struct conf_word *word, struct str pattern,
                   bool ignore_case)
{
    struct http_regex *regex = ARENA_NEW(conf->arena, struct http_regex);
    int error;
    size_t offset;

    if (regex == NULL || !str_is_set(regex->source = arena_str(conf->arena, pattern))) {
        conf_no_memory(conf);
        return NULL;
    }
    regex->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len,
                                ignore_case ? PCRE2_CASELESS : 0, &error, &offset, NULL);
    if (regex->code == NULL) {
        tell_malformed(conf, word, pattern, error, offset);
        return NULL;
    }
    if (!arena_defer(conf->arena, release_code, regex->code)) {
        pcre2_code_free(regex->code);
        conf_no_memory(conf);
        return NULL;
    }
    if (http_of(conf)->pcre_jit)        /* where there is none, it is interpreted */
        pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->groups);
    return define_named(conf, word, regex) ? regex : NULL;
}

struct str
http_regex_source(const struct http_regex *regex)
{
    return regex->source;
}

/* ---- matching ------------------------------------------------------------------------------ */

/* What a process needs for its matches; made at the first. */
static struct {
    pcre2_match_context *context;
    pcre2_match_data *data;
    uint32_t pairs;
} scratch;

enum { JIT_STACK = 1 << 20 };  /* bytes at most: paths are long, the stack of the JIT's own is not */

static bool
make_context(void)
{
    pcre2_jit_stack *stack;

    if ((scratch.context = pcre2_match_context_create(NULL)) == NULL)
        return false;
    stack = pcre2_jit_stack_create(32 << 10, JIT_STACK, NULL);
    if (stack != NULL)          /* else it is the machine's stack, 32 KiB of it */
        pcre2_jit_stack_assign(scratch.context, NULL, stack);
    return true;
}

static bool
scratch_prepare(uint32_t pairs, uint32_t match_limit)
{
    if (scratch.context == NULL && !make_context())
        return false;
    pcre2_set_match_limit(scratch.context, match_limit);
    if (scratch.pairs >= pairs)
        return true;
    pcre2_match_data_free(scratch.data);
    pairs = MAX(pairs, 10);
    scratch.data = pcre2_match_data_create(pairs, NULL);
    scratch.pairs = scratch.data != NULL ? pairs : 0;
    return scratch.data != NULL;
}

static enum http_match
give_up(struct http_request *req, const struct http_regex *regex, int error)
{
    char text[256];

    stats->regex_given_up++;
    req->match_failed = true;
    if (pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof(text)) < 0)
        text[0] = '\0';
    LOG(&req->log, ERR, 0, "pcre2_match() failed: %s, using \"%.*s\"", text,
        STR_ARG(regex->source));
    return MATCH_GIVEN_UP;
}

static struct str
capture_of(const struct http_captures *captures, uint32_t number)
{
    size_t from, to;

    if (number >= captures->count)
        return STR_NONE;
    from = captures->offsets[number * 2];
    to = captures->offsets[number * 2 + 1];
    if (from == PCRE2_UNSET || from > to)
        return STR("");
    return (struct str){ captures->subject.p + from, to - from };
}

static bool
keep_captures(struct http_request *req, const struct http_regex *regex, struct str subject,
              uint32_t pairs)
{
    size_t bytes = (size_t)pairs * 2 * sizeof(size_t);
    size_t *offsets = arena_alloc(req->arena, bytes);

    if (offsets == NULL)
        return false;
    memcpy(offsets, pcre2_get_ovector_pointer(scratch.data), bytes);
    req->captures = (struct http_captures){ subject, offsets, pairs };
    for (uint32_t i = 0; i < regex->named_len; i++) {
        struct str value = capture_of(&req->captures, regex->named[i].number);

        http_variable_set(req, regex->named[i].var, str_is_set(value) ? value : STR(""));
    }
    return true;
}

/* *pairs: of what was captured, the whole included. */
static enum http_match
match(struct http_request *req, const struct http_regex *regex, struct str subject, uint32_t *pairs)
{
    int n;

    if (!scratch_prepare(regex->groups + 1, req->server->http->regex_match_limit))
        return give_up(req, regex, PCRE2_ERROR_NOMEMORY);
    n = pcre2_match(regex->code, (PCRE2_SPTR)(subject.len > 0 ? subject.p : ""), subject.len, 0, 0,
                    scratch.data, scratch.context);
    if (n == PCRE2_ERROR_NOMATCH)
        return MATCH_NONE;
    if (n < 0 && n >= PCRE2_ERROR_UTF8_ERR1 - 20 && n <= PCRE2_ERROR_UTF8_ERR1)
        return MATCH_NONE;      /* (*UTF): what is no UTF-8 matches nothing */
    if (n < 0)
        return give_up(req, regex, n);
    *pairs = (uint32_t)n;
    return MATCH_FOUND;
}

enum http_match
http_regex_match(struct http_request *req, const struct http_regex *regex, struct str subject)
{
    uint32_t pairs;
    enum http_match found = match(req, regex, subject, &pairs);

    if (found == MATCH_FOUND && regex->groups > 0 && !keep_captures(req, regex, subject, pairs))
        return give_up(req, regex, PCRE2_ERROR_NOMEMORY);
    return found;
}

enum http_match
http_regex_test(struct http_request *req, const struct http_regex *regex, struct str subject)
{
    uint32_t pairs;

    return match(req, regex, subject, &pairs);
}

/* ---- expressions of the day ---------------------------------------------------------------- */

static struct str
group_name(const pcre2_code *code, uint32_t number)
{
    uint32_t count = 0, size = 0;
    const uint8_t *table = NULL;

    pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table);
    for (; count > 0; count--, table += size)
        if (((uint32_t)table[0] << 8 | table[1]) == number)
            return str_of((const char *)table + 2);
    return STR_NONE;
}

static COLD pcre2_code *
compile_once(struct http_request *req, struct str pattern)
{
    char text[256];
    size_t offset;
    int error;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)(pattern.len > 0 ? pattern.p : ""), pattern.len, 0,
                                     &error, &offset, NULL);

    if (code != NULL)
        return code;
    if (pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof(text)) < 0)
        text[0] = '\0';
    LOG(&req->log, ERR, 0, "pcre2_compile() failed: %s in \"%.*s\"", text, STR_ARG(pattern));
    return NULL;
}

enum http_match
http_regex_once(struct http_request *req, struct str pattern, struct str subject,
                http_group *group, void *ctx)
{
    struct http_regex regex = { .source = pattern, .code = compile_once(req, pattern) };
    bool had_failed = req->match_failed;
    struct http_captures found = { .subject = subject };
    enum http_match result;

    if (regex.code == NULL)
        return MATCH_GIVEN_UP;
    pcre2_pattern_info(regex.code, PCRE2_INFO_CAPTURECOUNT, &regex.groups);
    result = match(req, &regex, subject, &found.count);
    req->match_failed = had_failed;
    if (result == MATCH_FOUND) {
        found.offsets = pcre2_get_ovector_pointer(scratch.data);
        for (uint32_t i = 0; i <= regex.groups; i++)
            group(ctx, i, group_name(regex.code, i), capture_of(&found, i));
    }
    pcre2_code_free(regex.code);
    return result;
}

/* ---- $1 to $9 ------------------------------------------------------------------------------ */

struct str
http_capture(const struct http_request *req, uint32_t number)
{
    return capture_of(&req->captures, number);
}
