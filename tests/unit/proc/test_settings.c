/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/settings.h"
#include "proc/cpus.h"
#include "proc/runtime.h"
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

static char said[65536];

/* Reads a configuration that is given as text; what it says on the console ends up in `said`. */
static struct runtime *
read_text(const char *text)
{
    static struct options options;
    char name[] = "/tmp/weir-settings-XXXXXX";
    int fd = mkstemp(name), before;
    struct runtime *rt;
    ssize_t n;

    ck_assert_int_ge(fd, 0);
    unlink(name);
    options = (struct options){ .prefix = STR("/srv/weir/"), .directives = str_of(text) };
    before = console_redirect(fd);
    rt = runtime_read(&options);
    console_redirect(before);
    n = pread(fd, said, sizeof(said) - 1, 0);
    ck_assert_int_ge(n, 0);
    said[n] = '\0';
    close(fd);
    return rt;
}

/* `user` needs the right to change it, and its refusal is not what is tested. */
#define LIMIT(text) "master_process off; events { " text " }"
#define EVENTS "master_process off; events { } "

START_TEST(defaults_are_those_of_the_documentation)
{
    struct runtime *rt = read_text(EVENTS);
    const struct main_settings *s;

    ck_assert_str_eq(said, "");
    ck_assert_ptr_nonnull(rt);
    s = rt->main;
    ck_assert(s->daemon);
    ck_assert_uint_eq(s->worker_processes, 1);
    ck_assert_uint_eq(s->shutdown_timeout_ms, 300000);
    ck_assert_int_eq(s->priority, 0);
    ck_assert_uint_eq(s->rlimit_nofile, 0);
    ck_assert(!s->rlimit_core.given);
    ck_assert_uint_eq(s->affinity.count, 0);
    ck_assert(str_starts(s->pid_path, STR("/")));
    ck_assert(str_ends(s->pid_path, STR("weir.pid")));
    ck_assert_int_eq(s->log.level, LEVEL_ERR);
    ck_assert_ptr_null(s->log.outputs->next);
    ck_assert_uint_eq(rt->events->worker_connections, 512);
    ck_assert_uint_eq(rt->events->epoll_events, 512);
    runtime_free(rt);
}
END_TEST

START_TEST(values_arrive_where_they_belong)
{
    struct runtime *rt = read_text(
        "daemon off; master_process off; worker_processes 3; pid run/x.pid; "
        "error_log logs/a.log warn; error_log stderr info; worker_rlimit_nofile 4096; "
        "worker_rlimit_core 1m; worker_priority -5; worker_shutdown_timeout 10s; "
        "worker_cpu_affinity 0001 0010 1100; working_directory cores; env FOO; env BAR=1; "
        "events { worker_connections 77; epoll_events 33; use epoll; }");
    const struct main_settings *s;

    ck_assert_str_eq(said, "");
    ck_assert_ptr_nonnull(rt);
    s = rt->main;
    ck_assert(!s->daemon);
    ck_assert(!s->master_process);
    ck_assert_uint_eq(s->worker_processes, 3);
    ck_assert(str_eq(s->pid_path, STR("/srv/weir/run/x.pid")));
    ck_assert_int_eq(s->log.level, LEVEL_INFO);
    ck_assert(str_eq(s->log.outputs->file->path, STR("/srv/weir/logs/a.log")));
    ck_assert_int_eq(s->log.outputs->level, LEVEL_WARN);
    ck_assert(s->log.outputs->next->file->kind == LOG_STDERR);
    ck_assert_uint_eq(s->rlimit_nofile, 4096);
    ck_assert(s->rlimit_core.given);
    ck_assert_uint_eq(s->rlimit_core.bytes, 1 << 20);
    ck_assert_int_eq(s->priority, -5);
    ck_assert_uint_eq(s->shutdown_timeout_ms, 10000);
    ck_assert_uint_eq(s->affinity.count, 3);
    ck_assert(CPU_ISSET(0, &s->affinity.masks[0]));
    ck_assert(CPU_ISSET(1, &s->affinity.masks[1]));
    ck_assert(CPU_ISSET(2, &s->affinity.masks[2]) && CPU_ISSET(3, &s->affinity.masks[2]));
    ck_assert_int_eq(CPU_COUNT(&s->affinity.masks[2]), 2);
    ck_assert(str_eq(s->working_directory, STR("/srv/weir/cores")));
    ck_assert_uint_eq(s->env.list.len, 2);
    ck_assert(str_eq(s->env.list.items[1], STR("BAR=1")));
    ck_assert_uint_eq(rt->events->worker_connections, 77);
    ck_assert_uint_eq(rt->events->epoll_events, 33);
    runtime_free(rt);
}
END_TEST

START_TEST(limits_of_the_pool_arrive_where_they_belong)
{
    struct runtime *rt = read_text("master_process off; events { }");
    const struct pool_limits *l = &rt->events->limits, *d = &pool_default_limits;

    ck_assert_uint_eq(l->drain_when_free.num, d->drain_when_free.num);
    ck_assert_uint_eq(l->drain_when_free.den, d->drain_when_free.den);
    ck_assert_uint_eq(l->close_when_free.num, d->close_when_free.num);
    ck_assert_uint_eq(l->close_when_free.den, d->close_when_free.den);
    ck_assert_uint_eq(l->drain_batch, d->drain_batch);
    ck_assert_uint_eq(l->drain_address_share, d->drain_address_share);
    ck_assert_uint_eq(l->drain_idle_ms, d->drain_idle_ms);
    ck_assert_uint_eq(l->drain_silent_ms, d->drain_silent_ms);
    ck_assert_uint_eq(l->accept_step_back, d->accept_step_back);
    ck_assert_uint_eq(l->accept_retry.first_ms, d->accept_retry.first_ms);
    ck_assert_uint_eq(l->accept_retry.most_ms, d->accept_retry.most_ms);
    ck_assert_int_eq(l->overload.action, d->overload.action);
    runtime_free(rt);

    rt = read_text("master_process off; events { drain_when_free 3%; close_when_free off; "
                   "drain_batch 256; drain_idle 2s; drain_silent 0; drain_address_share 1; "
                   "accept_step_back 0; accept_retry 1ms 1m; "
                   "overload reject retry_after=90s; }");
    ck_assert_str_eq(said, "");
    l = &rt->events->limits;
    ck_assert_uint_eq(l->drain_when_free.num, 3);
    ck_assert_uint_eq(l->drain_when_free.den, 100);
    ck_assert_uint_eq(l->close_when_free.den, 0);
    ck_assert_uint_eq(l->drain_batch, 256);
    ck_assert_uint_eq(l->drain_idle_ms, 2000);
    ck_assert_uint_eq(l->drain_silent_ms, 0);
    ck_assert_uint_eq(l->drain_address_share, 1);
    ck_assert_uint_eq(l->accept_step_back, 0);
    ck_assert_uint_eq(l->accept_retry.first_ms, 1);
    ck_assert_uint_eq(l->accept_retry.most_ms, 60000);
    ck_assert_int_eq(l->overload.action, OVERLOAD_REJECT);
    ck_assert_uint_eq(l->overload.retry_after_s, 90);
    runtime_free(rt);
}
END_TEST

START_TEST(automatic_workers_are_as_many_as_usable_processors)
{
    struct runtime *rt = read_text(EVENTS "worker_processes auto; worker_cpu_affinity auto;");

    ck_assert_ptr_nonnull(rt);
    ck_assert_uint_eq(rt->main->worker_processes, cpus_usable());
    ck_assert(rt->main->affinity.automatic);
    ck_assert_uint_ge(rt->main->affinity.count, 1);
    ck_assert_int_eq(CPU_COUNT(&rt->main->affinity.masks[0]), 1);
    runtime_free(rt);
}
END_TEST

static const char *const accepted[] = {
    "lock_file logs/x.lock;", "pcre_jit on;", "pcre_jit off;", "timer_resolution 100ms;",
    "thread_pool default;", "thread_pool a threads=4; thread_pool b threads=1 max_queue=0;",
    "debug_points stop;", "debug_points abort;", "worker_priority 20;", "worker_priority -20;",
    "worker_processes 1024;", "worker_cpu_affinity auto 0101;", "worker_shutdown_timeout 0;",
};

START_TEST(directive_for_compatibility_is_accepted)
{
    char text[512];
    struct runtime *rt;

    snprintf(text, sizeof(text), EVENTS "%s", accepted[_i]);
    rt = read_text(text);
    ck_assert_msg(rt != NULL, "%s: %s", accepted[_i], said);
    runtime_free(rt);
}
END_TEST

static const char *const accepted_events[] = {
    "use epoll;", "multi_accept on;", "accept_mutex off;", "accept_mutex_delay 500ms;",
    "worker_aio_requests 32;", "debug_connection 127.0.0.1;", "debug_connection 10.0.0.0/8;",
    "debug_connection ::1;", "debug_connection 2001:db8::/32;", "debug_connection unix:;",
    "debug_connection 10.0.0.1; debug_connection 10.0.0.2;", "worker_connections 1;",
};

START_TEST(directive_of_events_for_compatibility_is_accepted)
{
    char text[512];
    struct runtime *rt;

    snprintf(text, sizeof(text), "master_process off; events { %s }", accepted_events[_i]);
    rt = read_text(text);
    ck_assert_msg(rt != NULL, "%s: %s", accepted_events[_i], said);
    runtime_free(rt);
}
END_TEST

static const struct { const char *text, *first_line, *mend; } refused[] = {
    { "http { }", "no \"events\" section in configuration", "add \"events { }\"" },
    { "", "no \"events\" section in configuration", "add" },
    { EVENTS "worker_processes 0;", "invalid value \"0\" in \"worker_processes\" directive in "
      "command line", "auto" },
    { EVENTS "worker_processes 1025;", "invalid value \"1025\" in \"worker_processes\" directive",
      "1024" },
    { EVENTS "worker_processes many;", "invalid value \"many\" in", "auto" },
    { EVENTS "worker_processes 1 2;",
      "invalid number of arguments in \"worker_processes\" directive", "" },
    { EVENTS "worker_priority 21;", "invalid value \"21\" in", "from -20 to 20" },
    { EVENTS "worker_priority --1;", "invalid value \"--1\" in", "from -20 to 20" },
    { EVENTS "worker_cpu_affinity 012;",
      "invalid character \"2\" in \"worker_cpu_affinity\"", "" },
    { EVENTS "worker_cpu_affinity 00;", "\"00\" leaves a worker no processor", "" },
    { EVENTS "worker_cpu_affinity auto 1 1;",
      "invalid number of arguments in \"worker_cpu_affinity\" directive", "" },
    { EVENTS "load_module modules/x.so;",
      "module \"modules/x.so\" cannot be loaded, modules are part of the program", "weir -V" },
    { EVENTS "error_log syslog:tag=x;", "no syslog server specified", "unix:/dev/log" },
    { EVENTS "error_log memory:0 debug;", "invalid buffer size \"0\"", "memory:32k" },
    { EVENTS "error_log logs/x loud;", "invalid log level \"loud\"", "notice" },
    { EVENTS "env =x;", "invalid value \"=x\" in \"env\" directive", "a name, or NAME=value" },
    { EVENTS "thread_pool a;", "\"thread_pool\" must have \"threads\" parameter", "" },
    { EVENTS "thread_pool a threads=0;", "invalid threads value \"threads=0\"", "" },
    { EVENTS "thread_pool a threads=1 max_queue=x;", "invalid max_queue value", "" },
    { EVENTS "thread_pool a threads=1 other=1;", "invalid parameter \"other=1\"", "" },
    { EVENTS "pcre_jit maybe;",
      "invalid value \"maybe\" in \"pcre_jit\" directive, it must be \"on\" or \"off\"", "" },
    { EVENTS "debug_points x;", "invalid value \"x\" in \"debug_points\" directive", "stop" },
    { EVENTS "daemon on; daemon off;", "\"daemon\" directive is duplicate", "" },
    { EVENTS "events { }", "\"events\" directive is duplicate", "" },
    { EVENTS "worker_connections 5;", "\"worker_connections\" directive is not allowed here",
      "events" },
    { "master_process off; events { use kqueue; }", "invalid event type \"kqueue\"", "epoll" },
    { LIMIT("drain_when_free 1/0;"), "invalid value \"1/0\" in \"drain_when_free\" directive",
      "1/8 or 12%" },
    { LIMIT("drain_when_free 3/2;"), "invalid value \"3/2\"", "1/8 or 12%" },
    { LIMIT("drain_when_free 101%;"), "invalid value \"101%\"", "1/8 or 12%" },
    { LIMIT("drain_when_free 5;"), "invalid value \"5\"", "1/8 or 12%" },
    { LIMIT("drain_when_free %;"), "invalid value \"%\"", "1/8 or 12%" },
    { LIMIT("drain_when_free off;"), "invalid value \"off\"", "1/8 or 12%" },
    { LIMIT("close_when_free 1/;"), "invalid value \"1/\"", "or off" },
    { LIMIT("close_when_free -1/8;"), "invalid value \"-1/8\"", "or off" },
    { LIMIT("drain_batch 0;"), "invalid value \"0\"", "from 1 to 256" },
    { LIMIT("drain_batch 257;"), "invalid value \"257\"", "from 1 to 256" },
    { LIMIT("drain_idle soon;"), "invalid value \"soon\"", "500ms" },
    { LIMIT("drain_address_share 0;"), "invalid value \"0\"", "" },
    { LIMIT("accept_retry 0 1s;"), "invalid value \"0\" in \"accept_retry\" directive",
      "1ms at least" },
    { LIMIT("accept_retry 2s 1s;"), "invalid value \"1s\"", "not shorter" },
    { LIMIT("accept_retry 1s 2m;"), "invalid value \"2m\"", "1m at most" },
    { LIMIT("overload refuse;"), "invalid value \"refuse\" in \"overload\" directive",
      "wait, reject" },
    { LIMIT("overload wait retry_after=1s;"), "invalid parameter \"retry_after=1s\"", "" },
    { LIMIT("overload reject after=1s;"), "invalid parameter \"after=1s\"", "" },
    { LIMIT("overload reject retry_after=500ms;"), "invalid value \"500ms\"", "whole seconds" },
    { LIMIT("overload reject retry_after=2d;"), "invalid value \"retry_after=2d\"", "a day" },
    { "master_process off; events { worker_connections 0; }", "invalid value \"0\"", "" },
    { "master_process off; events { debug_connection 10.0.0.0/33; }",
      "host not found in debug_connection \"10.0.0.0/33\"", "" },
    { "master_process off; events { debug_connection 2001:db8::/129; }", "host not found", "" },
    { "master_process off; events { daemon off; }", "\"daemon\" directive is not allowed here",
      "main" },
    { "master_process off; events { worker_connections 2; } "
      "http { server { listen 127.0.0.1:1; listen 127.0.0.1:2; } }",
      "2 worker_connections are not enough for 2 listening sockets", "" },
};

START_TEST(wrong_value_is_refused_with_its_text_and_its_mend)
{
    struct runtime *rt = read_text(refused[_i].text);

    ck_assert_msg(rt == NULL, "%s was accepted", refused[_i].text);
    ck_assert_msg(strstr(said, refused[_i].first_line) != NULL, "%s said:\n%s", refused[_i].text,
                  said);
    ck_assert_msg(strstr(said, refused[_i].mend) != NULL, "%s said:\n%s", refused[_i].text, said);
}
END_TEST

START_TEST(masks_that_do_not_match_the_workers_are_a_warning)
{
    struct runtime *rt = read_text(EVENTS "worker_processes 2; worker_cpu_affinity 1;");

    ck_assert_ptr_nonnull(rt);
    ck_assert_ptr_nonnull(strstr(said, "[warn] the number of \"worker_processes\" is not equal"));
    runtime_free(rt);
}
END_TEST

START_TEST(user_is_looked_up_by_root_alone)
{
    struct runtime *rt = read_text("user no-such-user; events { }");

    if (geteuid() == 0) {
        ck_assert_ptr_null(rt);
        ck_assert_ptr_nonnull(strstr(said, "getpwnam(\"no-such-user\") failed in command line"));
        ck_assert_ptr_nonnull(strstr(said, "there is no such user"));
    } else {
        ck_assert_ptr_nonnull(rt);
        ck_assert(!rt->main->user.resolved);
        ck_assert_ptr_nonnull(strstr(said, "the \"user\" directive makes sense only if the master "
                                     "process runs with super-user privileges, ignored"));
    }
    runtime_free(rt);
}
END_TEST

START_TEST(user_without_a_group_of_its_name_has_its_own_group)
{
    struct runtime *rt;

    if (geteuid() != 0)
        return;
    rt = read_text("user nobody; events { }");
    ck_assert_msg(rt != NULL, "%s", said);
    ck_assert(rt->main->user.resolved);
    ck_assert_uint_ne(rt->main->user.uid, 0);
    ck_assert_uint_ne(rt->main->user.gid, 0);
    runtime_free(rt);
    rt = read_text("user nobody no-such-group; events { }");
    ck_assert_ptr_null(rt);
    ck_assert_ptr_nonnull(strstr(said, "getgrnam(\"no-such-group\") failed"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/settings");

    unit_add(suite, defaults_are_those_of_the_documentation, 1);
    unit_add(suite, values_arrive_where_they_belong, 1);
    unit_add(suite, limits_of_the_pool_arrive_where_they_belong, 1);
    unit_add(suite, automatic_workers_are_as_many_as_usable_processors, 1);
    unit_add(suite, directive_for_compatibility_is_accepted, ARRAY_LEN(accepted));
    unit_add(suite, directive_of_events_for_compatibility_is_accepted,
             ARRAY_LEN(accepted_events));
    unit_add(suite, wrong_value_is_refused_with_its_text_and_its_mend, ARRAY_LEN(refused));
    unit_add(suite, masks_that_do_not_match_the_workers_are_a_warning, 1);
    unit_add(suite, user_is_looked_up_by_root_alone, 1);
    unit_add(suite, user_without_a_group_of_its_name_has_its_own_group, 1);
    return unit_run(suite);
}
