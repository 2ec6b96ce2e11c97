/* SPDX-License-Identifier: BSD-2-Clause */
/* condition: see condition.h. */
#include "http/condition.h"
#include "http/engine.h"
#include <assert.h>
#include <limits.h>
#include <sys/stat.h>

/* ---- reading ------------------------------------------------------------------------------- */

static const struct {
    struct str text;
    enum condition_test test;
    bool is_negated, ignore_case;
} operators[] = {
    { STR_INIT("="), TEST_EQUAL, false, false },
    { STR_INIT("!="), TEST_EQUAL, true, false },
    { STR_INIT("~"), TEST_MATCH, false, false },
    { STR_INIT("~*"), TEST_MATCH, false, true },
    { STR_INIT("!~"), TEST_MATCH, true, false },
    { STR_INIT("!~*"), TEST_MATCH, true, true },
}, file_tests[] = {
    { STR_INIT("-f"), TEST_FILE, false, false },
    { STR_INIT("!-f"), TEST_FILE, true, false },
    { STR_INIT("-d"), TEST_FOLDER, false, false },
    { STR_INIT("!-d"), TEST_FOLDER, true, false },
    { STR_INIT("-e"), TEST_EXISTS, false, false },
    { STR_INIT("!-e"), TEST_EXISTS, true, false },
    { STR_INIT("-x"), TEST_EXECUTABLE, false, false },
    { STR_INIT("!-x"), TEST_EXECUTABLE, true, false },
};

/* The words without the brackets, which may be glued to them. */
struct words {
    struct conf_word items[3];
    uint32_t count;
};

static void
tell_form(struct conf *conf)
{
    conf_hint(conf, "such as ($name), ($name = text), ($name ~ expression), (-f $request_filename)");
}

/* What other languages write between two conditions. */
static bool
joins_two(struct str word)
{
    return str_eq(word, STR("&&")) || str_eq(word, STR("||")) || str_ieq(word, STR("and"))
           || str_ieq(word, STR("or"));
}

static void
tell_one_condition(struct conf *conf)
{
    conf_hint(conf, "an \"if\" has one condition: join two values first, \"set $both $a:$b;\"");
}

static bool
strip_brackets(struct conf *conf, const struct conf_node *node, struct words *words)
{
    const struct conf_word *first = &node->words[1], *last = &node->words[node->count - 1];

    if (!str_starts(first->text, STR("("))) {
        conf_error(conf, first, "invalid condition \"%.*s\"", STR_ARG(first->text));
        conf_hint(conf, "a condition stands in brackets: if ($name = text) { ... }");
        return false;
    }
    if (!str_ends(last->text, STR(")"))) {
        conf_error(conf, last, "invalid condition \"%.*s\"", STR_ARG(last->text));
        conf_hint(conf, "the closing bracket is missing");
        return false;
    }
    for (const struct conf_word *w = first; w <= last; w++) {
        struct conf_word word = *w;

        if (w == first) {
            word.text = str_from(word.text, 1);
            word.pos.column++;
            word.pos.offset++;
            word.pos.len--;
        }
        if (w == last)
            word.text.len--;
        if (word.text.len == 0 && !word.quoted)
            continue;
        if (words->count == ARRAY_LEN(words->items)) {
            conf_error(conf, w, "invalid condition \"%.*s\"", STR_ARG(w->text));
            if (joins_two(w->text))
                tell_one_condition(conf);
            else
                conf_hint(conf, "a text with blanks is written in quotes");
            return false;
        }
        words->items[words->count++] = word;
    }
    return true;
}

static bool
compile_variable(struct conf *conf, struct words *words, struct condition *c)
{
    const struct conf_word *word = &words->items[0];

    if (word->text.len < 2 || word->text.p[0] != '$') {
        conf_error(conf, word, "invalid condition \"%.*s\"", STR_ARG(word->text));
        tell_form(conf);
        return false;
    }
    if (!http_text_of_word(conf, word, &c->text))
        return false;
    if (c->text.len != 1 || c->text.pieces[0].var == NULL) {
        conf_error(conf, word, "invalid condition \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "on the left stands one variable");
        return false;
    }
    c->var = c->text.pieces[0].var;
    c->text = (struct http_text){ 0 };
    return true;
}

static bool
compile_operator(struct conf *conf, const struct words *words, struct condition *c)
{
    const struct conf_word *op = &words->items[1], *right = &words->items[2];
    size_t i = 0;

    while (i < ARRAY_LEN(operators) && !str_eq(op->text, operators[i].text))
        i++;
    if (i == ARRAY_LEN(operators)) {
        conf_error(conf, op, "unexpected \"%.*s\" in condition", STR_ARG(op->text));
        if (joins_two(op->text))
            tell_one_condition(conf);
        else
            conf_hint(conf, "one of =, !=, ~, ~*, !~, !~*");
        return false;
    }
    if (words->count < 3) {
        conf_error(conf, op, "invalid condition \"%.*s\"", STR_ARG(op->text));
        conf_hint(conf, "what it is compared with is missing behind it");
        return false;
    }
    c->test = operators[i].test;
    c->is_negated = operators[i].is_negated;
    if (c->test == TEST_EQUAL)
        return http_text_of_word(conf, right, &c->text);
    c->regex = http_regex_compile(conf, right, right->text, operators[i].ignore_case);
    return c->regex != NULL;
}

/* A relative name is below the prefix. */
static bool
compile_file(struct conf *conf, const struct words *words, struct condition *c)
{
    const struct conf_word *word = &words->items[1];
    struct str path = word->text;
    size_t before = 0;

    if (words->count != 2) {
        conf_error(conf, &words->items[0], "invalid condition \"%.*s\"",
                   STR_ARG(words->items[0].text));
        conf_hint(conf, "one file is missing behind it: (-f $request_filename)");
        return false;
    }
    if (path.len > 0 && path.p[0] != '$') {
        path = conf_path_by_prefix(conf, path);
        before = path.len > word->text.len ? path.len - word->text.len : 0;
    } else {
        path = arena_str(conf->arena, path);
    }
    return http_text_compile_after(conf, word, before, path, &c->text);
}

bool
condition_compile(struct conf *conf, const struct conf_node *node, struct condition *c)
{
    struct words words = { 0 };

    *c = (struct condition){ .test = TEST_VALUE };
    if (!strip_brackets(conf, node, &words))
        return false;
    if (words.count == 0) {
        conf_error(conf, &node->words[1], "invalid condition \"()\"");
        tell_form(conf);
        return false;
    }
    assert(str_is_set(words.items[0].text));
    for (size_t i = 0; i < ARRAY_LEN(file_tests); i++)
        if (str_eq(words.items[0].text, file_tests[i].text)) {
            c->test = file_tests[i].test;
            c->is_negated = file_tests[i].is_negated;
            return compile_file(conf, &words, c);
        }
    return compile_variable(conf, &words, c)
           && (words.count == 1 || compile_operator(conf, &words, c));
}

/* ---- checking ------------------------------------------------------------------------------ */

static bool
check_file(struct http_request *req, const struct condition *c)
{
    struct str name = http_text_eval(req, &c->text);
    char path[PATH_MAX];
    struct stat st;

    if (name.len == 0 || name.len >= sizeof(path) || memchr(name.p, '\0', name.len) != NULL)
        return false;
    memcpy(path, name.p, name.len);
    path[name.len] = '\0';
    if (stat(path, &st) != 0)
        return false;
    switch (c->test) {
    case TEST_FILE:       return S_ISREG(st.st_mode);
    case TEST_FOLDER:     return S_ISDIR(st.st_mode);
    case TEST_EXECUTABLE: return !S_ISDIR(st.st_mode) && (st.st_mode & S_IXUSR) != 0;
    case TEST_EXISTS:
    case TEST_VALUE:
    case TEST_EQUAL:
    case TEST_MATCH:
        break;
    }
    return true;
}

enum http_match
condition_check(struct http_request *req, const struct condition *c)
{
    enum http_match match;
    struct str value;
    bool holds = false;

    switch (c->test) {
    case TEST_VALUE:
        holds = http_value_is_true(http_variable_value(req, c->var));
        break;
    case TEST_EQUAL:
        value = http_variable_value(req, c->var);
        holds = str_eq(value, http_text_eval(req, &c->text));
        break;
    case TEST_MATCH:
        match = http_regex_match(req, c->regex, http_variable_value(req, c->var));
        if (match == MATCH_GIVEN_UP)
            return match;
        holds = match == MATCH_FOUND;
        break;
    case TEST_FILE:
    case TEST_FOLDER:
    case TEST_EXISTS:
    case TEST_EXECUTABLE:
        holds = check_file(req, c);
        break;
    }
    return holds != c->is_negated ? MATCH_FOUND : MATCH_NONE;
}
