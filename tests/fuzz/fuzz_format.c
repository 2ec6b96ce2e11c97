/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format: whatever is good is laid out so that the server reads the same, and laying that out
 * changes nothing; whatever is not good has an error.
 */
#include "fuzz.h"

#include "conf/private.h"

#include "../unit/conf/toy.h"
#include "conf/format.h"

/* STR_NONE when it has errors. Never for the reason that the formatter does not trust itself. */
static struct str
formatted(struct arena *arena, struct str text)
{
    struct conf *conf = conf_create(arena, toy_modules, STR("/nonexistent/"));
    struct writer w = writer_in(arena), report = writer_in(arena);
    bool ok = conf_format(conf, STR("fuzz.conf"), text, &w);

    if (ok != (conf->errors == 0))
        abort();
    conf_report_to(conf, &report);
    if (str_starts(str_of(writer_cstr(&report)), STR("weir: [emerg] \"fuzz.conf\" cannot")))
        abort();
    conf_destroy(conf);
    return ok ? writer_str(&w) : STR_NONE;
}

static void
read_alike(struct arena *arena, struct str a, struct str b)
{
    const struct conf_file file[2] = { { .text = a }, { .text = b } };
    struct lexer lexer[2];
    struct conf_word word[2];
    enum token token;

    for (int i = 0; i < 2; i++)
        lexer_init(&lexer[i], arena, &file[i], file[i].text);
    do {
        token = lexer_next(&lexer[0], &word[0]);
        if (lexer_next(&lexer[1], &word[1]) != token)
            abort();
        if (token == TOKEN_WORD
            && (!str_eq(word[0].text, word[1].text) || word[0].quoted != word[1].quoted))
            abort();
    } while (token != TOKEN_END);
}

/* No line but one inside a word ends in a blank, none is blank at the start, end or twice. */
static void
is_tidy(struct str text)
{
    if (text.len == 0)
        return;
    if (text.p[0] == '\n' || text.p[text.len - 1] != '\n')
        abort();
    if (text.len > 1 && text.p[text.len - 2] == '\n')
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size }, once, twice;
    struct arena *arena = arena_create(4096, 0);

    once = formatted(arena, text);
    if (str_is_set(once)) {
        twice = formatted(arena, once);
        if (!str_is_set(twice) || !str_eq(once, twice))
            abort();
        read_alike(arena, text, once);
        is_tidy(once);
    }
    arena_destroy(arena);
    return 0;
}
