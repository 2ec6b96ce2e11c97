/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/doctor.h"

#include "base/clock.h"
#include "proc/ask.h"
#include "proc/doctor_parts.h"
#include "proc/doctor_proc.h"
#include "proc/pidfile.h"
#include "proc/tell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARENA_BLOCK = 64 << 10 };

/* In the order in which they are told. */
static const struct doctor_group *const groups[] = {
    &doctor_conf, &doctor_limits, &doctor_network, &doctor_files, &doctor_types, &doctor_logs,
    &doctor_clock, &doctor_walls,
};

/* ---- telling ------------------------------------------------------------------------------- */

const char *
doctor_level_name(enum doctor_level level)
{
    static const char *const names[] = {
#define DOCTOR_AS_NAME(id, name) name,
        DOCTOR_LEVELS(DOCTOR_AS_NAME)
#undef DOCTOR_AS_NAME
    };

    return names[level];
}

void
doctor_add(struct doctor *d, const struct doctor_finding *finding)
{
    struct doctor_finding *place = VEC_ADD(d->arena, &d->findings);

    if (place == NULL)
        return;
    *place = *finding;
    place->group = d->group->name;
    place->check = d->check->name;
    d->worst = MAX(d->worst, finding->level);
    if (finding->level != DOCTOR_FINE)
        d->counts[finding->level]++;
}

struct str
doctor_text(const struct doctor *d, const char *fmt, ...)
{
    struct writer w = writer_in(d->arena);
    const char *text;
    va_list args;

    va_start(args, fmt);
    write_vfmt(&w, fmt, args);
    va_end(args);
    text = writer_cstr(&w);
    return str_of(text != NULL ? text : "");
}

void
doctor_fine(struct doctor *d, const char *fmt, ...)
{
    struct writer w = writer_in(d->arena);
    va_list args;

    va_start(args, fmt);
    write_vfmt(&w, fmt, args);
    va_end(args);
    doctor_add(d, &(struct doctor_finding){ .level = DOCTOR_FINE, .text = writer_str(&w) });
}

struct str
doctor_size(const struct doctor *d, uint64_t bytes)
{
    struct writer w = writer_in(d->arena);

    write_size(&w, bytes);
    return writer_str(&w);
}

static bool
is_plain(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        "/._-+,:@%";

    return path[0] != '\0' && path[0] != '-' && path[strspn(path, plain)] == '\0';
}

const char *
doctor_shell(const struct doctor *d, const char *path)
{
    struct writer w = writer_in(d->arena);
    const char *text;

    if (is_plain(path))
        return path;
    write_char(&w, '\'');
    for (const char *p = path; *p != '\0'; p++)
        if (*p == '\'')
            write_str(&w, STR("'\\''"));
        else
            write_char(&w, *p);
    write_char(&w, '\'');
    text = writer_cstr(&w);
    return text != NULL ? text : "";
}

struct str
doctor_folder_of(const struct doctor *d, const char *path)
{
    const char *slash = strrchr(path, '/');

    return doctor_text(d, "%.*s", slash != NULL ? (int)(slash + 1 - path) : 0, path);
}

int
doctor_starter_may(const struct doctor *d, const char *path, int how)
{
    struct access_question *q = access_create(1);
    int err;

    if (q == NULL || strlen(path) >= sizeof(q->path)) {
        access_free(q, 1);
        return 0;
    }
    memcpy(q->path, path, strlen(path) + 1);
    q->how = how;
    access_ask(&d->starter, d->starter_is_us ? ACCOUNT_IS_US : ACCOUNT_COMPUTE, q, 1);
    err = q->is_hidden ? 0 : q->err;
    access_free(q, 1);
    return err;
}

/* ---- who it is about ----------------------------------------------------------------------- */

/* There is such a process, and /proc (hidepid=) does not show it to us. */
static bool
is_hidden(pid_t pid)
{
    char path[32];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    return stat(path, &st) != 0 && kill(pid, 0) != 0 && errno == EPERM;
}

/* The master that the pid file names, if it is one. */
static pid_t
find_running(const struct runtime *rt)
{
    pid_t pid;

    if (pidfile_read(rt->main->pid_path.p, &pid) == PIDFILE_OK
        && (proc_is_weir(pid) || is_hidden(pid)))
        return pid;
    return 0;
}

/* By what /proc says of it, or else who its pid file belongs to. */
static bool
find_owner(const struct doctor *d, uid_t *uid, gid_t *gid)
{
    struct stat st;

    if (proc_ids(d->running, uid, gid))
        return true;
    if (stat(d->rt->main->pid_path.p, &st) != 0)
        return false;
    *uid = st.st_uid;
    *gid = st.st_gid;
    return true;
}

static bool
may_write_folder_of(const struct doctor *d, const char *path)
{
    return access(doctor_folder_of(d, path).p, W_OK | X_OK) == 0;
}

/*
 * Who starts the server: who has started the one that runs; else root, if he asks, or if it can
 * hardly be who asks: the conf file is root's, and the pid file is out of reach.
 */
static void
find_starter(struct doctor *d)
{
    struct stat st;
    uid_t uid;
    gid_t gid;

    d->starter = account_self();
    if (d->running != 0 && find_owner(d, &uid, &gid) && uid != d->starter.uid)
        d->starter = account_of_uid(uid, gid);
    else if (d->running == 0 && d->starter.uid != 0 && str_is_set(d->options->conf_path)
             && stat(d->options->conf_path.p, &st) == 0 && st.st_uid == 0
             && !may_write_folder_of(d, d->rt->main->pid_path.p))
        d->starter = account_of_uid(0, 0);
    d->starter_is_us = d->starter.uid == geteuid();
}

static void
meet(struct doctor *d)
{
    const struct main_settings *s = d->rt->main;

    d->running = find_running(d->rt);
    find_starter(d);
    d->worker = d->starter.uid == 0 && s->master_process ? account_of_user(&s->user) : d->starter;
    d->method = account_method(&d->worker);
}

static void
look(void *ctx, struct conf *conf, const struct runtime *rt)
{
    struct doctor *d = ctx;

    d->rt = rt;
    if (rt != NULL)
        meet(d);
    doctor_look(d, conf);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void
run_check(struct doctor *d, const struct doctor_group *group, const struct doctor_check *check)
{
    uint32_t before = d->findings.len;

    d->group = group;
    d->check = check;
    d->worst = DOCTOR_FINE;
    check->run(d);
    if (d->findings.len == before)
        doctor_fine(d, "%s", check->fine);
    if (d->worst <= DOCTOR_NOTICE)
        d->counts[DOCTOR_FINE]++;
}

/* Of a configuration with errors nothing but those can be said. */
static void
run_checks(struct doctor *d)
{
    if (d->rt == NULL) {
        run_check(d, &doctor_conf, &doctor_conf.checks[0]);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        for (size_t n = 0; n < groups[i]->count; n++)
            run_check(d, groups[i], &groups[i]->checks[n]);
}

static bool
wants_colours(const struct doctor_options *options)
{
    const char *no = getenv("NO_COLOR");

    return !options->no_colour && (no == NULL || no[0] == '\0') && isatty(STDOUT_FILENO);
}

static bool
show(const struct doctor *d, const struct doctor_options *options)
{
    struct writer w = writer_in(d->arena);

    if (options->json)
        write_doctor_json(&w, d);
    else if (d->rt != NULL)     /* else all has been told, as -t tells it */
        write_doctor_text(&w, d, options->quiet, wants_colours(options));
    if (w.ok && !arena_failed(d->arena))
        return ask_show(STDOUT_FILENO, writer_str(&w));
    tell(LEVEL_EMERG, ENOMEM, "the doctor cannot tell what is wrong");
    return false;
}

static int
examine(struct arena *arena, const struct options *asked, const struct doctor_options *how)
{
    struct options options = *asked;
    struct doctor d = { .arena = arena, .options = &options };
    const struct runtime_look looking = { look, &d };
    struct runtime *rt;
    bool ok;

    options.test = true;
    options.no_warnings = true;
    clock_update();
    rt = runtime_read_looking(&options, &looking);
    if (rt == NULL)
        console("configuration file %s test failed",
                str_is_set(options.conf_path) ? options.conf_path.p : "");
    run_checks(&d);
    ok = show(&d, how);
    runtime_free(rt);
    if (!ok || rt == NULL || d.counts[DOCTOR_ERROR] > 0)
        return EXIT_FAILURE;
    return d.counts[DOCTOR_WARNING] > 0 ? DOCTOR_EXIT_WARNINGS : EXIT_SUCCESS;
}

int
doctor_run(const struct options *options, const struct doctor_options *doctor)
{
    struct arena *arena = arena_create(ARENA_BLOCK, 0);
    int status = EXIT_FAILURE;

    if (arena == NULL)
        tell(LEVEL_EMERG, ENOMEM, "the doctor cannot begin");
    else
        status = examine(arena, options, doctor);
    arena_destroy(arena);
    return status;
}
