/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone: tables in shared memory. The source itself is included, to look at chains and order, and to
 * leave them behind as a process would that is killed in between.
 */
#include "base/zone.c"          /* NOLINT(bugprone-suspicious-include) */
#include "unit.h"
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct zone_kind counting = { .name = "counting", .value_size = 16 };
static const struct zone_kind other_kind = { .name = "other", .value_size = 16 };

static struct arena *arena;
static struct zones zones;
static struct zone *zone;

static struct zone *
open_zone(struct zones *in, const struct zone_kind *kind, const char *name, const char *key,
          uint64_t size, const struct zones *old)
{
    struct zone *z = zone_declare(in, kind, str_of(name), str_of(key), size);

    ck_assert_ptr_nonnull(z);
    ck_assert(zone_open(z, old));
    return z;
}

static void
setup_size(const struct zone_kind *kind, uint64_t size)
{
    arena = arena_create(4096, 0);
    zones_init(&zones, arena);
    zone = open_zone(&zones, kind, "one", "$key", size, NULL);
}

static void
setup(void)
{
    setup_size(&counting, ZONE_MIN_BYTES);
}

static void
teardown(void)
{
    zones_close(&zones);
    arena_destroy(arena);
}

static struct zone_key
numbered(unsigned n)
{
    return zone_key(zone, (struct str){ (const char *)&n, sizeof(n) });
}

static uint64_t *
get(unsigned n)
{
    return zone_find(zone, numbered(n));
}

static uint64_t *
add(unsigned n)
{
    uint64_t *value = zone_add(zone, numbered(n));

    if (value != NULL)
        *value = n;
    return value;
}

/* All that the table says of itself is one story. */
static void
check_whole(void)
{
    struct table *t = table_of(zone);
    uint32_t chained = 0, ordered = 0, unused = 0, stamped = 0;
    uint64_t last = 0;
    place before = 0;

    for (uint32_t i = 0; i <= t->mask; i++)
        for (place p = t->chains[i]; p != 0; p = at(t, p)->next, chained++)
            ck_assert_ptr_eq(chain_of(t, at(t, p)->key), &t->chains[i]);
    for (place p = t->oldest; p != 0; before = p, p = at(t, p)->newer, ordered++) {
        ck_assert_uint_eq(at(t, p)->older, before);
        ck_assert_uint_gt(at(t, p)->stamp, last);
        last = at(t, p)->stamp;
    }
    ck_assert_uint_eq(t->newest, before);
    for (place p = t->free; p != 0; p = at(t, p)->next, unused++)
        ck_assert_uint_eq(at(t, p)->stamp, 0);
    for (place p = 1; p <= t->touched; p++)
        stamped += at(t, p)->stamp != 0;
    ck_assert_uint_eq(chained, t->used);
    ck_assert_uint_eq(ordered, t->used);
    ck_assert_uint_eq(stamped, t->used);
    ck_assert_uint_eq(unused + t->used, t->touched);
    ck_assert_uint_le(last, t->uses);
}

/* ---- values -------------------------------------------------------------------------------- */

START_TEST(many_keys_each_find_their_own_value)
{
    uint32_t capacity;

    setup_size(&counting, 1 << 20);
    capacity = zone_capacity(zone);
    ck_assert(zone_lock(zone));
    ck_assert_ptr_null(get(1));
    for (unsigned i = 0; i < capacity; i++)
        ck_assert_ptr_nonnull(add(i));
    ck_assert_uint_eq(zone_used(zone), capacity);
    for (unsigned i = 0; i < capacity; i++)
        ck_assert_uint_eq(*get(i), i);
    for (unsigned i = 0; i < capacity; i += 2)
        zone_remove(zone, get(i));
    for (unsigned i = 0; i < capacity; i++)
        ck_assert(i % 2 == 0 ? get(i) == NULL : *get(i) == i);
    check_whole();
    zone_unlock(zone);
    teardown();
}
END_TEST

START_TEST(memory_is_used_for_entries_and_nothing_beyond_its_end)
{
    static const uint64_t sizes[] = { ZONE_MIN_BYTES, ZONE_MIN_BYTES + 1, 100000, 1 << 20,
        10 << 20 };
    const struct table *t;

    setup_size(&counting, sizes[_i]);
    t = table_of(zone);
    ck_assert_uint_gt(zone_capacity(zone), sizes[_i] / (entry_size(t) + 2 * sizeof(place)) - 8);
    ck_assert_uint_le((size_t)((char *)at(t, t->capacity + 1) - (char *)(uintptr_t)t), sizes[_i]);
    ck_assert_uint_eq((uintptr_t)at(t, 1)->value % 8, 0);
    teardown();
}
END_TEST

START_TEST(full_table_forgets_what_was_used_least_recently)
{
    uint32_t capacity;

    setup();
    capacity = zone_capacity(zone);
    ck_assert(zone_lock(zone));
    for (unsigned i = 0; i < capacity; i++)
        add(i);
    zone_touch(zone, get(0));
    zone_touch(zone, get(2));
    for (unsigned i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(add(capacity + i));
    ck_assert_uint_eq(zone_used(zone), capacity);
    for (unsigned i = 0; i < 7; i++)
        ck_assert_msg((get(i) != NULL) == (i == 0 || i == 2 || i > 4), "%u", i);
    check_whole();
    zone_unlock(zone);
    teardown();
}
END_TEST

START_TEST(new_value_is_zero_where_an_old_one_was)
{
    uint64_t *value;

    setup();
    ck_assert(zone_lock(zone));
    value = add(1);
    value[0] = value[1] = UINT64_MAX;
    zone_remove(zone, value);
    value = zone_add(zone, numbered(2));
    ck_assert_uint_eq(value[0], 0);
    ck_assert_uint_eq(value[1], 0);
    zone_unlock(zone);
    teardown();
}
END_TEST

START_TEST(one_key_may_have_several_values)
{
    unsigned seen = 0;

    setup();
    ck_assert(zone_lock(zone));
    for (unsigned i = 0; i < 5; i++)
        *(uint64_t *)zone_add(zone, numbered(7)) = 1u << i;
    add(8);
    for (uint64_t *v = get(7); v != NULL; v = zone_next(zone, v))
        seen |= (unsigned)*v;
    ck_assert_uint_eq(seen, 31);
    zone_remove(zone, get(7));
    seen = 0;
    for (uint64_t *v = get(7); v != NULL; v = zone_next(zone, v))
        seen++;
    ck_assert_uint_eq(seen, 4);
    zone_unlock(zone);
    teardown();
}
END_TEST

static bool
is_odd(const void *value)
{
    return *(const uint64_t *)value % 2 == 1;
}

START_TEST(what_may_not_go_stays_in_a_full_table)
{
    static const struct zone_kind held = { .name = "held", .value_size = 8, .may_go = is_odd };
    uint32_t capacity;

    setup_size(&held, ZONE_MIN_BYTES);
    capacity = zone_capacity(zone);
    ck_assert(zone_lock(zone));
    for (unsigned i = 0; i < capacity; i++)
        add(i * 2);
    ck_assert_ptr_null(add(1));
    check_whole();
    *get(300) = 1;                      /* looked at sooner or later, for each try looks further */
    for (unsigned i = 0; i < capacity / LOOKS && add(1) == NULL; i++)
        ;
    ck_assert_ptr_nonnull(get(1));
    ck_assert_ptr_null(get(300));
    check_whole();
    zone_unlock(zone);
    teardown();
}
END_TEST

/* ---- configurations ------------------------------------------------------------------------ */

static const struct {
    const char *name, *key;
    const struct zone_kind *kind;
    uint64_t size;
    bool shared;
} reloads[] = {
    { "one", "$key",   &counting,   ZONE_MIN_BYTES,     true  },
    { "two", "$key",   &counting,   ZONE_MIN_BYTES,     false },
    { "one", "$other", &counting,   ZONE_MIN_BYTES,     false },
    { "one", "$key",   &other_kind, ZONE_MIN_BYTES,     false },
    { "one", "$key",   &counting,   ZONE_MIN_BYTES * 2, false },
};

START_TEST(same_zone_of_the_next_configuration_has_the_same_memory)
{
    struct zones next;

    setup();
    ck_assert(zone_lock(zone));
    add(1);
    zone_unlock(zone);
    zones_init(&next, arena);
    zone = open_zone(&next, reloads[_i].kind, reloads[_i].name, reloads[_i].key, reloads[_i].size,
                     &zones);
    zones_close(&zones);                /* the old one goes, in whatever order */
    ck_assert(zone_lock(zone));
    ck_assert_int_eq(get(1) != NULL, reloads[_i].shared);
    ck_assert_ptr_nonnull(add(2));
    check_whole();
    zone_unlock(zone);
    zones_close(&next);
    zones_close(&next);                 /* closed already: nothing happens */
    arena_destroy(arena);
}
END_TEST

START_TEST(secret_is_a_table_s_own)
{
    struct zone *two;
    struct zone_key a, b;

    setup();
    two = open_zone(&zones, &counting, "two", "$key", ZONE_MIN_BYTES, NULL);
    ck_assert_ptr_eq(zones_find(&zones, STR("two")), two);
    ck_assert_ptr_null(zones_find(&zones, STR("three")));
    a = zone_key(zone, STR("text"));
    b = zone_key(two, STR("text"));
    ck_assert_mem_ne(&a, &b, sizeof(a));
    b = zone_key(zone, STR("text"));
    ck_assert_mem_eq(&a, &b, sizeof(a));
    teardown();
}
END_TEST

/* ---- several processes --------------------------------------------------------------------- */

static void
wait_for(pid_t pid, int signal)
{
    int status = -1;

    while (waitpid(pid, &status, 0) == -1)
        ck_assert_int_eq(errno, EINTR);
    ck_assert_int_eq(status, signal);
}

/* Counts keys up, makes and removes values, until it is killed or has done so many rounds. */
static void
hammer(unsigned first, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t *value;

        if (!zone_lock(zone))
            _exit(2);
        value = get(i % 16);
        if (value == NULL && (value = add(i % 16)) == NULL)
            _exit(3);
        value[1]++;
        zone_touch(zone, value);
        if (add(first + i % 999) == NULL)
            _exit(4);
        if ((value = get(first + (i * 7) % 999)) != NULL)
            zone_remove(zone, value);
        zone_unlock(zone);
    }
}

START_TEST(processes_lose_nothing_of_each_other)
{
    enum { PROCESSES = 3, ROUNDS = 16 * 2000 };
    pid_t pids[PROCESSES];

    setup_size(&counting, 1 << 20);
    for (unsigned i = 0; i < PROCESSES; i++)
        if ((pids[i] = fork()) == 0) {
            hammer(1000 * (i + 1), ROUNDS);
            _exit(0);
        }
    for (unsigned i = 0; i < PROCESSES; i++)
        wait_for(pids[i], 0);
    ck_assert(zone_lock(zone));
    check_whole();
    for (unsigned i = 0; i < 16; i++)
        ck_assert_uint_eq(get(i)[1], PROCESSES * ROUNDS / 16);
    zone_unlock(zone);
    teardown();
}
END_TEST

/* Each leaves a table that must not be walked. */
static void
damage(struct table *t, int how)
{
    struct entry *e = entry_of(get(3));

    switch (how) {
    case 0:                             /* nothing was changed yet */
        break;
    case 1:                             /* half of a removal */
        set_stamp(e, 0);
        order_remove(t, e);
        break;
    case 2:                             /* half of an addition */
        e = at(t, ++t->touched);
        e->key = numbered(777);
        chain_add(t, e);
        t->used++;
        break;
    case 3:                             /* links in all stages of being written */
        e->next = place_of(t, e);
        e->older = e->newer = UINT32_MAX;
        t->free = place_of(t, e);
        t->oldest = t->newest = 0;
        *chain_of(t, numbered(5)) = UINT32_MAX;
        t->used = 4711;
        break;
    }
}

START_TEST(lock_of_a_killed_process_is_taken_over_and_the_table_mended)
{
    pid_t pid;
    char line[400];
    int ends[2];
    ssize_t n;

    setup();
    ck_assert(zone_lock(zone));
    for (unsigned i = 0; i < 100; i++)
        add(i);
    zone_touch(zone, get(10));
    zone_unlock(zone);
    if ((pid = fork()) == 0) {
        if (zone_lock(zone))
            damage(table_of(zone), _i);
        raise(SIGKILL);
    }
    wait_for(pid, SIGKILL);
    ck_assert(zone_lock(zone));
    check_whole();
    ck_assert_uint_eq(zone_used(zone), _i == 1 ? 99 : 100);
    ck_assert_int_eq(get(3) != NULL, _i != 1);
    ck_assert_ptr_null(get(777));
    ck_assert_uint_eq(*get(0), 0);
    ck_assert_ptr_eq(at(table_of(zone), table_of(zone)->newest)->value, get(10));
    ck_assert_int_eq(pipe(ends), 0);
    console_redirect(ends[1]);
    zone_unlock(zone);
    n = read(ends[0], line, sizeof(line) - 1);
    line[n > 0 ? n : 0] = '\0';
    ck_assert_ptr_nonnull(strstr(line, "[warn] a process died while it changed zone \"one\""));

    ck_assert(zone_lock(zone));         /* and nothing more is said */
    ck_assert_ptr_nonnull(add(1000));
    check_whole();
    ck_assert(!zone->repaired);
    zone_unlock(zone);
    teardown();
}
END_TEST

START_TEST(process_that_is_killed_at_any_moment_harms_nobody)
{
    setup_size(&counting, 64 << 10);
    for (unsigned i = 0; i < 300; i++) {
        struct timespec pause = { .tv_nsec = 200000 + i * 1000 };
        pid_t pid = fork();

        if (pid == 0) {
            hammer(1000, UINT32_MAX);
            _exit(0);
        }
        nanosleep(&pause, NULL);
        kill(pid, SIGKILL);
        wait_for(pid, SIGKILL);
        ck_assert(zone_lock(zone));
        check_whole();
        zone->repaired = false;
        zone_unlock(zone);
    }
    teardown();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/zone");

    unit_add(suite, many_keys_each_find_their_own_value, 1);
    unit_add(suite, memory_is_used_for_entries_and_nothing_beyond_its_end, 5);
    unit_add(suite, full_table_forgets_what_was_used_least_recently, 1);
    unit_add(suite, new_value_is_zero_where_an_old_one_was, 1);
    unit_add(suite, one_key_may_have_several_values, 1);
    unit_add(suite, what_may_not_go_stays_in_a_full_table, 1);
    unit_add(suite, same_zone_of_the_next_configuration_has_the_same_memory, ARRAY_LEN(reloads));
    unit_add(suite, secret_is_a_table_s_own, 1);
    unit_add(suite, processes_lose_nothing_of_each_other, 1);
    unit_add(suite, lock_of_a_killed_process_is_taken_over_and_the_table_mended, 4);
    unit_add(suite, process_that_is_killed_at_any_moment_harms_nobody, 1);
    return unit_run(suite);
}
