/* SPDX-License-Identifier: BSD-2-Clause */
/* request_body: in memory and in a file, whole however it comes, kept as the conf file says. */
#include "unit.h"
#include "http/request_body.h"
#include "http/settings.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/weir-body-XXXXXX";
static struct location_settings settings;
static struct http_location place = { .settings = &settings };
static struct http_request req;
static unsigned wanted;

static void
want_body(struct http_request *r)
{
    (void)r;
    wanted++;
}

static const struct http_codec codec = { .want_body = want_body };

static void
start(uint64_t buffer_size, int64_t length)
{
    static struct log nothing = { .level = LEVEL_EMERG };

    if (folder[sizeof(folder) - 2] == 'X')
        ck_assert_ptr_nonnull(mkdtemp(folder));
    settings = (struct location_settings){ .client_body_buffer_size = buffer_size };
    settings.client_body_temp_path.folder = str_of(folder);
    req = (struct http_request){ .location = &place, .codec = &codec, .has_body = true,
                                 .content_length = length };
    req.arena = arena_create(4096, 4 << 20);
    req.log.log = &nothing;
    wanted = 0;
}

static void
end(void)
{
    char command[64];

    arena_destroy(req.arena);
    snprintf(command, sizeof(command), "rm -rf %s/*", folder);
    ck_assert_int_eq(system(command), 0);
}

static void
remove_folder(void)
{
    rmdir(folder);
}

/* All of it, in pieces. */
static void
add(size_t len, size_t piece)
{
    char bytes[1024];

    for (size_t at = 0; at < len; at += piece) {
        size_t n = MIN(piece, len - at);

        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)((at + i) % 251);
        ck_assert(request_body_add(&req, bytes, n));
    }
    ck_assert(request_body_end(&req));
}

static void
check_bytes(size_t len)
{
    const struct request_body *body = req.body;

    ck_assert_uint_eq(body->len, len);
    for (size_t i = 0; i < len; i++) {
        char c = body->fd < 0 ? body->bytes.p[i] : 0;

        ck_assert(body->fd < 0 || pread(body->fd, &c, 1, (off_t)i) == 1);
        ck_assert_int_eq(c, (char)(i % 251));
    }
}

static const struct { uint64_t buffer; size_t len; bool in_file; } sizes[] = {
    { 100, 0, false }, { 100, 1, false }, { 100, 99, false }, { 100, 100, false },
    { 100, 101, true }, { 100, 1000, true }, { 0, 1, true }, { 0, 0, false },
    { 1 << 20, 70000, false },      /* not in the arena */
};
static const size_t pieces[] = { 1, 7, 100, 101, 1024 };

START_TEST(body_is_whole_however_it_comes)
{
    bool is_counted = _i % 2 == 0;
    size_t piece = pieces[_i / 2 % (int)ARRAY_LEN(pieces)];
    size_t i = (size_t)_i / 2 / ARRAY_LEN(pieces);

    start(sizes[i].buffer, is_counted ? (int64_t)sizes[i].len : -1);
    req.has_body = sizes[i].len > 0 || !is_counted;
    if (http_request_body(&req, NULL) == HTTP_AGAIN) {
        ck_assert_uint_eq(wanted, 1);
        ck_assert(!str_is_set(http_request_body_name(&req)));
        add(sizes[i].len, piece);
    }
    ck_assert_int_eq(http_request_body(&req, NULL), HTTP_PASS);
    ck_assert(req.body->is_whole);
    ck_assert_int_eq(req.body->fd >= 0, sizes[i].in_file);
    check_bytes(sizes[i].len);
    end();
}
END_TEST

static const struct { int mode; bool stays; } modes[] = {
    { BODY_FILES_OFF, false }, { BODY_FILES_ON, true }, { BODY_FILES_CLEAN, false },
};

START_TEST(file_stays_only_where_the_conf_says_so)
{
    struct str name;
    struct stat st;

    start(modes[_i].mode == BODY_FILES_OFF ? 1 : 100, 5);
    settings.client_body_in_file_only = modes[_i].mode;
    ck_assert_int_eq(http_request_body(&req, NULL), HTTP_AGAIN);
    add(5, 5);
    ck_assert_int_ge(req.body->fd, 0);
    name = str_of(strdup(http_request_body_name(&req).p));
    ck_assert_int_eq(stat(name.p, &st), 0);
    ck_assert_uint_eq((uint64_t)st.st_size, 5);
    arena_destroy(req.arena);
    ck_assert_int_eq(stat(name.p, &st), modes[_i].stays ? 0 : -1);
    free((char *)(uintptr_t)name.p);
    req.arena = arena_create(64, 0);
    end();
}
END_TEST

START_TEST(half_a_body_leaves_nothing_even_where_files_stay)
{
    char command[64];

    start(1, 100);
    settings.client_body_in_file_only = BODY_FILES_ON;
    ck_assert_int_eq(http_request_body(&req, NULL), HTTP_AGAIN);
    ck_assert(request_body_add(&req, "hello", 5));
    arena_destroy(req.arena);
    snprintf(command, sizeof(command), "test -z \"$(ls %s)\"", folder);
    ck_assert_int_eq(system(command), 0);
    req.arena = arena_create(64, 0);
    end();
}
END_TEST

START_TEST(wish_for_a_file_is_met_later_too)
{
    const struct body_wish file = { .in_file = true };

    start(100, 5);
    ck_assert_int_eq(http_request_body(&req, NULL), HTTP_AGAIN);
    add(5, 1);
    ck_assert_int_eq(http_request_body(&req, &file), HTTP_PASS);
    ck_assert_int_ge(req.body->fd, 0);
    check_bytes(5);
    end();
}
END_TEST

START_TEST(no_body_is_an_empty_one)
{
    const struct body_wish file = { .in_file = true };

    start(100, -1);
    req.has_body = false;
    ck_assert_int_eq(http_request_body(&req, _i == 0 ? NULL : &file), HTTP_PASS);
    ck_assert_int_eq(req.body->fd >= 0, _i == 1);
    check_bytes(0);
    ck_assert_uint_eq(wanted, 0);
    end();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/request_body");

    atexit(remove_folder);
    unit_add(suite, body_is_whole_however_it_comes, ARRAY_LEN(sizes) * ARRAY_LEN(pieces) * 2);
    unit_add(suite, file_stays_only_where_the_conf_says_so, ARRAY_LEN(modes));
    unit_add(suite, half_a_body_leaves_nothing_even_where_files_stay, 1);
    unit_add(suite, wish_for_a_file_is_met_later_too, 1);
    unit_add(suite, no_body_is_an_empty_one, 2);
    return unit_run(suite);
}
