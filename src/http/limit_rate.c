/* SPDX-License-Identifier: BSD-2-Clause */
/* limit_rate: see limit_rate.h. */
#include "http/limit_rate.h"
#include "base/log.h"
#include "http/request.h"

bool
parse_size_text(struct conf *conf, const struct conf_node *node, void *field)
{
    struct size_text *size = field;
    const struct conf_word *word = &node->words[1];

    if (!http_text_compile(conf, word, arena_str(conf->arena, word->text), &size->text))
        return false;
    if (!http_text_is_literal(&size->text))
        return true;
    size->text.len = 0;
    return word_size(conf, word, word->text, &size->bytes);
}

uint64_t
size_text_eval(struct http_request *req, const struct size_text *size)
{
    uint64_t bytes = 0;
    struct str text;

    if (size->text.len == 0)
        return size->bytes;
    if (req->asks_rate)         /* $limit_rate may be one of its own variables */
        return 0;
    req->asks_rate = true;
    text = http_text_eval(req, &size->text);
    req->asks_rate = false;
    if (text.len > 0 && !size_parse(text, &bytes)) {
        LOG(&req->log, ERR, 0, "invalid size \"%.*s\"", STR_ARG(text));
        return 0;
    }
    return bytes;
}
