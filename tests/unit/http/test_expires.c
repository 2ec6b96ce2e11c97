/* SPDX-License-Identifier: BSD-2-Clause */
/* expires: words, and the fields that they make at a given moment. */
#include "unit.h"
#include "base/clock.h"
#include "http/expires.h"

#define NEVER ((time_t)-1)

static void
setup(void)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
}

/* Moments are UTC. The last two are the evenings before clocks go forward and back. */
static const struct {
    const char *word;
    bool modified;
    time_t now_s, last_modified, at;
    const char *control;
} made[] = {
    { "1h", false, 1000, NEVER, 4600, "max-age=3600" },
    { "+1h", false, 1000, NEVER, 4600, "max-age=3600" },
    { "0", false, 1000, NEVER, 1000, "max-age=0" },
    { "-0", false, 1000, NEVER, 1000, "max-age=0" },
    { "-1", false, 1000, NEVER, 999, "no-cache" },
    { "1h", true, 10000, 9000, 12600, "max-age=2600" },
    { "1h", true, 10000, 6400, 10000, "max-age=0" },
    { "1h", true, 10000, 6399, 9999, "no-cache" },
    { "-1", true, 10000, 20000, 19999, "no-cache" },
    { "1h", true, 10000, NEVER, 13600, "max-age=3600" },
    /* local time is an hour ahead in winter, two in summer */
    { "@15h", false, 1768478400, NEVER, 1768485600, "max-age=7200" },   /* 12:00 UTC: 14:00 */
    { "@13h", false, 1768478400, NEVER, 1768564800, "max-age=86400" },  /* just now: tomorrow */
    { "@12h59m", false, 1768478400, NEVER, 1768564740, "max-age=86340" },
    { "@13h1s", false, 1768478400, NEVER, 1768478401, "max-age=1" },
    { "@0", false, 1768478400, NEVER, 1768518000, "max-age=39600" },
    { "@24h", false, 1768478400, NEVER, 1768518000, "max-age=39600" },
    { "@15h", false, 1774735200, NEVER, 1774789200, "max-age=54000" },  /* tomorrow is shorter */
    { "@15h", false, 1792879200, NEVER, 1792936800, "max-age=57600" },  /* and longer */
};

START_TEST(fields)
{
    struct arena *arena = arena_create(4096, 0);
    struct expires expires;
    struct expires_fields f;
    const char *wrong;
    char date[29];

    setup();
    now.wall_s = made[_i].now_s;
    ck_assert(expires_parse(str_of(made[_i].word), made[_i].modified, &expires, &wrong));
    for (int again = 0; again < 2; again++) {
        ck_assert(expires_make(&expires, made[_i].last_modified, arena, &f));
        http_date_format(date, made[_i].at);
        ck_assert_msg(str_eq(f.expires, (struct str){ date, sizeof(date) }), "%.*s",
                      STR_ARG(f.expires));
        ck_assert_msg(str_eq(f.cache_control, str_of(made[_i].control)), "%.*s",
                      STR_ARG(f.cache_control));
    }
    arena_destroy(arena);
}
END_TEST

static const struct { const char *word; bool modified, good; } words[] = {
    { "off", false, true }, { "epoch", false, true }, { "max", false, true },
    { "off", true, false }, { "max", true, false }, { "@1h", true, false }, { "@1h", false, true },
    { "@25h", false, false }, { "@", false, false }, { "", false, false }, { "-", false, false },
    { "+", false, false }, { "+-1", false, false }, { "-@1", false, false }, { "1x", false, false },
    { "1000000000000", false, true }, { "99999999999999", false, false },
    { "18446744073709551615", false, false }, { "99999999999999999999", false, false },
};

START_TEST(only_words_that_mean_something)
{
    struct expires expires;
    const char *wrong = NULL;

    ck_assert(expires_parse(str_of(words[_i].word), words[_i].modified, &expires, &wrong)
              == words[_i].good);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/expires");

    unit_add(suite, fields, ARRAY_LEN(made));
    unit_add(suite, only_words_that_mean_something, ARRAY_LEN(words));
    return unit_run(suite);
}
