/* SPDX-License-Identifier: BSD-2-Clause */
/* bucket: which requests pass, which wait and for how long, which are refused and until when. */
#include "unit.h"
#include "http/bucket.h"

enum { A_SECOND = 60, A_MINUTE = 1 };   /* units a millisecond of one request in that time */

#define REQUESTS(n) ((n) * UINT64_C(60000))
#define NODELAY UINT64_MAX
#define HOUR UINT64_C(3600000)

/* One request on a bucket as the row before left it, where at_ms is not before that row's. */
static const struct {
    const char *what;
    struct bucket_rule rule;
    struct { uint64_t at_ms; enum bucket_verdict verdict; uint64_t wait_ms, excess; } steps[6];
} rows[] = {
    { "one a second, nothing beyond", { A_SECOND, 0, 0 }, {
        { 5000, BUCKET_PASSED,  0,    0 },
        { 5000, BUCKET_REFUSED, 1000, 1000 },
        { 5999, BUCKET_REFUSED, 1,    1 },
        { 6000, BUCKET_PASSED,  0,    0 },
        { 6500, BUCKET_REFUSED, 500,  500 },
        { 9000, BUCKET_PASSED,  0,    0 } } },
    { "one a minute: to the millisecond", { A_MINUTE, 0, 0 }, {
        { 1,     BUCKET_PASSED,  0,     0 },
        { 2,     BUCKET_REFUSED, 59999, 999 },
        { 30001, BUCKET_REFUSED, 30000, 500 },
        { 60000, BUCKET_REFUSED, 1,     0 },
        { 60001, BUCKET_PASSED,  0,     0 },
        { 60001, BUCKET_REFUSED, 60000, 1000 } } },
    { "a burst waits its turn", { A_SECOND, REQUESTS(2), 0 }, {
        { 0, BUCKET_PASSED,  0,    0 },
        { 0, BUCKET_DELAYED, 1000, 1000 },
        { 0, BUCKET_DELAYED, 2000, 2000 },
        { 0, BUCKET_REFUSED, 1000, 3000 },
        { 1000, BUCKET_DELAYED, 2000, 2000 },
        { 1000, BUCKET_REFUSED, 1000, 3000 } } },
    { "a burst that does not wait", { A_SECOND, REQUESTS(2), NODELAY }, {
        { 0, BUCKET_PASSED,  0,    0 },
        { 0, BUCKET_PASSED,  0,    1000 },
        { 0, BUCKET_PASSED,  0,    2000 },
        { 0, BUCKET_REFUSED, 1000, 3000 },
        { 1, BUCKET_REFUSED, 999,  2999 },
        { 1000, BUCKET_PASSED, 0,  2000 } } },
    { "some of a burst wait", { A_SECOND, REQUESTS(2), REQUESTS(1) }, {
        { 0, BUCKET_PASSED,  0,    0 },
        { 0, BUCKET_PASSED,  0,    1000 },
        { 0, BUCKET_DELAYED, 1000, 2000 },
        { 0, BUCKET_REFUSED, 1000, 3000 },
        { 500, BUCKET_REFUSED, 500, 2500 },
        { 1001, BUCKET_DELAYED, 999, 1999 } } },
    { "nothing is lost when they come each millisecond", { A_MINUTE, 0, 0 }, {
        { 100, BUCKET_PASSED,  0,     0 },
        { 101, BUCKET_REFUSED, 59999, 999 },
        { 102, BUCKET_REFUSED, 59998, 999 },
        { 103, BUCKET_REFUSED, 59997, 999 },
        { 104, BUCKET_REFUSED, 59996, 999 },
        { 105, BUCKET_REFUSED, 59995, 999 } } },
    { "hours of silence empty it, and give no credit", { A_SECOND, REQUESTS(1), NODELAY }, {
        { 0,         BUCKET_PASSED,  0,    0 },
        { 0,         BUCKET_PASSED,  0,    1000 },
        { 9 * HOUR,  BUCKET_PASSED,  0,    0 },
        { 9 * HOUR,  BUCKET_PASSED,  0,    1000 },
        { 9 * HOUR,  BUCKET_REFUSED, 1000, 2000 },
        { 10 * HOUR, BUCKET_PASSED,  0,    0 } } },
    { "the end of all clocks", { REQUESTS(1000000), 0, 0 }, {
        { 0,              BUCKET_PASSED,  0, 0 },
        { UINT64_MAX / 2, BUCKET_PASSED,  0, 0 },
        { UINT64_MAX,     BUCKET_PASSED,  0, 0 },
        { UINT64_MAX,     BUCKET_REFUSED, 1, 1000 },
        { UINT64_MAX,     BUCKET_REFUSED, 1, 1000 },
        { UINT64_MAX,     BUCKET_REFUSED, 1, 1000 } } },
    { "clock of another process, a little behind", { A_SECOND, REQUESTS(9), NODELAY }, {
        { 5000, BUCKET_PASSED, 0, 0 },
        { 4990, BUCKET_PASSED, 0, 1000 },
        { 5000, BUCKET_PASSED, 0, 2000 },
        { 4980, BUCKET_PASSED, 0, 3000 },
        { 5010, BUCKET_PASSED, 0, 3990 },
        { 5010, BUCKET_PASSED, 0, 4990 } } },
    { "clock that jumped back by hours", { A_SECOND, 0, 0 }, {
        { 9 * HOUR,    BUCKET_PASSED,  0,    0 },
        { 1000,        BUCKET_REFUSED, 1000, 1000 },
        { 1500,        BUCKET_REFUSED, 500,  500 },
        { 2000,        BUCKET_PASSED,  0,    0 },
        { 2000,        BUCKET_REFUSED, 1000, 1000 },
        { 3000,        BUCKET_PASSED,  0,    0 } } },
    { "the largest rate and burst", { UINT64_C(60000000000), REQUESTS(1000000000), NODELAY }, {
        { 0, BUCKET_PASSED, 0, 0 },
        { 0, BUCKET_PASSED, 0, 1000 },
        { 1, BUCKET_PASSED, 0, 0 },
        { 1, BUCKET_PASSED, 0, 1000 },
        { 1, BUCKET_PASSED, 0, 2000 },
        { 2, BUCKET_PASSED, 0, 0 } } },
};

START_TEST(requests_get_their_verdict)
{
    struct bucket bucket = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows[_i].steps); i++) {
        struct bucket_answer a = bucket_pour(&bucket, &rows[_i].rule, rows[_i].steps[i].at_ms);

        ck_assert_msg(a.verdict == rows[_i].steps[i].verdict
                      && a.wait_ms == rows[_i].steps[i].wait_ms
                      && a.excess == rows[_i].steps[i].excess,
                      "%s, step %zu: verdict %d, wait %llu, excess %llu", rows[_i].what, i,
                      (int)a.verdict, (unsigned long long)a.wait_ms,
                      (unsigned long long)a.excess);
    }
}
END_TEST

START_TEST(who_waits_as_long_as_told_is_taken)
{
    static const struct bucket_rule rules[] = {
        { A_SECOND, 0, 0 }, { A_MINUTE, 0, 0 }, { 7 * A_MINUTE, REQUESTS(3), 0 },
        { 7 * A_SECOND, REQUESTS(5), REQUESTS(2) }, { 1999 * A_SECOND, REQUESTS(1), NODELAY },
    };

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct bucket bucket = { 0 }, early;
        struct bucket_answer a;
        uint64_t ms = 12345;

        while ((a = bucket_pour(&bucket, &rules[i], ms)).verdict != BUCKET_REFUSED)
            ;
        early = bucket;
        ms += a.wait_ms;
        ck_assert_int_eq(bucket_pour(&early, &rules[i], ms - 1).verdict, BUCKET_REFUSED);
        ck_assert_int_ne(bucket_pour(&bucket, &rules[i], ms).verdict, BUCKET_REFUSED);
    }
}
END_TEST

START_TEST(what_is_taken_back_was_never_there)
{
    static const struct bucket_rule rule = { A_SECOND, REQUESTS(1), NODELAY };
    struct bucket bucket = { 0 };

    bucket_pour(&bucket, &rule, 1000);
    bucket_take_back(&bucket);
    ck_assert_uint_eq(bucket.level, 0);
    bucket_pour(&bucket, &rule, 1000);
    bucket_pour(&bucket, &rule, 1000);
    bucket_take_back(&bucket);
    ck_assert_uint_eq(bucket_pour(&bucket, &rule, 1000).excess, 1000);
    bucket_pour(&bucket, &rule, 2500);
    bucket_take_back(&bucket);
    bucket_take_back(&bucket);
    bucket_take_back(&bucket);
    ck_assert_uint_eq(bucket.level, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/bucket");

    unit_add(suite, requests_get_their_verdict, ARRAY_LEN(rows));
    unit_add(suite, who_waits_as_long_as_told_is_taken, 1);
    unit_add(suite, what_is_taken_back_was_never_there, 1);
    return unit_run(suite);
}
