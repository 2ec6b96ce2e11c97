/* SPDX-License-Identifier: BSD-2-Clause */
/* grants: what a conf file opens to those who serve it, and what is said of a refusal. */
#include "http/grants.h"
#include "base/counters.h"
#include "base/landlock.h"
#include "base/zone.h"
#include "conf/conf.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct http_setup setup_of_run;
static struct log_files log_files;
static struct zones zones;
static struct log no_log;
static struct arena *arena;
static struct conf *conf;

static void
begin(void)
{
    arena = arena_create(4096, 0);
    ck_assert_ptr_nonnull(arena);
    log_files_init(&log_files, arena);
    zones_init(&zones, arena);
    setup_of_run = (struct http_setup){ .log_files = &log_files, .zones = &zones, .log = &no_log,
                                        .has_walls = true, .is_test = true };
    conf = conf_create(arena, http_conf_modules(), STR("/prefix/"));
    ck_assert_ptr_nonnull(conf);
    conf->owner = &setup_of_run;
}

static void
end(void)
{
    conf_destroy(conf);
    arena_destroy(arena);
}

/* "read /a, write /b", sorted. */
static char told[1024];

static bool
add(void *ctx, struct str path, enum http_access access)
{
    static const char *const words[] = { "read", "write", "log" };
    const char **all = ctx;

    ck_assert_uint_eq(strlen(path.p), path.len);
    while (*all != NULL)
        all++;
    ck_assert_int_ge(asprintf((char **)(uintptr_t)all, "%s %s", words[access], path.p), 0);
    return true;
}

static int
compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *
tell(void)
{
    char *all[32] = { NULL };
    size_t n = 0, len = 0;

    ck_assert(http_grants_each(&setup_of_run, add, all));
    while (all[n] != NULL)
        n++;
    qsort(all, n, sizeof(all[0]), compare);
    told[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        len += (size_t)snprintf(told + len, sizeof(told) - len, "%s%s", i > 0 ? ", " : "", all[i]);
        free(all[i]);
    }
    return told;
}

/* ---- of a configuration ---------------------------------------------------------------------- */

static const struct { const char *http, *opens; } confs[] = {
    { "",                                                       "" },
    { "server { root /a; }",                                    "read /a" },
    { "server { root html; }",                                  "read /prefix/html" },
    { "server { root /a/; location /b/ { root /a; } }",         "read /a" },
    { "server { root /a; location /b/ { alias /b/; } }",        "read /a, read /b" },
    { "server { root /; }",                                     "read /" },
    { "server { root /srv/$host; }",                            "read /srv" },
    { "server { root /srv/a$host; }",                           "read /srv" },
    { "server { root /srv/$host/x; }",                          "read /srv" },
    { "server { root $document_uri; }",                         "read /" },
    { "server { root /a; location / { if ($arg_x) { root /b; } } }", "read /a, read /b" },
    { "server { root /a; location / { limit_except GET { deny all; } } }", "read /a" },
    { "server { root /a; access_log /var/log/a.log; }",         "read /a" },
    { "server { root /a; access_log /var/log/$host.log; }",     "log /var/log, read /a" },
    { "server { root /a; auth_basic x; auth_basic_user_file /u/users; }", "read /a, read /u/users" },
    { "server { root /a; auth_basic x; auth_basic_user_file /u/$host; }", "read /a, read /u" },
    { "server { root /a; location /up { dav_methods PUT; client_body_temp_path /t; root /up; } }",
      "read /a, read /up, write /t, write /up" },
    { "server { root /a; location /up { dav_methods off; } }",  "read /a" },
};

START_TEST(a_conf_opens_what_it_names)
{
    char text[512];

    begin();
    snprintf(text, sizeof(text), "http { %s%s }", "access_log off; ", confs[_i].http);
    if (confs[_i].http[0] == '\0')
        text[0] = '\0';
    ck_assert(conf_read_text(conf, STR("test"), str_of(text)));
    ck_assert_ptr_nonnull(conf_apply(conf));
    ck_assert_str_eq(tell(), confs[_i].opens);
    end();
}
END_TEST

/* ---- collecting ------------------------------------------------------------------------------ */

START_TEST(a_path_is_told_once_for_each_access)
{
    begin();
    ck_assert(http_grant(conf, STR("/a"), HTTP_READS));
    ck_assert(http_grant(conf, STR("/a/"), HTTP_READS));
    ck_assert(http_grant(conf, STR("/a//"), HTTP_READS));
    ck_assert(http_grant(conf, STR("/a"), HTTP_WRITES));
    ck_assert(http_grant(conf, STR("/a"), HTTP_LOGS));
    ck_assert(http_grant(conf, STR("/"), HTTP_READS));
    ck_assert_str_eq(tell(), "log /a, read /, read /a, write /a");
    end();
}
END_TEST

static bool
count_and_stop(void *ctx, struct str path, enum http_access access)
{
    int *left = ctx;

    (void)path;
    (void)access;
    return --*left > 0;
}

START_TEST(who_has_heard_enough_hears_no_more)
{
    int left = 1 + _i;

    begin();
    ck_assert(http_grant(conf, STR("/a"), HTTP_READS));
    ck_assert(http_grant(conf, STR("/b"), HTTP_READS));
    ck_assert(http_grant(conf, STR("/c"), HTTP_WRITES));
    ck_assert(!http_grants_each(&setup_of_run, count_and_stop, &left));
    ck_assert_int_eq(left, 0);
    end();
}
END_TEST

/* ---- refusals -------------------------------------------------------------------------------- */

static const struct { enum http_walls walls; enum http_access access; const char *mend; } mends[] = {
    { HTTP_WALLS_WORKER, HTTP_READS,  "\"sandbox_allow_read %s;\" opens what the configuration does not, a reload" },
    { HTTP_WALLS_WORKER, HTTP_WRITES, "\"sandbox_allow_write %s;\" opens what the configuration does not, a reload" },
    { HTTP_WALLS_WORKER, HTTP_LOGS,   "\"sandbox_allow_write %s;\" opens what the configuration does not, a reload" },
    { HTTP_WALLS_ALONE,  HTTP_READS,  "\"sandbox_allow_read %s;\" opens what the configuration does not, a new start" },
    { HTTP_WALLS_SERVE,  HTTP_READS,  "\"--allow-read %s\" opens what links lead to, a new start" },
};

/* Behind walls that open nothing; the link leads to FOLDER/real/file. 0: as it should be. */
static int
be_refused(const char *folder, int i)
{
    struct log_file file = { .path = STR("log"), .fd = memfd_create("log", MFD_CLOEXEC) };
    struct log_output output = { .file = &file, .level = LEVEL_ERR };
    struct log log = { .outputs = &output, .level = LEVEL_ERR };
    struct log_context context = { .log = &log };
    char link[128], real[128], said[1024], wanted[512];
    struct landlock walls;
    ssize_t n;

    snprintf(link, sizeof(link), "%s/link", folder);
    snprintf(real, sizeof(real), "%s/real", folder);
    if (http_walls_refused(&context, link, mends[i].access, EACCES))
        return 1;               /* there are none yet */
    if (!landlock_begin(&walls, 0) || !landlock_enforce(&walls))
        return 2;
    http_walls_are(mends[i].walls);
    if (http_walls_refused(&context, link, mends[i].access, ENOENT) || stats->sandbox_refused != 0)
        return 3;
    if (!http_walls_refused(&context, link, mends[i].access, EACCES) || stats->sandbox_refused != 1)
        return 4;
    n = pread(file.fd, said, sizeof(said) - 1, 0);
    said[MAX(n, 0)] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(wanted, sizeof(wanted), mends[i].mend, real);
#pragma GCC diagnostic pop
    return strstr(said, wanted) != NULL ? 0 : 5;
}

START_TEST(a_refusal_is_told_with_its_mend_and_counted)
{
    char folder[] = "/tmp/weir-grants-XXXXXX", real[64], file[64], link[64];
    int status = -1;
    pid_t pid;

    if (landlock_version() == 0)
        return;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(real, sizeof(real), "%s/real", folder);
    snprintf(file, sizeof(file), "%s/real/file", folder);
    snprintf(link, sizeof(link), "%s/link", folder);
    ck_assert_int_eq(mkdir(real, 0700), 0);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ck_assert_int_eq(symlink("real/file", link), 0);
    pid = fork();
    if (pid == 0)
        _exit(be_refused(folder, _i));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    ck_assert_int_eq(unlink(link) | unlink(file) | rmdir(real) | rmdir(folder), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/grants");

    unit_add(suite, a_conf_opens_what_it_names, ARRAY_LEN(confs));
    unit_add(suite, a_path_is_told_once_for_each_access, 1);
    unit_add(suite, who_has_heard_enough_hears_no_more, 3);
    unit_add(suite, a_refusal_is_told_with_its_mend_and_counted, ARRAY_LEN(mends));
    return unit_run(suite);
}
