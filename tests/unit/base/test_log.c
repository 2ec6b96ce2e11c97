/* SPDX-License-Identifier: BSD-2-Clause */
/* log: lines, files, levels, losses, the console. */
#include "unit.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[128];
static char content[64 * 1024];
static struct arena *arena;
static struct log_files files;
static struct log_refusal why;

static void
make_folder(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(folder, sizeof(folder), "%s/weir-log-XXXXXX", tmp != NULL ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    arena = arena_create(4096, 0);
    log_files_init(&files, arena);
    setenv("TZ", "UTC0", 1);
    now.wall_s = 784111777;
    now.mono_ms = 5000;
}

static void
remove_folder(void)
{
    static const char *const names[] = { "a.log", "b.log", "old.log", "fifo", "console" };

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    arena_destroy(arena);
}

static struct str
path_of(const char *name)
{
    return arena_fmt(arena, "%s/%s", folder, name);
}

static struct log_file *
open_log(const char *name)
{
    struct log_file *file = log_file_add(&files, path_of(name));

    ck_assert(log_file_open(file, &why));
    return file;
}

static const char *
read_log(const char *name)
{
    int fd = open(path_of(name).p, O_RDONLY);
    ssize_t n;

    ck_assert_int_ne(fd, -1);
    n = read(fd, content, sizeof(content) - 1);
    ck_assert_int_ge(n, 0);
    content[n] = '\0';
    close(fd);
    return content;
}

/* A descriptor that takes what the console says, in the file "console". */
static void
catch_console(void)
{
    int fd = open(path_of("console").p, O_WRONLY | O_CREAT | O_APPEND, 0644);

    ck_assert_int_ne(fd, -1);
    console_redirect(fd);
}

static void
describe_client(struct log_details *details, const struct log_context *ctx)
{
    (void)ctx;
    log_detail(details, "client", STR("192.0.2.1"));
    log_detail_quoted(details, "request", STR("GET /\n\"x\" HTTP/1.1"));
    log_detail_quoted(details, "referrer", STR(""));
}

static const struct {
    struct log_context ctx;
    int err;
    const char *text, *rest;
} lines[] = {
    { { .action = NULL }, 0, "ready", "ready\n" },
    { { .connection = 7 }, 0, "ready", "*7 ready\n" },
    { { .action = "reading client request line" }, 0, "x",
      "x while reading client request line\n" },
    { { .connection = UINT64_MAX }, ENOENT, "open() \"/x\" failed",
      "*18446744073709551615 open() \"/x\" failed (2: No such file or directory)\n" },
    { { .connection = 7, .action = "sending", .describe = describe_client }, EPIPE, "gone",
      "*7 gone (32: Broken pipe) while sending, client: 192.0.2.1, "
      "request: \"GET /\\x0A\\x22x\\x22 HTTP/1.1\"\n" },
    { { .action = NULL }, 0, "a\nb\tc\x1b[31m\x7f \xc3\xa4\xff\xc2\x9b\x9b",
      "a\\x0Ab\\x09c\\x1B[31m\\x7F \xc3\xa4\\xFF\\xC2\\x9B\\x9B\n" },
};

START_TEST(line_has_time_level_process_connection_text_and_circumstances)
{
    struct log_output out = { .file = open_log("a.log"), .level = LEVEL_INFO };
    struct log log = { .outputs = &out, .level = LEVEL_INFO };
    struct log_context ctx = lines[_i].ctx;
    char expected[1024];

    ctx.log = &log;
    snprintf(expected, sizeof(expected), "1994/11/06 08:49:37 [warn] %d#%d: %s", (int)getpid(),
             (int)getpid(), lines[_i].rest);
    LOG(&ctx, WARN, lines[_i].err, "%s", lines[_i].text);
    ck_assert_str_eq(read_log("a.log"), expected);
}
END_TEST

START_TEST(each_output_takes_its_level_and_what_is_worse)
{
    struct log_output b = { .file = open_log("b.log"), .level = LEVEL_DEBUG };
    struct log_output a = { .file = open_log("a.log"), .level = LEVEL_ERR, .next = &b };
    struct log log = { .outputs = &a, .level = LEVEL_DEBUG };
    struct log_context ctx = { .log = &log };

    for (enum log_level level = LEVEL_EMERG; level < LEVEL_COUNT; level++)
        log_write(&ctx, level, 0, "level %d", (int)level);
    ck_assert_ptr_nonnull(strstr(read_log("a.log"), "level 3\n"));
    ck_assert_ptr_null(strstr(content, "level 4\n"));
    ck_assert_ptr_nonnull(strstr(read_log("b.log"), "level 7\n"));
}
END_TEST

START_TEST(line_of_json_has_members_and_no_more_than_fit)
{
    struct log_output out = { .file = open_log("a.log"), .level = LEVEL_INFO, .json = true };
    struct log log = { .outputs = &out, .level = LEVEL_INFO };
    struct log_context ctx = { .log = &log, .connection = 7, .action = "sending",
        .describe = describe_client };
    char expected[1024], text[20000];

    snprintf(expected, sizeof(expected), "{\"time\":\"1994-11-06T08:49:37+00:00\",\"level\":\"warn\","
             "\"pid\":%d,\"tid\":%d,\"connection\":7,\"errno\":32,\"error\":\"Broken pipe\","
             "\"message\":\"a\\nb\\u0001 \xef\xbf\xbd \xc3\xa4\",\"action\":\"sending\",\"client\":"
             "\"192.0.2.1\",\"request\":\"GET /\\n\\\"x\\\" HTTP/1.1\"}\n", (int)getpid(),
             (int)getpid());
    LOG(&ctx, WARN, EPIPE, "%s", "a\nb\x01 \xff \xc3\xa4");
    ck_assert_str_eq(read_log("a.log"), expected);

    memset(text, '\x01', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    LOG(&ctx, WARN, 0, "%s", text);
    read_log("a.log");
    ck_assert_uint_le(strlen(content) - strlen(expected), LOG_LINE_MAX);
    ck_assert_ptr_nonnull(strstr(content, "\\u0001\",\"action\":\"sending\",\"client\":"));
    ck_assert_str_eq(content + strlen(content) - 3, "\"}\n");
}
END_TEST

START_TEST(ring_has_the_last_bytes)
{
    struct log_file *file = log_file_add(&files, STR("memory:8"));

    ck_assert(log_file_make_ring(&files, file, 8));
    ck_assert_ptr_eq(log_rings, file->ring);
    ck_assert(log_file_open(file, &why) && log_file_reopen(file, &why));
    ck_assert(log_file_write(file, STR("0123456789")));
    ck_assert_mem_eq(file->ring->bytes, "89234567", 8);
    ck_assert(log_file_write(file, STR("ab")));
    ck_assert_mem_eq(file->ring->bytes, "89ab4567", 8);
    ck_assert_uint_eq(file->ring->at, 4);
    ck_assert_uint_eq(file->ring->written, 12);
    arena_reset(arena);
    ck_assert_ptr_null(log_rings);
}
END_TEST

START_TEST(debug_takes_all_levels_into_all_outputs)
{
    struct log_output out = { .file = open_log("a.log"), .level = LEVEL_CRIT };
    struct log log = { .outputs = &out, .level = LEVEL_CRIT };
    struct log_context ctx = { .log = &log, .debug = true };

    LOG(&ctx, DEBUG, 0, "told");
    ck_assert_ptr_nonnull(strstr(read_log("a.log"), "[debug]"));
}
END_TEST

static int evaluated;

static int
evaluate(void)
{
    return ++evaluated;
}

START_TEST(unwanted_levels_cost_nothing)
{
    struct log_output out = { .file = open_log("a.log"), .level = LEVEL_DEBUG };
    struct log log = { .outputs = &out, .level = LEVEL_ERR };
    struct log_context ctx = { .log = &log };

    LOG(&ctx, WARN, 0, "%d", evaluate());
    log_write(&ctx, LEVEL_WARN, 0, "also so");
    ck_assert_int_eq(evaluated, 0);
    ck_assert_str_eq(read_log("a.log"), "");
    LOG(&ctx, ERR, 0, "%d", evaluate());
    ck_assert_int_eq(evaluated, 1);
}
END_TEST

static const size_t long_lengths[] = { 4000, 4056, 4070, 4096, 4097, 20000 };

START_TEST(long_line_is_cut_and_still_ends)
{
    struct log_output out = { .file = open_log("a.log"), .level = LEVEL_INFO };
    struct log log = { .outputs = &out, .level = LEVEL_INFO };
    struct log_context ctx = { .log = &log, .describe = describe_client };
    size_t n = long_lengths[_i];
    char *text = malloc(n + 1);

    memset(text, _i % 2 == 0 ? 'x' : '\n', n);
    text[n] = '\0';
    log_write(&ctx, LEVEL_WARN, EIO, "%s", text);
    free(text);
    n = strlen(read_log("a.log"));
    ck_assert_uint_le(n, LOG_LINE_MAX);
    ck_assert_ptr_eq(strchr(content, '\n'), content + n - 1);
}
END_TEST

START_TEST(logging_leaves_errno_alone)
{
    struct log_file full = { .path = STR_INIT("/dev/full"), .fd = open("/dev/full", O_WRONLY) };
    struct log_output out = { .file = &full, .level = LEVEL_INFO };
    struct log log = { .outputs = &out, .level = LEVEL_INFO };
    struct log_context ctx = { .log = &log };

    catch_console();
    errno = EXDEV;
    LOG(&ctx, ERR, errno, "x");
    ck_assert_int_eq(errno, EXDEV);
}
END_TEST

START_TEST(failed_writes_are_counted_and_complained_of_once_a_second)
{
    struct log_file full = { .path = STR_INIT("/dev/full"), .fd = open("/dev/full", O_WRONLY) };

    catch_console();
    for (int i = 0; i < 3; i++)
        ck_assert(!log_file_write(&full, STR("line\n")));
    ck_assert_uint_eq(full.lost, 3);
    ck_assert_uint_eq(stats->log_lines_lost, 3);
    ck_assert_str_eq(read_log("console"),
                     "weir: [alert] write() to \"/dev/full\" failed "
                     "(28: No space left on device), 1 writes lost so far\n");
    now.mono_ms += 1000;
    ck_assert(!log_file_write(&full, STR("line\n")));
    ck_assert_ptr_nonnull(strstr(read_log("console"), " 4 writes lost so far\n"));
}
END_TEST

START_TEST(console_that_is_the_failing_log_is_not_told)
{
    struct log_file full = { .path = STR_INIT("/dev/full"), .fd = open("/dev/full", O_WRONLY) };

    console_redirect(open("/dev/full", O_WRONLY));
    ck_assert(!log_file_write(&full, STR("line\n")));
    ck_assert_uint_eq(full.lost, 1);
}
END_TEST

START_TEST(file_that_is_not_open_loses_what_is_written)
{
    struct log_file *file = log_file_add(&files, path_of("a.log"));

    catch_console();
    ck_assert(!log_file_write(file, STR("line\n")));
    ck_assert_uint_eq(file->lost, 1);
}
END_TEST

/* A pipe or terminal that nobody empties must not stop the server. */
START_TEST(stuck_reader_costs_lines_but_no_blocking)
{
    struct log_file file = { .path = STR_INIT("stderr"), .kind = _i == 1 ? LOG_STDERR : LOG_FILE };
    unsigned writes = 0;
    int ends[2];

    catch_console();
    ck_assert_int_eq(pipe(ends), 0);
    file.fd = ends[1];
    if (_i == 0)
        ck_assert_int_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    while (log_file_write(&file, STR("a line that nobody reads\n")))
        writes++;
    ck_assert_uint_gt(writes, 10);
    ck_assert(!log_file_write(&file, STR("another that nobody reads\n")));
    ck_assert_uint_eq(file.lost, 2);
}
END_TEST

START_TEST(large_batch_reaches_a_pipe_in_whole_lines)
{
    struct log_file file = { .path = STR_INIT("stderr"), .kind = LOG_STDERR };
    char batch[10000];
    ssize_t n;
    int ends[2];

    memset(batch, 'x', sizeof(batch));
    for (size_t i = 99; i < sizeof(batch); i += 100)
        batch[i] = '\n';
    ck_assert_int_eq(pipe2(ends, O_DIRECT), 0);         /* each write is one packet */
    file.fd = ends[1];
    ck_assert(log_file_write(&file, (struct str){ batch, sizeof(batch) }));
    for (size_t sum = 0; sum < sizeof(batch); sum += (size_t)n) {
        n = read(ends[0], content, sizeof(content));
        ck_assert_int_gt(n, 0);
        ck_assert_int_le(n, 4096);
        ck_assert_int_eq(content[n - 1], '\n');
    }
}
END_TEST

START_TEST(one_path_is_one_file)
{
    struct log_file *a = log_file_add(&files, path_of("a.log"));

    ck_assert_ptr_eq(log_file_add(&files, path_of("a.log")), a);
    ck_assert_ptr_ne(log_file_add(&files, path_of("b.log")), a);
    ck_assert_int_eq(a->fd, -1);
    ck_assert(log_file_add(&files, STR("stderr"))->kind == LOG_STDERR);
}
END_TEST

START_TEST(opened_file_appends_and_is_private_to_the_process)
{
    struct log_file *a = open_log("a.log");

    ck_assert(log_file_write(a, STR("one\n")));
    ck_assert(log_file_open(a, &why));
    ck_assert_int_ne(fcntl(a->fd, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_ne(fcntl(a->fd, F_GETFL) & O_APPEND, 0);
    log_files_close(&files);
    ck_assert_int_eq(a->fd, -1);
    ck_assert(log_file_open(a, &why));
    ck_assert(log_file_write(a, STR("two\n")));
    ck_assert_str_eq(read_log("a.log"), "one\ntwo\n");
}
END_TEST

START_TEST(fifo_waits_for_a_reader_with_what_was_written)
{
    struct log_file *fifo = log_file_add(&files, path_of("fifo"));
    char bytes[8];
    int fd;

    ck_assert_int_eq(mkfifo(path_of("fifo").p, 0644), 0);
    ck_assert(log_file_open(fifo, &why));
    ck_assert(log_file_write(fifo, STR("early\n")));
    fd = open(path_of("fifo").p, O_RDONLY | O_NONBLOCK);
    ck_assert_int_eq(read(fd, bytes, sizeof(bytes)), 6);
    close(fd);
}
END_TEST

START_TEST(reopened_file_follows_its_path)
{
    struct log_file *a = open_log("a.log");

    log_file_write(a, STR("before\n"));
    ck_assert_int_eq(rename(path_of("a.log").p, path_of("old.log").p), 0);
    log_file_write(a, STR("still there\n"));
    ck_assert(log_file_reopen(a, &why));
    log_file_write(a, STR("after\n"));
    ck_assert_str_eq(read_log("old.log"), "before\nstill there\n");
    ck_assert_str_eq(read_log("a.log"), "after\n");
}
END_TEST

START_TEST(failed_reopening_keeps_the_old_file)
{
    struct log_file *a = open_log("a.log");

    ck_assert_int_eq(rename(path_of("a.log").p, path_of("old.log").p), 0);
    ck_assert_int_eq(mkdir(path_of("a.log").p, 0755), 0);
    ck_assert(!log_file_reopen(a, &why));
    ck_assert(log_file_write(a, STR("kept\n")));
    ck_assert_str_eq(read_log("old.log"), "kept\n");
    ck_assert_int_eq(rmdir(path_of("a.log").p), 0);
}
END_TEST

START_TEST(replaced_descriptor_is_closed)
{
    struct log_file *a = open_log("a.log");
    int old = a->fd, fd = open(path_of("b.log").p, O_WRONLY | O_CREAT, 0644);

    log_file_replace(a, fd);
    ck_assert_int_eq(a->fd, fd);
    ck_assert_int_eq(fcntl(old, F_GETFD), -1);
    log_file_replace(a, fd);
    ck_assert_int_ne(fcntl(fd, F_GETFD), -1);
}
END_TEST

START_TEST(stderr_stays_open)
{
    struct log_file *file = log_file_add(&files, STR("stderr"));

    ck_assert(log_file_open(file, &why));
    ck_assert_int_eq(file->fd, STDERR_FILENO);
    ck_assert(log_file_reopen(file, &why));
    ck_assert_int_eq(file->fd, STDERR_FILENO);
    log_files_close(&files);
    ck_assert_int_ne(fcntl(STDERR_FILENO, F_GETFD), -1);
}
END_TEST

START_TEST(console_takes_what_is_said_before_there_is_a_log)
{
    catch_console();
    LOG(&process_log, EMERG, ENOENT, "open() \"%s\" failed", "/x");
    LOG(&process_log, NOTICE, 0, "two\n\tlines\x1b");
    LOG(&process_log, INFO, 0, "never mind");
    console("verdict %d", 1);
    ck_assert_str_eq(read_log("console"),
                     "weir: [emerg] open() \"/x\" failed (2: No such file or directory)\n"
                     "weir: [notice] two\n\tlines\\x1B\n"
                     "weir: verdict 1\n");
}
END_TEST

START_TEST(level_names_are_those_of_the_conf_file)
{
    for (enum log_level level = LEVEL_EMERG; level < LEVEL_COUNT; level++)
        ck_assert_int_eq(log_level_find(str_of(log_level_name(level))), (int)level);
    ck_assert_int_eq(log_level_find(STR("error")), LEVEL_ERR);
    ck_assert_int_eq(log_level_find(STR("err")), -1);
    ck_assert_int_eq(log_level_find(STR("")), -1);
}
END_TEST

static void
add(Suite *suite, const TTest *test, const char *name, int times)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, make_folder, remove_folder);
    tcase_add_loop_test(tcase, test, 0, times);
    suite_add_tcase(suite, tcase);
}

int
main(void)
{
    Suite *suite = suite_create("base/log");

#define ADD(test, times) add(suite, (test), #test, (int)(times))
    ADD(line_has_time_level_process_connection_text_and_circumstances, ARRAY_LEN(lines));
    ADD(each_output_takes_its_level_and_what_is_worse, 1);
    ADD(line_of_json_has_members_and_no_more_than_fit, 1);
    ADD(ring_has_the_last_bytes, 1);
    ADD(debug_takes_all_levels_into_all_outputs, 1);
    ADD(unwanted_levels_cost_nothing, 1);
    ADD(long_line_is_cut_and_still_ends, ARRAY_LEN(long_lengths));
    ADD(logging_leaves_errno_alone, 1);
    ADD(failed_writes_are_counted_and_complained_of_once_a_second, 1);
    ADD(console_that_is_the_failing_log_is_not_told, 1);
    ADD(file_that_is_not_open_loses_what_is_written, 1);
    ADD(stuck_reader_costs_lines_but_no_blocking, 2);
    ADD(large_batch_reaches_a_pipe_in_whole_lines, 1);
    ADD(one_path_is_one_file, 1);
    ADD(opened_file_appends_and_is_private_to_the_process, 1);
    ADD(fifo_waits_for_a_reader_with_what_was_written, 1);
    ADD(reopened_file_follows_its_path, 1);
    ADD(failed_reopening_keeps_the_old_file, 1);
    ADD(replaced_descriptor_is_closed, 1);
    ADD(stderr_stays_open, 1);
    ADD(console_takes_what_is_said_before_there_is_a_log, 1);
    ADD(level_names_are_those_of_the_conf_file, 1);
#undef ADD
    return unit_run(suite);
}
