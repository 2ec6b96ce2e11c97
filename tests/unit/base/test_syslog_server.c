/* SPDX-License-Identifier: BSD-2-Clause */
/* syslog_server: messages, and servers that come and go. */
#include "unit.h"
#include "base/clock.h"
#include "base/syslog_server.h"
#include <errno.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[64], content[70000];
static struct syslog_server server;

static int
listen_anew(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_un *un = (struct sockaddr_un *)&server.address;

    unlink(un->sun_path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)un, sizeof(*un)), 0);
    return fd;
}

static const char *
take(int fd)
{
    ssize_t n = recv(fd, content, sizeof(content) - 1, 0);

    content[n > 0 ? n : 0] = '\0';
    return content;
}

static void
prepare(void)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&server.address;

    strcpy(folder, "/tmp/weir-syslog-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    server = (struct syslog_server){ .fd = -1, .facility = 23, .severity = 6, .tag = STR("weir"),
        .hostname = STR("www"), .address_len = sizeof(*un) };
    un->sun_family = AF_UNIX;
    snprintf(un->sun_path, sizeof(un->sun_path), "%s/log", folder);
    setenv("TZ", "UTC0", 1);
    now.wall_s = 784111777;
    now.mono_ms = 5000;
}

static void
clear(void)
{
    syslog_server_close(&server);
    unlink(((struct sockaddr_un *)&server.address)->sun_path);
    rmdir(folder);
}

static const struct {
    unsigned facility, severity;
    const char *tag, *hostname;
    time_t wall_s;
    const char *message;
} messages[] = {
    { 23, 6, "weir", "www", 784111777, "<190>Nov  6 08:49:37 www weir: text" },
    { 0, 0, "weir", "www", 784111777, "<0>Nov  6 08:49:37 www weir: text" },
    { 1, 7, "x", "", 1795260587, "<15>Nov 21 11:29:47 x: text" },
    { 16, 3, "", "", 1767225599, "<131>Dec 31 23:59:59 : text" },
    { 16, 3, "", "h", 1767225600, "<131>Jan  1 00:00:00 h : text" },
};

START_TEST(message_has_the_form_of_rfc_3164)
{
    int fd = listen_anew();

    server.facility = messages[_i].facility;
    server.tag = str_of(messages[_i].tag);
    server.hostname = str_of(messages[_i].hostname);
    now.wall_s = messages[_i].wall_s;
    ck_assert(syslog_server_send(&server, messages[_i].severity, STR("text")));
    ck_assert_str_eq(take(fd), messages[_i].message);
    close(fd);
}
END_TEST

START_TEST(long_text_is_cut)
{
    static char text[SYSLOG_TEXT_MAX + 10];
    int fd = listen_anew();

    memset(text, 'x', sizeof(text));
    ck_assert(syslog_server_send(&server, 6, (struct str){ text, sizeof(text) }));
    ck_assert_uint_eq(strlen(take(fd)), sizeof("<190>Nov  6 08:49:37 www weir: ") - 1 + SYSLOG_TEXT_MAX);
    close(fd);
}
END_TEST

START_TEST(server_that_is_not_there_is_looked_for_now_and_then)
{
    int fd;

    ck_assert(!syslog_server_send(&server, 6, STR("one")));
    ck_assert_int_eq(errno, ENOENT);
    fd = listen_anew();
    now.mono_ms += SYSLOG_RETRY_MS - 1;
    ck_assert(!syslog_server_send(&server, 6, STR("two")));
    ck_assert_int_eq(errno, ENOTCONN);
    now.mono_ms++;
    ck_assert(syslog_server_send(&server, 6, STR("three")));
    ck_assert_ptr_nonnull(strstr(take(fd), "three"));
    close(fd);
}
END_TEST

START_TEST(server_made_anew_loses_nothing)
{
    int fd = listen_anew();

    ck_assert(syslog_server_send(&server, 6, STR("one")));
    close(fd);
    fd = listen_anew();
    ck_assert(syslog_server_send(&server, 6, STR("two")));
    ck_assert_ptr_nonnull(strstr(take(fd), "two"));
    close(fd);
}
END_TEST

START_TEST(server_that_does_not_read_costs_messages_alone)
{
    int fd = listen_anew();
    unsigned sent = 0;

    while (sent < 100000 && syslog_server_send(&server, 6, STR("text")))
        sent++;
    ck_assert_uint_lt(sent, 100000);
    ck_assert_int_eq(errno, EAGAIN);
    take(fd);
    ck_assert(syslog_server_send(&server, 6, STR("text")));
    close(fd);
}
END_TEST

static const struct { const char *name; int number; } facilities[] = {
    { "kern", 0 }, { "user", 1 }, { "authpriv", 10 }, { "cron", 15 }, { "local0", 16 },
    { "local7", 23 }, { "local8", -1 }, { "", -1 }, { "USER", -1 },
};

START_TEST(facility_has_its_number)
{
    ck_assert_int_eq(syslog_facility_find(str_of(facilities[_i].name)), facilities[_i].number);
}
END_TEST

static void
add(Suite *suite, const TTest *test, const char *name, int times)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, prepare, clear);
    tcase_add_loop_test(tcase, test, 0, times);
    suite_add_tcase(suite, tcase);
}

int
main(void)
{
    Suite *suite = suite_create("base/syslog_server");

#define ADD(test, times) add(suite, (test), #test, (int)(times))
    ADD(message_has_the_form_of_rfc_3164, ARRAY_LEN(messages));
    ADD(long_text_is_cut, 1);
    ADD(server_that_is_not_there_is_looked_for_now_and_then, 1);
    ADD(server_made_anew_loses_nothing, 1);
    ADD(server_that_does_not_read_costs_messages_alone, 1);
    ADD(facility_has_its_number, ARRAY_LEN(facilities));
#undef ADD
    return unit_run(suite);
}
