/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/channel.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];
static struct channel_message got;

static void
setup(void)
{
    ck_assert(channel_open(ends));
}

START_TEST(message_without_text_and_descriptor_arrives)
{
    setup();
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_EMPTY);
    ck_assert(channel_send(ends[0], CHANNEL_READY, STR_NONE, -1));
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_GOT);
    ck_assert_int_eq(got.kind, CHANNEL_READY);
    ck_assert_uint_eq(got.text.len, 0);
    ck_assert_int_eq(got.fd, -1);
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_EMPTY);
}
END_TEST

START_TEST(messages_stay_apart)
{
    setup();
    ck_assert(channel_send(ends[0], CHANNEL_LOG_FILE, STR("one"), -1));
    ck_assert(channel_send(ends[0], CHANNEL_LOG_FILE, STR("three"), -1));
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_GOT);
    ck_assert(str_eq(got.text, STR("one")));
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_GOT);
    ck_assert(str_eq(got.text, STR("three")));
}
END_TEST

static const int counts[] = { 1, 2, 3, 4 };

/* Who was taken over must not be able to use up the master's descriptors. */
START_TEST(several_descriptors_are_closed)
{
    int fds[4] = { 0, 0, 0, 0 }, fd, lowest, count = counts[_i];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(fds))];
    } control = { .bytes = { 0 } };
    enum channel_kind kind = CHANNEL_LIST;
    struct iovec part = { &kind, sizeof(kind) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes };

    setup();
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(&control.header), fds, (size_t)count * sizeof(int));
    ck_assert_int_eq(sendmsg(ends[0], &message, 0), sizeof(kind));
    lowest = dup(0);
    close(lowest);
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_GOT);
    ck_assert_int_eq(got.fd >= 0, count == 1);
    if (got.fd >= 0)
        close(got.fd);
    fd = dup(0);
    ck_assert_int_eq(fd, lowest);
}
END_TEST

START_TEST(descriptor_comes_along_and_is_closed_on_exec)
{
    int fd = open("/dev/null", O_WRONLY);
    struct stat sent, received;

    setup();
    ck_assert_int_ge(fd, 0);
    ck_assert(channel_send(ends[0], CHANNEL_LOG_FILE, STR("/dev/null"), fd));
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_GOT);
    ck_assert_int_ge(got.fd, 0);
    ck_assert_int_ne(got.fd, fd);
    ck_assert_int_eq(fstat(fd, &sent), 0);
    ck_assert_int_eq(fstat(got.fd, &received), 0);
    ck_assert_uint_eq(sent.st_rdev, received.st_rdev);
    ck_assert_int_ne(fcntl(got.fd, F_GETFD) & FD_CLOEXEC, 0);
}
END_TEST

START_TEST(message_arrives_where_there_is_no_room_for_its_descriptor)
{
    struct rlimit files, few;

    setup();
    ck_assert(channel_send(ends[0], CHANNEL_LOG_FILE, STR("a"), STDERR_FILENO));
    ck_assert(channel_send(ends[0], CHANNEL_LOG_FILE, STR("b"), -1));
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    few = files;
    few.rlim_cur = (rlim_t)MAX(ends[0], ends[1]) + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (fcntl(ends[0], F_DUPFD, 0) >= 0)
        continue;
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_GOT);
    ck_assert(got.fd == -1 && got.fd_lost && str_eq(got.text, STR("a")));
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_GOT);
    ck_assert(got.fd == -1 && !got.fd_lost && str_eq(got.text, STR("b")));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);      /* a leak checker wants some */
}
END_TEST

START_TEST(text_of_full_length_fits_and_one_more_ends_the_channel)
{
    static char text[CHANNEL_TEXT_MAX + 1];

    setup();
    memset(text, 'x', sizeof(text));
    ck_assert(channel_send(ends[0], CHANNEL_LOG_FILE, (struct str){ text, CHANNEL_TEXT_MAX }, -1));
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_GOT);
    ck_assert_uint_eq(got.text.len, CHANNEL_TEXT_MAX);
    ck_assert(channel_send(ends[0], CHANNEL_LOG_FILE, (struct str){ text, CHANNEL_TEXT_MAX + 1 }, -1));
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_CLOSED);
}
END_TEST

START_TEST(closed_end_is_seen_by_the_other)
{
    setup();
    ck_assert(channel_send(ends[0], CHANNEL_READY, STR_NONE, -1));
    close(ends[0]);
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_GOT);
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_CLOSED);
    ck_assert(!channel_send(ends[1], CHANNEL_READY, STR_NONE, -1));
    ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(other_side_that_does_not_read_does_not_block)
{
    unsigned sent = 0;

    setup();
    while (sent < 1000000 && channel_send(ends[0], CHANNEL_READY, STR("some text"), -1))
        sent++;
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_uint_gt(sent, 0);
}
END_TEST

START_TEST(message_shorter_than_its_kind_ends_the_channel)
{
    setup();
    ck_assert_int_eq(send(ends[0], "x", 1, 0), 1);
    ck_assert_int_eq(channel_receive(ends[1], &got), CHANNEL_CLOSED);
}
END_TEST

static struct channel_ends line;

static void
setup_line(void)
{
    ck_assert(channel_open_to_worker(&line));
}

START_TEST(worker_is_told_with_a_descriptor_and_says_without)
{
    setup_line();
    ck_assert_int_eq(channel_hear(line.master.hear, &got), CHANNEL_EMPTY);
    ck_assert(channel_say(line.worker.tell, CHANNEL_READY, STR_NONE));
    ck_assert(channel_say(line.worker.tell, CHANNEL_FAILED, STR("why")));
    ck_assert_int_eq(channel_hear(line.master.hear, &got), CHANNEL_GOT);
    ck_assert(got.kind == CHANNEL_READY && got.text.len == 0 && got.fd == -1 && !got.fd_lost);
    ck_assert_int_eq(channel_hear(line.master.hear, &got), CHANNEL_GOT);
    ck_assert(got.kind == CHANNEL_FAILED && str_eq(got.text, STR("why")));
    ck_assert(channel_send(line.master.tell, CHANNEL_LIST, STR("x"), STDERR_FILENO));
    ck_assert_int_eq(channel_receive(line.worker.hear, &got), CHANNEL_GOT);
    ck_assert(got.kind == CHANNEL_LIST && got.fd >= 0);
    close(got.fd);
    close(line.worker.tell);
    close(line.worker.hear);
    ck_assert_int_eq(channel_hear(line.master.hear, &got), CHANNEL_CLOSED);
    ck_assert(!channel_send(line.master.tell, CHANNEL_LIST, STR_NONE, -1));
}
END_TEST

/* Nor would a message without one be read. */
START_TEST(worker_cannot_pass_a_descriptor_to_the_master)
{
    setup_line();
    ck_assert(!channel_send(line.worker.hear, CHANNEL_READY, STR_NONE, STDERR_FILENO));
    ck_assert_int_eq(errno, EPIPE);
    ck_assert(!channel_send(line.worker.tell, CHANNEL_READY, STR_NONE, STDERR_FILENO));
    ck_assert_int_eq(errno, ENOTSOCK);
}
END_TEST

START_TEST(what_a_worker_says_is_cut_and_never_blocks)
{
    static char text[CHANNEL_SAID_MAX + 1];
    unsigned said = 0;

    setup_line();
    memset(text, 'x', sizeof(text));
    ck_assert(channel_say(line.worker.tell, CHANNEL_FAILED, (struct str){ text, sizeof(text) }));
    ck_assert_int_eq(channel_hear(line.master.hear, &got), CHANNEL_GOT);
    ck_assert_uint_eq(got.text.len, CHANNEL_SAID_MAX);
    ck_assert_int_eq(channel_hear(line.master.hear, &got), CHANNEL_EMPTY);
    while (said < 1000 && channel_say(line.worker.tell, CHANNEL_READY, STR_NONE))
        said++;
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_uint_gt(said, 0);
    ck_assert_uint_lt(said, 1000);
}
END_TEST

START_TEST(what_is_shorter_than_its_kind_ends_the_line)
{
    setup_line();
    ck_assert_int_eq(write(line.worker.tell, "x", 1), 1);
    ck_assert_int_eq(channel_hear(line.master.hear, &got), CHANNEL_CLOSED);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/channel");

    unit_add(suite, message_without_text_and_descriptor_arrives, 1);
    unit_add(suite, messages_stay_apart, 1);
    unit_add(suite, several_descriptors_are_closed, ARRAY_LEN(counts));
    unit_add(suite, descriptor_comes_along_and_is_closed_on_exec, 1);
    unit_add(suite, message_arrives_where_there_is_no_room_for_its_descriptor, 1);
    unit_add(suite, text_of_full_length_fits_and_one_more_ends_the_channel, 1);
    unit_add(suite, closed_end_is_seen_by_the_other, 1);
    unit_add(suite, other_side_that_does_not_read_does_not_block, 1);
    unit_add(suite, message_shorter_than_its_kind_ends_the_channel, 1);
    unit_add(suite, worker_is_told_with_a_descriptor_and_says_without, 1);
    unit_add(suite, worker_cannot_pass_a_descriptor_to_the_master, 1);
    unit_add(suite, what_a_worker_says_is_cut_and_never_blocks, 1);
    unit_add(suite, what_is_shorter_than_its_kind_ends_the_line, 1);
    return unit_run(suite);
}
