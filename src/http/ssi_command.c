/* SPDX-License-Identifier: BSD-2-Clause */
/* ssi_command: see ssi_command.h. */
#include "http/ssi_command.h"
#include "base/compiler.h"

#define PARAM(name) (1u << SSI_PARAM_##name)

static const struct {
    struct str name;
    uint32_t may, must;         /* parameters, bits by enum ssi_param_kind */
} commands[] = {
    [SSI_BLOCK] = { STR_INIT("block"), PARAM(NAME), PARAM(NAME) },
    [SSI_CONFIG] = { STR_INIT("config"), PARAM(ERRMSG) | PARAM(TIMEFMT), 0 },
    [SSI_ECHO] = { STR_INIT("echo"), PARAM(VAR) | PARAM(DEFAULT) | PARAM(ENCODING), PARAM(VAR) },
    [SSI_ELIF] = { STR_INIT("elif"), PARAM(EXPR), PARAM(EXPR) },
    [SSI_ELSE] = { STR_INIT("else"), 0, 0 },
    [SSI_ENDBLOCK] = { STR_INIT("endblock"), 0, 0 },
    [SSI_ENDIF] = { STR_INIT("endif"), 0, 0 },
    [SSI_IF] = { STR_INIT("if"), PARAM(EXPR), PARAM(EXPR) },
    [SSI_INCLUDE] = { STR_INIT("include"), PARAM(VIRTUAL) | PARAM(FILE) | PARAM(WAIT) | PARAM(SET)
                      | PARAM(STUB), 0 },
    [SSI_SET] = { STR_INIT("set"), PARAM(VAR) | PARAM(VALUE), PARAM(VAR) | PARAM(VALUE) },
};

static const struct str params[] = {
    [SSI_PARAM_DEFAULT] = STR_INIT("default"),
    [SSI_PARAM_ENCODING] = STR_INIT("encoding"),
    [SSI_PARAM_ERRMSG] = STR_INIT("errmsg"),
    [SSI_PARAM_EXPR] = STR_INIT("expr"),
    [SSI_PARAM_FILE] = STR_INIT("file"),
    [SSI_PARAM_NAME] = STR_INIT("name"),
    [SSI_PARAM_SET] = STR_INIT("set"),
    [SSI_PARAM_STUB] = STR_INIT("stub"),
    [SSI_PARAM_TIMEFMT] = STR_INIT("timefmt"),
    [SSI_PARAM_VALUE] = STR_INIT("value"),
    [SSI_PARAM_VAR] = STR_INIT("var"),
    [SSI_PARAM_VIRTUAL] = STR_INIT("virtual"),
    [SSI_PARAM_WAIT] = STR_INIT("wait"),
};

/* ---- commands ------------------------------------------------------------------------------ */

bool
ssi_command_kind(const struct ssi_scan *scan, enum ssi_kind *kind, struct writer *told)
{
    struct str name = ssi_scan_name(scan);

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_eq(commands[i].name, name)) {
            *kind = (enum ssi_kind)i;
            return true;
        }
    write_fmt(told, "invalid SSI command: \"%.*s\"", STR_ARG(name));
    return false;
}

/* -1: the command takes none of that name. */
static int
param_kind(enum ssi_kind kind, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        if ((commands[kind].may >> i & 1) != 0 && str_eq(params[i], name))
            return (int)i;
    return -1;
}

static bool
is_complete(const struct ssi_command *command, struct writer *told)
{
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        if ((commands[command->kind].must >> i & 1) != 0 && !str_is_set(command->params[i])) {
            write_fmt(told, "mandatory \"%.*s\" parameter is absent in \"%.*s\" SSI command",
                      STR_ARG(params[i]), STR_ARG(commands[command->kind].name));
            return false;
        }
    return true;
}

bool
ssi_command_read(const struct ssi_scan *scan, enum ssi_kind kind, struct ssi_command *command,
                 struct writer *told)
{
    *command = (struct ssi_command){ .kind = kind };
    for (uint32_t i = 0; i < scan->count; i++) {
        struct ssi_param param = ssi_scan_param(scan, i);
        int which = param_kind(kind, param.name);

        if (which < 0) {
            write_fmt(told, "invalid parameter name: \"%.*s\" in \"%.*s\" SSI command",
                      STR_ARG(param.name), STR_ARG(commands[kind].name));
            return false;
        }
        if (str_is_set(command->params[which])) {
            write_fmt(told, "duplicate \"%.*s\" parameter in \"%.*s\" SSI command",
                      STR_ARG(param.name), STR_ARG(commands[kind].name));
            return false;
        }
        command->params[which] = param.value;
    }
    return is_complete(command, told);
}

/* ---- texts --------------------------------------------------------------------------------- */

static bool
is_name_byte(char c)
{
    c = ascii_lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Takes "$name" or "${name}" off *text, which begins with "$". False after it was told. */
static bool
take_name(struct str whole, struct str *text, struct str *name, struct writer *told)
{
    struct str rest = str_from(*text, 1);
    bool braces = str_starts(rest, STR("{"));
    size_t n = 0;

    rest = str_from(rest, braces);
    while (n < rest.len && is_name_byte(rest.p[n]))
        n++;
    *name = (struct str){ rest.p, n };
    rest = str_from(rest, n);
    if (braces && !str_starts(rest, STR("}"))) {
        write_fmt(told, "the closing bracket in \"%.*s\" variable is missing", STR_ARG(*name));
        return false;
    }
    if (n == 0) {
        write_fmt(told, "invalid variable name in \"%.*s\"", STR_ARG(whole));
        return false;
    }
    *text = str_from(rest, braces);
    return true;
}

/* Takes the bytes that stand for themselves off *text. */
static void
write_plain(struct writer *w, struct str *text)
{
    size_t n = 0;

    if (text->len >= 2 && text->p[0] == '\\' && strchr("$\\\"'", text->p[1]) != NULL
        && text->p[1] != '\0') {
        write_char(w, text->p[1]);
        *text = str_from(*text, 2);
        return;
    }
    do
        n++;
    while (n < text->len && text->p[n] != '$' && text->p[n] != '\\');
    write_bytes(w, text->p, n);
    *text = str_from(*text, n);
}

struct str
ssi_expand(struct arena *arena, struct str text, size_t most, ssi_lookup *lookup, void *ctx,
           struct writer *told)
{
    struct writer w = writer_in(arena);
    struct str whole = text, name;

    while (text.len > 0) {
        if (text.p[0] != '$') {
            write_plain(&w, &text);
        } else if (take_name(whole, &text, &name, told)) {
            struct str value = lookup(ctx, name);

            if (value.len <= most)
                write_str(&w, value);
            else
                w.ok = false;
        } else {
            return STR_NONE;
        }
        if (!w.ok || (size_t)(w.p - w.start) > most) {
            write_fmt(told, "the value of \"%.*s\" would have more than %zu bytes", STR_ARG(whole),
                      most);
            return STR_NONE;
        }
    }
    return w.p == w.start ? STR("") : writer_str(&w);
}

void
ssi_write_url(struct writer *w, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";
    static const struct str kept = STR_INIT("!$&()*+,-./:;=?@[]~");

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (is_name_byte((char)c) || str_find(kept, (char)c, 0) >= 0) {
            write_char(w, (char)c);
            continue;
        }
        write_char(w, '%');
        write_char(w, digits[c >> 4]);
        write_char(w, digits[c & 15]);
    }
}

/* ---- expressions --------------------------------------------------------------------------- */

static struct str
skip_spaces(struct str s)
{
    size_t n = 0;

    while (n < s.len && s.p[n] == ' ')
        n++;
    return str_from(s, n);
}

bool
ssi_expression_read(struct str text, struct ssi_expression *e)
{
    size_t n = 0;

    while (n < text.len && (is_name_byte(text.p[n]) || text.p[n] == '$' || text.p[n] == '{'
                            || text.p[n] == '}'))
        n++;
    *e = (struct ssi_expression){ .test = SSI_IS_TRUE, .left = { text.p, n } };
    text = skip_spaces(str_from(text, n));
    if (text.len == 0)
        return true;
    e->is_negated = text.p[0] == '!';
    text = str_from(text, e->is_negated);
    if (!str_starts(text, STR("=")))
        return false;
    text = skip_spaces(str_from(text, 1));
    e->test = SSI_IS_EQUAL;
    e->right = text;
    if (text.len < 2 || text.p[0] != '/')
        return true;
    e->test = SSI_MATCHES;
    e->right = (struct str){ text.p + 1, text.len - 2 };
    return text.p[text.len - 1] == '/';
}
