/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf: any text is read, applied to the toy tables of the unit tests and reported. Includes find
 * nothing: the folder does not exist, and texts that could lead out of it are passed over. The
 * environment holds what a value may have in it.
 */
#include "fuzz.h"

#include "../unit/conf/toy.h"

static const char *const environment[] = {
    "A=on", "B=a b;{}#\\\"'", "C=$x ${y} ${env:A} *?[", "D=", "E=\xff\xc3", "F=\n", NULL
};

/* A word and a copy of it agree on what is text. */
static void
walk_text(const struct conf *conf, const struct conf_word *word)
{
    struct str copy = arena_fmt(conf->scratch, "/$/%s", word->text.p);

    for (size_t at = 0; at < word->text.len && word->text.len < 100; at++)
        if (word->text.p[at] == '$'
            && conf_is_text(conf, word, word->text, at) != conf_is_text(conf, word, copy, at + 3))
            abort();
}

/* Each word ends with a NUL that its length does not count, and stands within the text. */
static void
walk(const struct conf *conf, const struct conf_node *node, size_t size)
{
    for (; node != NULL; node = node->next) {
        for (uint32_t i = 0; i < node->count; i++) {
            const struct conf_word *word = &node->words[i];

            if (word->text.p[word->text.len] != '\0'
                || (size_t)word->pos.offset + word->pos.len > size)
                abort();
            walk_text(conf, word);
        }
        walk(conf, node->children, size);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct arena *arena = arena_create(4096, 0);
    struct conf *conf = conf_create(arena, toy_modules, STR("/nonexistent/"));
    struct writer w = writer_in(arena);
    struct conf_scope *scope;
    bool is_read;

    if (memmem(data, size, "include", 7) != NULL && memchr(data, '/', size) != NULL)
        goto done;
    conf->environment = environment;
    toy_scope_count = 0;
    is_read = conf_read_text(conf, STR("fuzz.conf"), text);
    if (is_read != (conf->errors == 0))
        abort();
    scope = conf_apply(conf);
    if ((scope == NULL) != (conf->errors > 0))
        abort();
    for (unsigned i = 0; i < toy_scope_count; i++)
        walk(conf, toy_scopes[i].scope->node, size);
    conf_report_to(conf, &w);
    if (!w.ok || (conf->errors > 0) != (strstr(writer_cstr(&w), "weir: [emerg] ") != NULL))
        abort();

done:
    conf_destroy(conf);
    arena_destroy(arena);
    return 0;
}
