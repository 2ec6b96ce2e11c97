/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/start.h"

#include "base/clock.h"
#include "proc/daemon.h"
#include "proc/folders.h"
#include "proc/master.h"
#include "proc/rotate.h"
#include "proc/signals.h"
#include "proc/single.h"
#include "proc/tell.h"
#include "proc/upgrade.h"
#include "proc/walls.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/* The log of the command line (-e): there until the configuration has brought its own. */
struct early_log {
    struct log_file file;
    struct log_output output;
    struct log log;
};

static void
early_log_open(struct early_log *early, struct str path)
{
    struct log_refusal why;

    *early = (struct early_log){ .file = { .path = path, .fd = -1 } };
    if (!str_is_set(path) || str_eq(path, STR("stderr")))
        return;
    if (!log_file_open(&early->file, &why)) {
        tell(LEVEL_ALERT, why.err, "could not open error log file: %s", why.text);
        return;
    }
    early->output = (struct log_output){ .file = &early->file, .level = LEVEL_NOTICE };
    early->log = (struct log){ .outputs = &early->output, .level = LEVEL_NOTICE };
    tell_log(&early->log);
}

static void
early_log_close(struct early_log *early)
{
    if (process_log.log == &early->log)
        tell_log(NULL);
    log_file_replace(&early->file, -1);
}

static struct runtime *
prepare(const struct options *options)
{
    struct early_log early;
    struct runtime *rt;

    early_log_open(&early, options->error_log);
    rt = runtime_read(options);
    if (rt != NULL)
        rt->shares_sockets = upgrade_is_successor();
    if (rt != NULL && !runtime_open(rt, NULL, OPEN_AT_START)) {
        runtime_free(rt);
        rt = NULL;
    }
    early_log_close(&early);
    return rt;
}

int
start_server(const struct options *options, char *const *arguments, const char *announce)
{
    struct runtime *rt;
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);   /* a log that has reached RLIMIT_FSIZE is a full disk, no more */
    clock_update();
    rt = prepare(options);
    if (rt == NULL)
        return EXIT_FAILURE;
    signals_set(&set);          /* from here on they wait for the loop that will read them */
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (announce != NULL)
        console("%s", announce);
    if (rt->main->daemon && !upgrade_is_successor() && !daemon_start(rt)) {
        runtime_free(rt);
        return EXIT_FAILURE;
    }
    return rt->main->master_process ? master_run(rt, arguments) : single_run(rt);
}

int
start_test(const struct options *options, const struct test *test)
{
    const char *path = str_is_set(options->conf_path) ? options->conf_path.p : "";
    struct runtime *rt = runtime_read(options);
    bool ok = rt != NULL;

    if (ok && !test->quiet) {
        console("the configuration file %s syntax is ok", path);
        walls_tell_grants(rt);
    }
    ok = ok && folders_check(rt);
    if (ok)
        rotate_check(&rt->log_files);
    if (ok && test->bind)
        ok = runtime_try_listeners(rt);
    runtime_free(rt);
    if (!ok)
        console("configuration file %s test failed", path);
    else if (!test->quiet)
        console("configuration file %s test is successful", path);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
