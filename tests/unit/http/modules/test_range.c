/* SPDX-License-Identifier: BSD-2-Clause */
/* range: parts of a body in memory, whole lists and single ones, with memory for some of it alone. */
#include "unit.h"
#include "http/module.h"
#include "http/settings.h"
#include <stdio.h>
#include <string.h>

#define S(text) STR_INIT(text)

enum { SIZE = 25 };
static const struct str whole = S("0123456789abcdefghijABCDE");

static const struct http_module *range;     /* NULL: it is not compiled in */
static struct location_settings settings;
static struct http_location place = { .settings = &settings };
static struct http_request req;
static struct body_part parts[3];

/* The answer of a handler: SIZE bytes in one part, or in three. */
static void
start(size_t limit, bool in_parts)
{
    static struct log nothing = { .level = LEVEL_EMERG };

    settings = (struct location_settings){ .max_ranges = UINT32_MAX };
    req = (struct http_request){ .location = &place, .method = METHOD_GET };
    req.arena = arena_create(4096, limit);
    ck_assert_ptr_nonnull(req.arena);
    req.log.log = &nothing;
    http_response_reset(&req.response, HTTP_OK);
    http_body_memory(&req.response, whole.p, whole.len);
    req.response.accept_ranges = true;
    req.response.content_type = STR("text/x");
    if (!in_parts)
        return;
    parts[0] = (struct body_part){ .kind = PART_MEMORY, .p = whole.p, .len = 10, .next = &parts[1] };
    parts[1] = (struct body_part){ .kind = PART_MEMORY, .p = whole.p + 10, .len = 10,
                                   .next = &parts[2] };
    parts[2] = (struct body_part){ .kind = PART_MEMORY, .p = whole.p + 20, .len = 5 };
    req.response.body = &parts[0];
}

static void
end(void)
{
    arena_destroy(req.arena);
}

static enum http_next
ask(struct str field)
{
    req.known[FIELD_RANGE] = field;
    return range->filter(&req, NULL);
}

static struct str
body(void)
{
    static char bytes[1024];
    size_t len = 0;

    for (const struct body_part *part = req.response.body; part != NULL; part = part->next) {
        ck_assert_int_eq(part->kind, PART_MEMORY);
        ck_assert_uint_le(len + part->len, sizeof(bytes));
        memcpy(bytes + len, part->p, part->len);
        len += part->len;
    }
    return (struct str){ bytes, len };
}

static void
assert_str(struct str got, struct str want)
{
    ck_assert_msg(str_eq(got, want), "\"%.*s\" instead of \"%.*s\"", STR_ARG(got), STR_ARG(want));
}

static void
assert_body(struct str want)
{
    assert_str(body(), want);
    ck_assert_int_eq(req.response.content_length, (int64_t)want.len);
}

/* The multipart body that the two ranges of a list make. */
static struct str
two_parts(struct str first, const char *first_range, struct str second, const char *second_range)
{
    static const struct str type = S("multipart/byteranges; boundary=");
    static char bytes[1024];
    struct str boundary = str_from(req.response.content_type, type.len);
    int len;

    ck_assert(str_starts(req.response.content_type, type));
    ck_assert_uint_eq(boundary.len, 20);
    len = snprintf(bytes, sizeof(bytes),
                   "\r\n--%.*s\r\nContent-Type: text/x\r\nContent-Range: bytes %s\r\n\r\n%.*s"
                   "\r\n--%.*s\r\nContent-Type: text/x\r\nContent-Range: bytes %s\r\n\r\n%.*s"
                   "\r\n--%.*s--\r\n",
                   STR_ARG(boundary), first_range, STR_ARG(first), STR_ARG(boundary), second_range,
                   STR_ARG(second), STR_ARG(boundary));
    return (struct str){ bytes, (size_t)len };
}

static const struct { struct str field, content_range, body; } singles[] = {
    { S("bytes=0-24"), S("bytes 0-24/25"), S("0123456789abcdefghijABCDE") },
    { S("bytes=0-9"), S("bytes 0-9/25"), S("0123456789") },         /* just a part of three */
    { S("bytes=9-10"), S("bytes 9-10/25"), S("9a") },
    { S("bytes=10-19"), S("bytes 10-19/25"), S("abcdefghij") },
    { S("bytes=8-21"), S("bytes 8-21/25"), S("89abcdefghijAB") },   /* of all three */
    { S("bytes=-1"), S("bytes 24-24/25"), S("E") },
    { S("bytes=24-"), S("bytes 24-24/25"), S("E") },
};

START_TEST(range_is_cut_out_of_one_part_and_of_three)
{
    for (int in_parts = 0; in_parts < 2; in_parts++) {
        start(0, in_parts);
        ck_assert_int_eq(ask(singles[_i].field), HTTP_PASS);
        ck_assert_uint_eq(req.response.status, HTTP_PARTIAL_CONTENT);
        ck_assert_uint_eq(req.response.fields_len, 1);
        assert_str(req.response.fields[0].name, STR("Content-Range"));
        assert_str(req.response.fields[0].value, singles[_i].content_range);
        assert_body(singles[_i].body);
        end();
    }
}
END_TEST

START_TEST(ranges_are_cut_out_of_one_part_and_of_three)
{
    for (int in_parts = 0; in_parts < 2; in_parts++) {
        start(0, in_parts);
        ck_assert_int_eq(ask(STR("bytes=22-,8-10")), HTTP_PASS);
        ck_assert_uint_eq(req.response.status, HTTP_PARTIAL_CONTENT);
        assert_body(two_parts(STR("CDE"), "22-24/25", STR("89a"), "8-10/25"));
        end();
    }
}
END_TEST

START_TEST(range_of_a_file_begins_at_its_offset)
{
    start(0, false);
    http_body_file(&req.response, 7, 100, SIZE);
    ck_assert_int_eq(ask(STR("bytes=5-6")), HTTP_PASS);
    ck_assert_int_eq(req.response.body->fd, 7);
    ck_assert_int_eq(req.response.body->offset, 105);
    ck_assert_uint_eq(req.response.body->len, 2);
    end();
}
END_TEST

START_TEST(type_that_is_not_known_is_not_told)
{
    start(0, false);
    req.response.content_type = STR_NONE;
    ck_assert_int_eq(ask(STR("bytes=0-0,2-2")), HTTP_PASS);
    ck_assert_ptr_null(memmem(body().p, body().len, "Content-Type", 12));
    end();
}
END_TEST

/* What keeps an answer whole. */
static void not_ok(void)         { req.response.status = HTTP_NOT_FOUND; }
static void no_ranges(void)      { req.response.accept_ranges = false; }
static void of_no_length(void)   { req.response.content_length = -1; }
static void empty(void)          { req.response.content_length = 0; }
static void for_post(void)       { req.method = METHOD_POST; }
static void of_another_tag(void) { req.known[FIELD_IF_RANGE] = STR("\"x\""); }
static void none_allowed(void)   { settings.max_ranges = 0; }

static void (*const wholes[])(void) = {
    not_ok, no_ranges, of_no_length, empty, for_post, of_another_tag, none_allowed,
};

START_TEST(answer_stays_whole)
{
    unsigned status;

    start(0, false);
    wholes[_i]();
    status = req.response.status;
    ck_assert_int_eq(ask(STR("bytes=0-0")), HTTP_PASS);
    ck_assert_uint_eq(req.response.status, status);
    ck_assert_uint_eq(req.response.fields_len, 0);
    assert_str(body(), whole);
    end();
}
END_TEST

START_TEST(head_is_told_of_ranges)
{
    start(0, false);
    req.method = METHOD_HEAD;
    ck_assert_int_eq(ask(STR("bytes=0-0")), HTTP_PASS);
    ck_assert_uint_eq(req.response.status, HTTP_PARTIAL_CONTENT);
    end();
}
END_TEST

START_TEST(no_range_asks_for_nothing)
{
    start(1, false);
    ck_assert_int_eq(ask(STR_NONE), HTTP_PASS);
    ck_assert_uint_eq(req.response.status, HTTP_OK);
    ck_assert(!arena_failed(req.arena));
    end();
}
END_TEST

START_TEST(more_than_256_ranges_are_none)
{
    char field[2048] = "bytes=";
    static char bytes[1000];

    for (int count = 256; count <= 257; count++) {
        size_t at = strlen("bytes=");

        for (int i = 0; i < count; i++)
            at += (size_t)snprintf(field + at, sizeof(field) - at, "%d-%d,", i % 10, i % 10);
        start(0, false);
        http_body_memory(&req.response, bytes, sizeof(bytes));
        ck_assert_int_eq(ask(str_of(field)), HTTP_PASS);
        ck_assert_uint_eq(req.response.status, count == 256 ? HTTP_PARTIAL_CONTENT : HTTP_OK);
        end();
    }
}
END_TEST

START_TEST(nothing_there_is_told_with_the_length)
{
    start(0, false);
    ck_assert_int_eq(ask(STR("bytes=25-")), HTTP_DONE);
    ck_assert_uint_eq(req.response.status, HTTP_RANGE_NOT_SATISFIABLE);
    assert_str(req.error_field.name, STR("Content-Range"));
    assert_str(req.error_field.value, STR("bytes */25"));
    end();
}
END_TEST

START_TEST(nothing_there_is_told_without_memory_too)
{
    start(1, false);
    ck_assert_int_eq(ask(STR("bytes=25-")), HTTP_DONE);
    ck_assert_uint_eq(req.response.status, HTTP_RANGE_NOT_SATISFIABLE);
    ck_assert(!str_is_set(req.error_field.name));
    end();
}
END_TEST

static char told[128];

static void
on_step(void *ctx, const struct conf_mark *where, struct str text)
{
    (void)ctx;
    ck_assert_ptr_null(where);
    snprintf(told, sizeof(told), "%.*s", STR_ARG(text));
}

static const struct { struct str field; const char *told; } steps[] = {
    { S("bytes=0-0"), "range: a part of the 25 bytes" },
    { S("bytes=0-0,2-2"), "range: some parts of the 25 bytes" },
    { S("bytes=25-"), "range: none of the parts lies in the 25 bytes" },
    { S("lines=0-0"), "" },
};

START_TEST(what_is_cut_is_told_to_who_asks)
{
    static const struct http_trace trace = { .step = on_step };

    told[0] = '\0';
    start(0, false);
    req.trace = &trace;
    ask(steps[_i].field);
    ck_assert_str_eq(told, steps[_i].told);
    end();
}
END_TEST

static const struct { struct str field; bool in_parts; } scarce[] = {
    { S("bytes=8-21"), false }, { S("bytes=8-21"), true },
    { S("bytes=22-,8-10"), false }, { S("bytes=22-,8-10"), true },
};

/* The whole when not even the ranges can be kept, 500 when what comes behind cannot, else all. */
static void
check_scarce(int i)
{
    enum http_next next = ask(scarce[i].field);

    if (req.response.status == HTTP_PARTIAL_CONTENT) {
        ck_assert(!arena_failed(req.arena));
        ck_assert_int_eq(next, HTTP_PASS);
        assert_body(i < 2 ? STR("89abcdefghijAB")
                          : two_parts(STR("CDE"), "22-24/25", STR("89a"), "8-10/25"));
        return;
    }
    ck_assert(arena_failed(req.arena));
    if (req.response.status == HTTP_OK) {
        ck_assert_int_eq(next, HTTP_PASS);
        assert_body(whole);
        return;
    }
    ck_assert_int_eq(next, HTTP_DONE);
    ck_assert_uint_eq(req.response.status, HTTP_INTERNAL_ERROR);
    ck_assert(req.response.special && !req.keepalive);
    ck_assert_uint_eq(req.response.fields_len, 0);
    ck_assert(str_starts(body(), STR("<!DOCTYPE html>")));
}

START_TEST(memory_that_ends_anywhere_leaves_no_half_an_answer)
{
    unsigned wholes_seen = 0, failures = 0;
    bool done = false;

    for (size_t limit = 1; !done; limit++) {
        ck_assert_uint_lt(limit, 8192);
        start(limit, scarce[_i].in_parts);
        req.keepalive = true;
        check_scarce(_i);
        done = req.response.status == HTTP_PARTIAL_CONTENT;
        wholes_seen += req.response.status == HTTP_OK;
        failures += req.response.status == HTTP_INTERNAL_ERROR;
        end();
    }
    ck_assert_uint_gt(wholes_seen, 0);
    ck_assert_uint_gt(failures, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/modules/range");

    for (size_t i = 0; http_modules[i] != NULL; i++)
        if (str_eq(str_of(http_modules[i]->name), STR("range")))
            range = http_modules[i];
    if (range == NULL)
        return unit_run(suite);
    unit_add(suite, range_is_cut_out_of_one_part_and_of_three, ARRAY_LEN(singles));
    unit_add(suite, ranges_are_cut_out_of_one_part_and_of_three, 1);
    unit_add(suite, range_of_a_file_begins_at_its_offset, 1);
    unit_add(suite, type_that_is_not_known_is_not_told, 1);
    unit_add(suite, answer_stays_whole, ARRAY_LEN(wholes));
    unit_add(suite, head_is_told_of_ranges, 1);
    unit_add(suite, no_range_asks_for_nothing, 1);
    unit_add(suite, more_than_256_ranges_are_none, 1);
    unit_add(suite, nothing_there_is_told_with_the_length, 1);
    unit_add(suite, nothing_there_is_told_without_memory_too, 1);
    unit_add(suite, what_is_cut_is_told_to_who_asks, ARRAY_LEN(steps));
    unit_add(suite, memory_that_ends_anywhere_leaves_no_half_an_answer, ARRAY_LEN(scarce));
    return unit_run(suite);
}
