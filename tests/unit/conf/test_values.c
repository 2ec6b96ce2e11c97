/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

static const struct { const char *text; bool good; uint64_t bytes; } sizes[] = {
    { "0", true, 0 },
    { "10", true, 10 },
    { "8k", true, 8192 },
    { "8K", true, 8192 },
    { "1m", true, 1 << 20 },
    { "1M", true, 1 << 20 },
    { "2g", true, UINT64_C(2) << 30 },
    { "2G", true, UINT64_C(2) << 30 },
    { "007k", true, 7168 },
    { "9223372036854775807", true, INT64_MAX },
    { "9223372036854775808", false, 0 },
    { "8589934591g", true, UINT64_C(8589934591) << 30 },
    { "8589934592g", false, 0 },                    /* one too many */
    { "99999999999999999999", false, 0 },
    { "", false, 0 },
    { "k", false, 0 },
    { "1t", false, 0 },
    { "1kb", false, 0 },
    { "1 k", false, 0 },
    { "-1", false, 0 },
    { "+1", false, 0 },
    { "1.5m", false, 0 },
    { " 1", false, 0 },
    { "1h", false, 0 },
};

START_TEST(sizes_have_units)
{
    uint64_t bytes = 77;

    ck_assert(size_parse(str_of(sizes[_i].text), &bytes) == sizes[_i].good);
    ck_assert_uint_eq(bytes, sizes[_i].good ? sizes[_i].bytes : 77);
}
END_TEST

enum { NO = -1 };

/* In milliseconds and in seconds, or NO. */
static const struct { const char *text; int64_t ms, seconds; } times[] = {
    { "0", 0, 0 },
    { "75", 75000, 75 },
    { "75s", 75000, 75 },
    { "500ms", 500, NO },
    { "0ms", 0, NO },
    { "1m", 60000, 60 },
    { "1h", 3600000, 3600 },
    { "1d", 86400000, 86400 },
    { "1w", 604800000, 604800 },
    { "1M", 2592000000, 2592000 },
    { "1y", 31536000000, 31536000 },
    { "1h30m", 5400000, 5400 },
    { "1h 30m", 5400000, 5400 },
    { "1h \t 30m", 5400000, 5400 },
    { "1y1M1w1d1h1m1s", 34822861000, 34822861 },
    { "1s500ms", 1500, NO },
    { "1m 5", 65000, 65 },                          /* no unit: seconds */
    { "1m5", 65000, 65 },
    { "90m30s", 5430000, 5430 },
    { "9223372036854775", 9223372036854775000, 9223372036854775 },
    { "9223372036854776", NO, 9223372036854776 },
    { "9223372036854775807", NO, INT64_MAX },
    { "9223372036854775808", NO, NO },
    { "292471208678y", NO, NO },
    { "292471208677y", NO, INT64_C(292471208677) * 31536000 },
    { "18446744073709551616", NO, NO },
    { "9223372036854775807s1", NO, NO },
    { "", NO, NO },
    { "s", NO, NO },
    { "1x", NO, NO },
    { "1sec", NO, NO },
    { "1S", NO, NO },
    { "30m1h", NO, NO },                            /* not in falling order */
    { "1h1h", NO, NO },
    { "5 5", NO, NO },
    { "5 5ms", NO, NO },                            /* a number without a unit comes last */
    { "1 h", NO, NO },
    { "1h ", NO, NO },
    { " 1h", NO, NO },
    { "1h,30m", NO, NO },
    { "-1", NO, NO },
    { "1.5h", NO, NO },
};

START_TEST(times_have_units)
{
    struct str text = str_of(times[_i].text);
    uint64_t ms = 77, seconds = 77;

    ck_assert(ms_parse(text, &ms) == (times[_i].ms != NO));
    ck_assert_uint_eq(ms, times[_i].ms != NO ? (uint64_t)times[_i].ms : 77);
    ck_assert(seconds_parse(text, &seconds) == (times[_i].seconds != NO));
    ck_assert_uint_eq(seconds, times[_i].seconds != NO ? (uint64_t)times[_i].seconds : 77);
}
END_TEST

/* What stands in http, and one number of what is set by it. */
static const struct { const char *text; size_t offset; uint8_t size; uint64_t value; } fields[] = {
#define AT(member) offsetof(struct toy_web, member), sizeof(((struct toy_web *)0)->member)
    { "gzip on;",         AT(gzip), 1 },
    { "gzip ON;",         AT(gzip), 1 },
    { "gzip off;",        AT(gzip), 0 },
    { "mode fast;",       AT(mode), 1 },
    { "mode LAZY;",       AT(mode), 3 },
    { "timeout 1m;",      AT(timeout_ms), 60000 },
    { "timeout '1m 1s';", AT(timeout_ms), 61000 },
    { "expires 1d;",      AT(expires_s), 86400 },
    { "buffer 16k;",      AT(buffer_bytes), 16384 },
#undef AT
};

START_TEST(words_become_fields)
{
    struct run run;
    uint64_t value = 0;
    const char *web;

    run_begin(&run);
    conf_read_text(run.conf, STR("toy.conf"),
                   arena_fmt(run.arena, "http { %s }", fields[_i].text));
    ck_assert_ptr_nonnull(conf_apply(run.conf));
    web = run_settings(&run, "http", &toy_web);
    memcpy(&value, web + fields[_i].offset, fields[_i].size);       /* little-endian */
    ck_assert_uint_eq(value, fields[_i].value);
    run_end(&run);
}
END_TEST

static const struct { const char *text; bool good; uint32_t value; } numbers[] = {
    { "1", true, 1 },  { "64", true, 64 }, { "007", true, 7 },
    { "0", false, 0 }, { "65", false, 0 }, { "-1", false, 0 }, { "1k", false, 0 },
    { "''", false, 0 }, { "4294967297", false, 0 },
};

START_TEST(numbers_keep_to_their_range)
{
    struct run run;

    run_begin(&run);
    conf_read_text(run.conf, STR("toy.conf"),
                   arena_fmt(run.arena, "workers %s;", numbers[_i].text));
    run.main = conf_apply(run.conf);
    ck_assert((run.main != NULL) == numbers[_i].good);
    if (numbers[_i].good) {
        const struct toy_core *core = conf_settings(run.conf, run.main, &toy_core);

        ck_assert_uint_eq(core->workers, numbers[_i].value);
    }
    run_end(&run);
}
END_TEST

static const struct { const char *main_file, *path, *by_file, *by_prefix; } paths[] = {
    { "/etc/weir/weir.conf", "a",     "/etc/weir/a",    "/prefix/a" },
    { "/etc/weir/weir.conf", "a/b.c", "/etc/weir/a/b.c", "/prefix/a/b.c" },
    { "/etc/weir/weir.conf", "/a",    "/a",             "/a" },
    { "/etc/weir/weir.conf", "",      "/etc/weir/",     "/prefix/" },
    { "/weir.conf",          "a",     "/a",             "/prefix/a" },
    { "",                    "a",     "/prefix/a",      "/prefix/a" },
};

START_TEST(paths_are_relative_to_file_or_prefix)
{
    struct run run;
    struct str path = str_of(paths[_i].path);

    run_begin(&run);
    run.conf->main_file = str_of(paths[_i].main_file);
    ck_assert_str_eq(conf_path_by_file(run.conf, path).p, paths[_i].by_file);
    ck_assert_uint_eq(conf_path_by_file(run.conf, path).len, strlen(paths[_i].by_file));
    ck_assert_str_eq(conf_path_by_prefix(run.conf, path).p, paths[_i].by_prefix);
    ck_assert_uint_eq(conf_path_by_prefix(run.conf, path).len, strlen(paths[_i].by_prefix));
    run_end(&run);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("conf/values");

    unit_add(suite, sizes_have_units, ARRAY_LEN(sizes));
    unit_add(suite, times_have_units, ARRAY_LEN(times));
    unit_add(suite, words_become_fields, ARRAY_LEN(fields));
    unit_add(suite, numbers_keep_to_their_range, ARRAY_LEN(numbers));
    unit_add(suite, paths_are_relative_to_file_or_prefix, ARRAY_LEN(paths));
    return unit_run(suite);
}
