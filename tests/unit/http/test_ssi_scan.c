/* SPDX-License-Identifier: BSD-2-Clause */
/* ssi_scan: commands and text, cut at every place. */
#include "unit.h"
#include "http/ssi_scan.h"

#define S(text) STR_INIT(text)
#define N32 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define P5  " a='1' b='2' c='3' d='4' e='5'"

/* What is found: text as it is, {name parameter=value}, {!message} for what is malformed. */
static const struct { struct str in, out; } texts[] = {
    { S(""), S("") },
    { S("no command"), S("no command") },
    { S("<!--#a-->"), S("{a}") },
    { S("x<!--# a  b = \"c\"\r\n\td='e' -->y"), S("x{a b=c d=e}y") },
    { S("<!--#a b=\"'-->\" c='\"' -->"), S("{a b='--> c=\"}") },
    { S("<!--#a b=\"\\\"\\\\\" c='\\'' -->"), S("{a b=\\\"\\\\ c=\\'}") },
    { S("<!--#a b=\"\"-->"), S("{a b=}") },
    { S("<!--#a--><!--#b-->"), S("{a}{b}") },
    { S("<<!<!-<!--<!--#a-->"), S("<<!<!-<!--{a}") },
    { S("<!---#a--><!-- #a--><! --#a-->"), S("<!---#a--><!-- #a--><! --#a-->") },
    { S("a<"), S("a<") },
    { S("a<!--"), S("a<!--") },
    { S("a<!--#"), S("a...") },
    { S("a<!--#a b='c' --"), S("a...") },
    { S("a<!--#a b='c"), S("a...") },
    { S("<!--#-->x"), S("{}x") },
    { S("<!--# -->x"), S("{}x") },
    { S("<!--#" N32 "-->"), S("{" N32 "}") },
    { S("<!--#" N32 "n-->x"), S("{!the \"" N32 "...\" SSI command is too long}x") },
    { S("<!--#a " N32 "='1'-->"), S("{a " N32 "=1}") },
    { S("<!--#a " N32 "n='1'-->x"),
      S("{!too long \"" N32 "...\" parameter in \"a\" SSI command}x") },
    { S("<!--#a b='12345678'-->"), S("{a b=12345678}") },
    { S("<!--#a b='123456789'-->x"),
      S("{!too long value of \"b\" parameter, over 8 bytes, in \"a\" SSI command}x") },
    { S("<!--#a b='12345678-->x' -->"),
      S("{!too long value of \"b\" parameter, over 8 bytes, in \"a\" SSI command}x' -->") },
    { S("<!--#a" P5 P5 P5 " a='1'-->"),
      S("{a a=1 b=2 c=3 d=4 e=5 a=1 b=2 c=3 d=4 e=5 a=1 b=2 c=3 d=4 e=5 a=1}") },
    { S("<!--#a" P5 P5 P5 " a='1' b='2'-->x"), S("{!too many SSI command parameters: \"a\"}x") },
    { S("<!--#a b=c -->x"),
      S("{!unexpected \"c\" symbol before value of \"b\" parameter in \"a\" SSI command}x") },
    { S("<!--#a b-->x"),
      S("{!unexpected \"-\" symbol after \"b\" parameter in \"a\" SSI command}x") },
    { S("<!--#a b 'c' -->x"),
      S("{!unexpected \"'\" symbol after \"b\" parameter in \"a\" SSI command}x") },
    { S("<!--#a b='1'c='2'-->x"),
      S("{!unexpected \"c\" symbol after \"1\" value of \"b\" parameter in \"a\" SSI command}x") },
    { S("<!--#a -- >-->x"), S("{!unexpected \" \" symbol in \"a\" SSI command}x") },
    { S("<!--#a - -->x"), S("{!unexpected \" \" symbol in \"a\" SSI command}x") },
    { S("<!--#a --->x"), S("{!unexpected \"-\" symbol in \"a\" SSI command}x") },
    { S("<!--#a b - - --> --->x"),
      S("{!unexpected \"-\" symbol after \"b\" parameter in \"a\" SSI command} --->x") },
    { S("<!--#a b=c d='-->' -->x"),
      S("{!unexpected \"c\" symbol before value of \"b\" parameter in \"a\" SSI command}' -->x") },
};

static void
write_command(struct writer *w, const struct ssi_scan *scan)
{
    write_char(w, '{');
    if (scan->wrong != SSI_SOUND) {
        write_char(w, '!');
        ssi_scan_tell(scan, w);
    } else {
        write_str(w, ssi_scan_name(scan));
        for (uint32_t i = 0; i < scan->count; i++) {
            struct ssi_param param = ssi_scan_param(scan, i);

            write_fmt(w, " %.*s=%.*s", STR_ARG(param.name), STR_ARG(param.value));
        }
    }
    write_char(w, '}');
}

struct run {
    struct ssi_scan scan;
    struct arena *arena;
    struct writer w;
    char out[2000];
};

static void
begin(struct run *run)
{
    run->arena = arena_create(256, 0);
    run->w = writer_at(run->out, sizeof(run->out));
    ssi_scan_begin(&run->scan, run->arena, 8);
}

static void
feed(struct run *run, struct str piece)
{
    char *copy = malloc(piece.len + (piece.len == 0));      /* so that ASan sees its end */
    struct str in = { copy, piece.len }, text;

    memcpy(copy, piece.len > 0 ? piece.p : "", piece.len);
    for (;;) {
        enum ssi_found found = ssi_scan_next(&run->scan, &in, &text);

        if (found == SSI_MORE)
            break;
        if (found == SSI_TEXT) {
            ck_assert_uint_gt(text.len, 0);
            write_str(&run->w, text);
            continue;
        }
        write_command(&run->w, &run->scan);
        arena_reset(run->arena);
    }
    ck_assert_uint_eq(in.len, 0);
    free(copy);
}

static void
finish(struct run *run, struct str wanted)
{
    bool unfinished;

    write_str(&run->w, ssi_scan_end(&run->scan, &unfinished));
    if (unfinished)
        write_str(&run->w, STR("..."));
    ck_assert(run->w.ok);
    ck_assert_msg(str_eq(writer_str(&run->w), wanted), "\"%.*s\" and not \"%.*s\"",
                  (int)(run->w.p - run->w.start), run->out, STR_ARG(wanted));
    arena_destroy(run->arena);
}

START_TEST(commands_are_found_however_the_text_is_cut)
{
    struct str in = texts[_i].in;
    struct run run;

    for (size_t first = 0; first <= in.len; first++)
        for (size_t second = first; second <= in.len; second += 1 + in.len / 50) {
            begin(&run);
            feed(&run, (struct str){ in.p, first });
            feed(&run, (struct str){ in.p + first, second - first });
            feed(&run, str_from(in, second));
            finish(&run, texts[_i].out);
        }
}
END_TEST

START_TEST(commands_are_found_byte_by_byte)
{
    struct run run;

    begin(&run);
    for (size_t i = 0; i < texts[_i].in.len; i++)
        feed(&run, (struct str){ texts[_i].in.p + i, 1 });
    finish(&run, texts[_i].out);
}
END_TEST

START_TEST(values_that_memory_has_no_room_for_are_wrong)
{
    struct arena *arena = arena_create(64, 64);
    struct ssi_scan scan;
    struct str in = STR("<!--#a b='0123456789012345678901234567890123456789"
                        "0123456789012345678901234567890123456789' -->"), text;

    ssi_scan_begin(&scan, arena, 1000);
    ck_assert_int_eq(ssi_scan_next(&scan, &in, &text), SSI_COMMAND);
    ck_assert_int_eq(scan.wrong, SSI_NO_MEMORY);
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/ssi_scan");

    unit_add(suite, commands_are_found_however_the_text_is_cut, ARRAY_LEN(texts));
    unit_add(suite, commands_are_found_byte_by_byte, ARRAY_LEN(texts));
    unit_add(suite, values_that_memory_has_no_room_for_are_wrong, 1);
    return unit_run(suite);
}
