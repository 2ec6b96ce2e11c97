/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/private.h"
#include "unit.h"

/* One line for each token: word as <text>, others as they are; "Q" behind a quoted one. */
static const char *
tokens_of(struct arena *arena, struct str text)
{
    struct conf_file file = { .text = text };
    struct lexer lexer;
    struct writer w = writer_in(arena);
    struct conf_word word;
    enum token token;

    lexer_init(&lexer, arena, &file, text);
    do {
        token = lexer_next(&lexer, &word);
        switch (token) {
        case TOKEN_WORD:
            ck_assert_uint_eq(word.text.p[word.text.len], '\0');
            write_fmt(&w, "<%.*s>%s", STR_ARG(word.text), word.quoted ? "Q" : "");
            break;
        case TOKEN_SEMICOLON: write_char(&w, ';');           break;
        case TOKEN_OPEN:      write_char(&w, '{');           break;
        case TOKEN_CLOSE:     write_char(&w, '}');           break;
        case TOKEN_GLUED:     write_str(&w, STR("GLUED"));   break;
        case TOKEN_UNCLOSED:  write_str(&w, STR("UNCLOSED")); break;
        case TOKEN_NUL:       write_str(&w, STR("NUL"));     break;
        case TOKEN_NO_MEMORY: write_str(&w, STR("MEMORY"));  break;
        case TOKEN_END:                                      break;
        }
    } while (token != TOKEN_END && token != TOKEN_UNCLOSED && token != TOKEN_NUL
             && token != TOKEN_NO_MEMORY);
    return writer_cstr(&w);
}

static const struct { struct str text; const char *tokens; } texts[] = {
    { STR_INIT(""), "" },
    { STR_INIT(" \t\r\n"), "" },
    { STR_INIT("a b;"), "<a><b>;" },
    { STR_INIT("a\tb\r\n;\r\n"), "<a><b>;" },
    { STR_INIT("a{b;}"), "<a>{<b>;}" },
    { STR_INIT("a;b"), "<a>;<b>" },
    { STR_INIT("\xEF\xBB\xBF" "a;"), "<a>;" },                  /* a BOM */
    { STR_INIT("a\xEF\xBB\xBF;"), "<a\xEF\xBB\xBF>;" },         /* and what is none */
    /* comments */
    { STR_INIT("# c ; { } \" '\na;"), "<a>;" },
    { STR_INIT("a#b;"), "<a#b>;" },
    { STR_INIT("a #b;\n;"), "<a>;" },
    { STR_INIT("#"), "" },
    { STR_INIT("#\r\na"), "<a>" },
    /* quotes */
    { STR_INIT("\"a b;{}#\";"), "<a b;{}#>Q;" },
    { STR_INIT("'a \"b\"' \"c 'd'\";"), "<a \"b\">Q<c 'd'>Q;" },
    { STR_INIT("\"\" '';"), "<>Q<>Q;" },
    { STR_INIT("\"a\nb\"{"), "<a\nb>Q{" },
    { STR_INIT("a\"b\"c;"), "<a\"b\"c>;" },                     /* literal inside a word */
    { STR_INIT("a=\"b c\";"), "<a=\"b><c\">;" },
    { STR_INIT("(\"a\")"), "<(\"a\")>" },
    { STR_INIT("( \"a\")"), "<(><a>Q<)>" },                     /* if ($x = "a") */
    { STR_INIT("\"a\"b"), "<a>QGLUED<b>" },
    { STR_INIT("\"a\"\"b\""), "<a>QGLUED<b>Q" },
    { STR_INIT("\"a\"#b"), "<a>QGLUED" },
    { STR_INIT("\"a\"}"), "<a>Q}" },
    { STR_INIT("\"a"), "UNCLOSED" },
    { STR_INIT("b 'a\\'"), "<b>UNCLOSED" },
    /* escapes */
    { STR_INIT("\"\\\"\\'\\\\\""), "<\"'\\>Q" },
    { STR_INIT("\\\"a\\'"), "<\"a'>" },
    { STR_INIT("a\\tb\\rc\\nd"), "<a\tb\rc\nd>" },
    { STR_INIT("'\\t'"), "<\t>Q" },
    { STR_INIT("a\\;b\\{c\\}d\\ e;"), "<a\\;b\\{c\\}d\\ e>;" },
    { STR_INIT("\\#a"), "<\\#a>" },
    { STR_INIT("\\.php$ '\\.php$';"), "<\\.php$><\\.php$>Q;" },
    { STR_INIT("^/(\\d+)\\w\\b$;"), "<^/(\\d+)\\w\\b$>;" },
    { STR_INIT("a\\\nb;"), "<a\\\nb>;" },
    { STR_INIT("a\\"), "<a\\>" },
    { STR_INIT("\\\\\\\\;"), "<\\\\>;" },
    /* variables */
    { STR_INIT("${a}b;"), "<${a}b>;" },
    { STR_INIT("/x${a}{"), "</x${a}>{" },
    { STR_INIT("$a{"), "<$a>{" },
    { STR_INIT("$${a}$;"), "<$${a}$>;" },
    { STR_INIT("a$"), "<a$>" },
    { STR_INIT("\"${a}\";"), "<${a}>Q;" },
    /* braces */
    { STR_INIT("a}b;"), "<a}b>;" },
    { STR_INIT("a }b;"), "<a>}<b>;" },
    { STR_INIT("{}"), "{}" },
    { STR_INIT("};"), "};" },
    /* bytes */
    { STR_INIT("\xc3\xa9 \xff\x01;"), "<\xc3\xa9><\xff\x01>;" },
    { STR_INIT("a\0b;"), "<a>NUL" },
    { STR_INIT("'a\0b';"), "NUL" },
    { STR_INIT("#a\0b\n;"), "NUL" },
    { STR_INIT("a\\\0b"), "<a\\>NUL" },
};

START_TEST(text_becomes_tokens)
{
    struct arena *arena = arena_create(4096, 0);

    ck_assert_str_eq(tokens_of(arena, texts[_i].text), texts[_i].tokens);
    arena_destroy(arena);
}
END_TEST

/* The place of the last token. */
static const struct {
    struct str text;
    uint32_t line, column, len, offset;
} places[] = {
    { STR_INIT("abc;"), 1, 4, 1, 3 },
    { STR_INIT("\n\n  {"), 3, 3, 1, 4 },
    { STR_INIT("a\r\n\tb}"), 2, 2, 2, 4 },
    { STR_INIT("# x\nabc d"), 2, 5, 1, 8 },
    { STR_INIT("\xEF\xBB\xBFuser"), 1, 1, 4, 3 },
    { STR_INIT("'a b' \"c\""), 1, 7, 3, 6 },
    { STR_INIT("'a\nb' c"), 2, 4, 1, 6 },
    { STR_INIT("a\\\nb ;"), 2, 3, 1, 5 },
    { STR_INIT("x \"a\nb\" \"unclosed\n\n"), 2, 4, 1, 8 },
};

START_TEST(words_know_their_place)
{
    struct arena *arena = arena_create(4096, 0);
    struct conf_file file = { .text = places[_i].text };
    struct lexer lexer;
    struct conf_word word = { .quoted = false };
    struct conf_pos last = { .file = NULL };
    enum token token;

    lexer_init(&lexer, arena, &file, file.text);
    do {
        token = lexer_next(&lexer, &word);
        if (token != TOKEN_END)
            last = word.pos;
    } while (token != TOKEN_END && token != TOKEN_UNCLOSED);
    ck_assert_uint_eq(last.line, places[_i].line);
    ck_assert_uint_eq(last.column, places[_i].column);
    ck_assert_uint_eq(last.len, places[_i].len);
    ck_assert_uint_eq(last.offset, places[_i].offset);
    arena_destroy(arena);
}
END_TEST

START_TEST(words_of_no_file_stand_nowhere)
{
    struct arena *arena = arena_create(4096, 0);
    struct lexer lexer;
    struct conf_word word;

    lexer_init(&lexer, arena, NULL, STR("4 8k"));
    ck_assert_int_eq(lexer_next(&lexer, &word), TOKEN_WORD);
    ck_assert_ptr_null(word.pos.file);
    ck_assert_uint_eq(word.pos.len, 0);
    arena_destroy(arena);
}
END_TEST

START_TEST(short_memory_is_a_token)
{
    struct arena *arena = arena_create(4096, 4096);
    struct lexer lexer;
    struct conf_word word;

    while (arena_alloc(arena, 64) != NULL)
        continue;
    lexer_init(&lexer, arena, NULL, STR("a"));
    ck_assert_int_eq(lexer_next(&lexer, &word), TOKEN_NO_MEMORY);
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("conf/lexer");

    unit_add(suite, text_becomes_tokens, ARRAY_LEN(texts));
    unit_add(suite, words_know_their_place, ARRAY_LEN(places));
    unit_add(suite, words_of_no_file_stand_nowhere, 1);
    unit_add(suite, short_memory_is_a_token, 1);
    return unit_run(suite);
}
