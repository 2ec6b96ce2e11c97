/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * variable: finding and defining variables, and texts that hold them. The variables of the server
 * itself are in core_variables.c.
 */
#include "http/variable.h"
#include "base/map.h"
#include "base/vec.h"
#include "http/core_variables.h"
#include "http/engine.h"
#include "http/module.h"
#include "http/nginx_variables.h"
#include "http/settings.h"

enum {
    DEPTH_MAX = 100,            /* variables that are made of variables */
    HINTED_ERRORS = 200         /* the nearest name costs a look at all; nobody reads more */
};

/* A name that ends with "_" in its table is a family: arg_, http_, cookie_. */
static bool
matches(const struct http_variable *v, struct str name, struct str *rest)
{
    struct str own = str_of(v->name);

    if (own.p[own.len - 1] == '_') {
        if (name.len <= own.len || !str_istarts(name, own))
            return false;
        *rest = str_from(name, own.len);
        return true;
    }
    *rest = STR("");
    return str_ieq(own, name);
}

static const struct http_variable *
find_in(const struct http_variable *table, struct str name, struct str *rest)
{
    for (const struct http_variable *v = table; v != NULL && v->name != NULL; v++)
        if (matches(v, name, rest))
            return v;
    return NULL;
}

static bool
has_upper(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (ascii_lower(s.p[i]) != s.p[i])
            return true;
    return false;
}

const struct http_variable *
http_variable_find(struct arena *arena, struct str name, struct str *rest)
{
    const struct http_variable *v = find_in(http_core_variables, name, rest);
    char *lower;

    for (unsigned i = 0; v == NULL && http_modules[i] != NULL; i++)
        v = find_in(http_modules[i]->variables, name, rest);
    if (v == NULL || !has_upper(*rest))
        return v;
    if ((lower = arena_bytes(arena, rest->len)) == NULL)
        return NULL;
    for (size_t i = 0; i < rest->len; i++)
        lower[i] = ascii_lower(rest->p[i]);
    rest->p = lower;
    return v;
}

static bool
is_name_char(char c)
{
    c = ascii_lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* ---- the entries of a configuration -------------------------------------------------------- */

/* A name in a configuration. */
struct entry {
    struct http_variable var;
    struct conf_word word;      /* where it was used first; pos.file NULL: nowhere */
    bool is_used, is_defined;
};

static struct entry *
entry_of(struct conf *conf, struct str name)
{
    struct http *http = http_of(conf);
    struct entry *entry;
    struct str lower;

    if (http->variables == NULL && (http->variables = map_create(conf->arena, true)) == NULL) {
        conf_no_memory(conf);
        return NULL;
    }
    if ((entry = map_get(http->variables, name)) != NULL)
        return entry;
    entry = ARENA_NEW(conf->arena, struct entry);
    lower = arena_str(conf->arena, name);
    if (entry == NULL || !str_is_set(lower)) {
        conf_no_memory(conf);
        return NULL;
    }
    for (char *p = (char *)(uintptr_t)lower.p; *p != '\0'; p++)
        *p = ascii_lower(*p);
    entry->var.name = lower.p;
    if (!map_set(http->variables, lower, entry)) {
        conf_no_memory(conf);
        return NULL;
    }
    return entry;
}

struct http_variable *
http_variable_use(struct conf *conf, const struct conf_word *word, struct str name)
{
    struct entry *entry = entry_of(conf, name);

    if (entry == NULL)
        return NULL;
    if (!entry->is_used && word != NULL)
        entry->word = *word;
    entry->is_used = true;
    return &entry->var;
}

/* "set" has not been there yet. */
static struct str
get_unset(struct http_request *req, const void *data, struct str rest)
{
    const struct http_variable *var = data;

    (void)rest;
    if (http_settings_for(req)->uninitialized_variable_warn)
        LOG(&req->log, WARN, 0, "using uninitialized \"%s\" variable", var->name);
    return STR("");
}

struct http_variable *
http_variable_define_name(struct conf *conf, const struct conf_word *word, struct str name)
{
    struct entry *entry = entry_of(conf, name);
    const struct http_variable *known;
    struct str rest = STR_NONE;

    if (entry == NULL)
        return NULL;
    if (entry->is_defined)
        return &entry->var;
    known = http_variable_find(conf->arena, name, &rest);
    if (known != NULL && rest.len == 0) {
        if (known->set == NULL) {
            conf_error(conf, word, "the duplicate \"%.*s\" variable", STR_ARG(name));
            conf_hint(conf, "weir itself gives it its value: choose another name");
            return NULL;
        }
        entry->var.get = known->get;
        entry->var.data = known->data;
        entry->var.set = known->set;
    } else {
        entry->var.get = get_unset;
        entry->var.data = &entry->var;
        entry->var.slot = ++http_of(conf)->value_count;
    }
    entry->is_defined = true;
    return &entry->var;
}

static bool
is_name(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_name_char(text.p[i]))
            return false;
    return text.len > 0;
}

struct http_variable *
http_variable_define(struct conf *conf, const struct conf_word *word,
                     struct str (*get)(struct http_request *req, const void *data, struct str rest),
                     const void *data, bool is_volatile)
{
    struct http_variable *var;

    if (word->text.len < 2 || word->text.p[0] != '$' || !is_name(str_from(word->text, 1))) {
        conf_error(conf, word, "invalid variable name \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "\"$\", then letters, digits and \"_\": $name");
        return NULL;
    }
    var = http_variable_define_name(conf, word, str_from(word->text, 1));
    if (var == NULL || get == NULL)
        return var;
    if (var->slot == 0) {
        conf_error(conf, word, "the duplicate \"%s\" variable", var->name);
        conf_hint(conf, "weir itself gives it its value: choose another name");
        return NULL;
    }
    var->get = get;
    var->data = data;
    var->is_volatile = is_volatile;
    return var;
}

/* ---- binding ------------------------------------------------------------------------------- */

struct binding {
    struct conf *conf;
    bool ok;
};

struct nearest {
    struct str name, best;
    unsigned distance;
};

static void
consider(struct nearest *nearest, const char *name)
{
    unsigned distance = str_distance(nearest->name, str_of(name), nearest->distance);

    if (distance < nearest->distance) {
        nearest->distance = distance;
        nearest->best = str_of(name);
    }
}

static bool
consider_entry(void *ctx, struct str key, void *value)
{
    const struct entry *entry = value;

    (void)key;
    if (entry->is_defined)
        consider(ctx, entry->var.name);
    return true;
}

static void
hint_nearest(struct conf *conf, struct str name)
{
    struct nearest nearest = { .name = name, .distance = (unsigned)MIN(name.len / 3 + 1, 3) };

    if (http_variable_is_nginxs(name)) {
        conf_hint(conf, "nginx has this variable, weir does not yet");
        return;
    }
    map_each(http_of(conf)->variables, consider_entry, &nearest);
    for (const struct http_variable *v = http_core_variables; v->name != NULL; v++)
        consider(&nearest, v->name);
    for (unsigned i = 0; http_modules[i] != NULL; i++)
        for (const struct http_variable *v = http_modules[i]->variables;
             v != NULL && v->name != NULL; v++)
            consider(&nearest, v->name);
    if (nearest.best.len > 0)
        conf_hint(conf, "did you mean \"$%.*s\"?", STR_ARG(nearest.best));
}

static bool
bind_entry(void *ctx, struct str key, void *value)
{
    struct binding *binding = ctx;
    struct conf *conf = binding->conf;
    struct entry *entry = value;
    const struct http_variable *known;
    struct str rest = STR_NONE;

    if (entry->is_defined)
        return true;
    known = http_variable_find(conf->arena, key, &rest);
    if (known == NULL) {
        binding->ok = conf_error(conf, entry->word.pos.file != NULL ? &entry->word : NULL,
                                 "unknown \"%.*s\" variable", STR_ARG(key));
        if (conf->errors <= HINTED_ERRORS)
            hint_nearest(conf, key);
        return true;
    }
    entry->var.get = known->get;
    entry->var.data = known->data;
    entry->var.set = known->set;
    entry->var.rest = rest;
    return true;
}

bool
http_variables_bind(struct conf *conf, struct http *http)
{
    struct binding binding = { conf, true };

    if (http->variables != NULL)
        map_each(http->variables, bind_entry, &binding);
    return binding.ok;
}

/* ---- values -------------------------------------------------------------------------------- */

static struct http_value *
value_of(struct http_request *req, const struct http_variable *var)
{
    if (req->values == NULL)
        req->values = ARENA_ARRAY(req->arena, struct http_value, req->server->http->value_count);
    return req->values != NULL ? &req->values[var->slot - 1] : NULL;
}

void
http_variable_set(struct http_request *req, const struct http_variable *var, struct str value)
{
    struct http_value *place;

    if (var->slot == 0)
        var->set(req, value);
    else if ((place = value_of(req, var)) != NULL)
        *place = (struct http_value){ .text = value, .is_known = true };
}

struct str
http_variable_slot_value(struct http_request *req, const struct http_variable *var)
{
    struct http_value *value = value_of(req, var);
    struct str text;

    if (value == NULL)
        return STR_NONE;
    if (value->is_known)
        return value->text;
    if (value->is_asked || req->variable_depth >= DEPTH_MAX) {
        LOG(&req->log, ERR, 0, "cycle while evaluating variable \"%s\"", var->name);
        return STR_NONE;
    }
    req->variable_depth++;
    value->is_asked = true;
    text = var->get(req, var->data, var->rest);
    value->is_asked = false;
    req->variable_depth--;
    if (!var->is_volatile)
        *value = (struct http_value){ .text = text, .is_known = true };
    return text;
}

struct str
http_variable_named(struct http_request *req, struct str name)
{
    const struct entry *entry = map_get(req->server->http->variables, name);
    const struct http_variable *var;
    struct str rest;

    if (entry != NULL)
        return http_variable_value(req, &entry->var);
    var = http_variable_find(req->arena, name, &rest);
    return var != NULL ? var->get(req, var->data, rest) : STR_NONE;
}

/* ---- compiling ----------------------------------------------------------------------------- */

typedef VEC(struct http_piece) piece_vec;

static bool
add_literal(struct conf *conf, piece_vec *pieces, struct str text)
{
    struct http_piece *last = pieces->len > 0 ? &pieces->items[pieces->len - 1] : NULL;

    if (text.len == 0)
        return true;
    if (last != NULL && last->var == NULL && last->literal.p + last->literal.len == text.p) {
        last->literal.len += text.len;
        return true;
    }
    if ((last = VEC_ADD(conf->arena, pieces)) == NULL)
        return conf_no_memory(conf);
    last->literal = text;
    return true;
}

static bool
add_variable(struct conf *conf, const struct conf_word *word, piece_vec *pieces, struct str name)
{
    const struct http_variable *var = http_variable_use(conf, word, name);
    struct http_piece *piece;

    if (var == NULL)
        return false;
    if ((piece = VEC_ADD(conf->arena, pieces)) == NULL)
        return conf_no_memory(conf);
    *piece = (struct http_piece){ .var = var };
    return true;
}

/* The name behind a "$" at `at`; *end is behind it. */
static struct str
variable_name(struct str s, size_t at, size_t *end, bool *unclosed)
{
    size_t start = at + 1;
    bool braces = start < s.len && s.p[start] == '{';
    struct str name;

    start += braces;
    *end = start;
    if (!braces && start < s.len && s.p[start] >= '1' && s.p[start] <= '9')
        *end = start + 1;       /* a capture: "$10" is $1 and a "0" */
    else
        while (*end < s.len && is_name_char(s.p[*end]))
            (*end)++;
    name = (struct str){ s.p + start, *end - start };
    *unclosed = braces && (*end >= s.len || s.p[*end] != '}');
    *end += braces;
    return name;
}

bool
http_text_compile(struct conf *conf, const struct conf_word *word, struct str source,
                  struct http_text *text)
{
    return http_text_compile_after(conf, word, 0, source, text);
}

/* Most texts have no variable, and some files have a million of them: no byte too many. */
static bool
compile_literal(struct conf *conf, struct str source, struct http_text *text)
{
    *text = (struct http_text){ .source = source };
    if (source.len == 0)
        return true;
    if ((text->pieces = ARENA_NEW(conf->arena, struct http_piece)) == NULL)
        return conf_no_memory(conf);
    text->pieces[0].literal = source;
    text->len = 1;
    return true;
}

/* The bytes of `whole` in front of `end` are compiled; those in front of `begin` are literal. */
struct part {
    struct str whole;
    size_t begin, end;
};

static bool
compile_part(struct conf *conf, const struct conf_word *word, const struct part *part,
             struct http_text *text)
{
    struct str source = { part->whole.p, part->end };
    piece_vec pieces = { 0 };
    size_t before = part->begin, at = before;

    if (!str_is_set(source))
        return conf_no_memory(conf);
    if (str_find(source, '$', before) < 0)
        return compile_literal(conf, source, text);
    if (!add_literal(conf, &pieces, (struct str){ source.p, before }))
        return false;
    while (at < source.len) {
        ptrdiff_t dollar = str_find(source, '$', at);
        size_t stop = dollar < 0 ? source.len : (size_t)dollar, end;
        bool unclosed;
        struct str name;

        if (!add_literal(conf, &pieces, (struct str){ source.p + at, stop - at }))
            return false;
        if (dollar < 0)
            break;
        if (conf_is_text(conf, word, part->whole, stop)) {
            if (!add_literal(conf, &pieces, (struct str){ source.p + stop, 1 }))
                return false;
            at = stop + 1;
            continue;
        }
        name = variable_name(source, stop, &end, &unclosed);
        if (unclosed)
            return conf_error(conf, word, "the closing bracket in \"%.*s\" variable is missing",
                              STR_ARG(name));
        if (name.len == 0)
            return conf_error(conf, word, "invalid variable name in \"%.*s\"", STR_ARG(source));
        if (!add_variable(conf, word, &pieces, name))
            return false;
        at = end;
    }
    *text = (struct http_text){ pieces.items, pieces.len, source };
    return true;
}

bool
http_text_compile_after(struct conf *conf, const struct conf_word *word, size_t before,
                        struct str source, struct http_text *text)
{
    return compile_part(conf, word, &(struct part){ source, before, source.len }, text);
}

bool
http_text_of_front(struct conf *conf, const struct conf_word *word, size_t len,
                   struct http_text *text)
{
    struct str whole = arena_str(conf->arena, word->text);

    return compile_part(conf, word, &(struct part){ whole, 0, len }, text);
}

bool
http_text_of_word(struct conf *conf, const struct conf_word *word, struct http_text *text)
{
    return http_text_of_front(conf, word, word->text.len, text);
}

bool
http_text_is_literal(const struct http_text *text)
{
    return text->len == 0 || (text->len == 1 && text->pieces[0].var == NULL);
}

struct str
http_text_eval(struct http_request *req, const struct http_text *text)
{
    struct writer w;

    if (http_text_is_literal(text))
        return str_is_set(text->source) ? text->source : STR("");
    if (text->len == 1) {
        struct str value = http_variable_value(req, text->pieces[0].var);

        return str_is_set(value) || arena_failed(req->arena) ? value : STR("");
    }
    w = writer_in(req->arena);
    for (uint32_t i = 0; i < text->len; i++) {
        const struct http_piece *piece = &text->pieces[i];

        write_str(&w, piece->var == NULL ? piece->literal
                                         : http_variable_value(req, piece->var));
    }
    return writer_str(&w);
}
