/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/log_format.h"
#include "base/compiler.h"
#include "base/vec.h"
#include "base/writer.h"

static const struct {
    struct str name, text;
    enum log_escape escape;
} own_formats[] = {
    { STR_INIT("combined"),
      STR_INIT("$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
               "\"$http_referer\" \"$http_user_agent\""), ESCAPE_DEFAULT },
    { STR_INIT("json"),
      STR_INIT("{\"time\":\"$time_iso8601\",\"remote_addr\":\"$remote_addr\","
               "\"remote_user\":\"$remote_user\",\"method\":\"$request_method\","
               "\"uri\":\"$request_uri\",\"protocol\":\"$server_protocol\",\"status\":$status,"
               "\"bytes\":$body_bytes_sent,\"request_length\":$request_length,"
               "\"request_time\":$request_time,\"referer\":\"$http_referer\","
               "\"user_agent\":\"$http_user_agent\",\"host\":\"$host\","
               "\"server_name\":\"$server_name\",\"connection\":$connection,"
               "\"request_id\":\"$request_id\"}"), ESCAPE_JSON },
};

/* ---- reading ------------------------------------------------------------------------------- */

typedef VEC(struct http_piece) piece_vec;

static bool
read_escape(struct conf *conf, const struct conf_word *word, enum log_escape *escape)
{
    struct str value = str_from(word->text, sizeof("escape=") - 1);

    if (str_eq(value, STR("default")))
        *escape = ESCAPE_DEFAULT;
    else if (str_eq(value, STR("json")))
        *escape = ESCAPE_JSON;
    else if (str_eq(value, STR("none")))
        *escape = ESCAPE_NONE;
    else {
        conf_error(conf, word, "unknown log format escaping \"%.*s\"", STR_ARG(value));
        conf_hint(conf, "one of default, json, none");
        return false;
    }
    return true;
}

/* A variable's name ends with its word. */
static bool
add_word(struct conf *conf, const struct conf_word *word, piece_vec *pieces)
{
    struct http_text text;

    if (!http_text_of_word(conf, word, &text))
        return false;
    for (uint32_t i = 0; i < text.len; i++) {
        struct http_piece *piece = VEC_ADD(conf->arena, pieces);

        if (piece == NULL)
            return conf_no_memory(conf);
        *piece = text.pieces[i];
    }
    return true;
}

bool
log_format_read(struct conf *conf, const struct conf_node *node, struct log_format *format)
{
    piece_vec pieces = { 0 };
    uint32_t i = 2;

    format->name = arena_str(conf->arena, node->words[1].text);
    if (str_starts(node->words[i].text, STR("escape="))
        && !read_escape(conf, &node->words[i++], &format->escape))
        return false;
    for (; i < node->count; i++)
        if (!add_word(conf, &node->words[i], &pieces))
            return false;
    format->text = (struct http_text){ .pieces = pieces.items, .len = pieces.len };
    return true;
}

bool
log_format_make_own(struct conf *conf, struct str name, struct log_format *format)
{
    for (size_t i = 0; i < ARRAY_LEN(own_formats); i++) {
        if (!str_eq(own_formats[i].name, name))
            continue;
        *format = (struct log_format){ .name = own_formats[i].name,
            .escape = own_formats[i].escape, .is_own = true };
        return http_text_compile(conf, NULL, own_formats[i].text, &format->text);
    }
    return false;
}

/* ---- a line -------------------------------------------------------------------------------- */

static inline void
write_value(struct writer *w, struct str value, enum log_escape escape)
{
    switch (escape) {
    case ESCAPE_DEFAULT:
        if (!str_is_set(value))
            write_char(w, '-');
        else
            write_log_escaped(w, value);
        return;
    case ESCAPE_JSON:
        write_json(w, value);
        return;
    case ESCAPE_NONE:
        write_str(w, value);
        return;
    }
}

/* A number of JSON has no zeros in front: the status of a request that got none is 000. */
static struct str
without_zeros(struct str number)
{
    while (number.len > 1 && number.p[0] == '0' && number.p[1] != '.')
        number = str_from(number, 1);
    return number.len > 0 ? number : STR("0");
}

/* A kind of its own for each way to escape, so that no piece asks for it. */
static inline void
write_pieces(struct writer *w, struct http_request *req, const struct http_text *text,
             enum log_escape escape)
{
    for (uint32_t i = 0; i < text->len; i++) {
        const struct http_piece *piece = &text->pieces[i];

        if (piece->var == NULL)
            write_str(w, piece->literal);
        else
            write_value(w, http_variable_value(req, piece->var), escape);
    }
}

/* What stands behind a colon is a number, all else is within quotes. */
static void
write_own_json(struct writer *w, struct http_request *req, const struct http_text *text)
{
    for (uint32_t i = 0; i < text->len; i++) {
        const struct http_piece *piece = &text->pieces[i];

        if (piece->var == NULL)
            write_str(w, piece->literal);
        else if (w->p > w->start && w->p[-1] == ':')
            write_str(w, without_zeros(http_variable_value(req, piece->var)));
        else
            write_json(w, http_variable_value(req, piece->var));
    }
}

void
log_format_write(struct writer *w, struct http_request *req, const struct log_format *format)
{
    switch (format->escape) {
    case ESCAPE_DEFAULT:
        write_pieces(w, req, &format->text, ESCAPE_DEFAULT);
        break;
    case ESCAPE_JSON:
        if (format->is_own)
            write_own_json(w, req, &format->text);
        else
            write_pieces(w, req, &format->text, ESCAPE_JSON);
        break;
    case ESCAPE_NONE:
        write_pieces(w, req, &format->text, ESCAPE_NONE);
        break;
    }
    write_char(w, '\n');
}
