/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/fmt.h"

#include "base/writer.h"
#include "conf/format.h"
#include "proc/ask.h"
#include "proc/runtime.h"
#include "proc/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARENA_BLOCK = 64 << 10 };

/* A file being formatted. */
struct sheet {
    struct conf *conf;
    struct str name;            /* for messages */
    struct stat st;             /* as it was when it was opened */
    struct str before, after;
};

/* ---- back into the file -------------------------------------------------------------------- */

/*
 * What the new file has of the old one. Who may write a file cannot always make one of the same
 * owner: then it stays as it is.
 */
static bool
keep_rights(int fd, const struct stat *old)
{
    struct stat new;

    if (fstat(fd, &new) != 0)
        return false;
    if ((new.st_uid != old->st_uid || new.st_gid != old->st_gid)
        && fchown(fd, old->st_uid, old->st_gid) != 0)
        return false;
    return fchmod(fd, old->st_mode & 07777) == 0;
}

static bool
fill(int fd, const struct sheet *sheet)
{
    return keep_rights(fd, &sheet->st) && ask_show(fd, sheet->after) && fsync(fd) == 0;
}

/* Whether path still is the file that was read, and nobody wrote to it since. */
static bool
is_unchanged(const char *path, const struct stat *old)
{
    struct stat now;

    return stat(path, &now) == 0 && now.st_dev == old->st_dev && now.st_ino == old->st_ino
           && now.st_size == old->st_size && now.st_mtim.tv_sec == old->st_mtim.tv_sec
           && now.st_mtim.tv_nsec == old->st_mtim.tv_nsec;
}

/*
 * Fills a new file beside `path`, which is absolute, and gives it that name. A pattern that
 * includes all of the folder passes over it, as its own name begins with a dot. False, told.
 */
static bool
replace(const struct sheet *sheet, const char *path)
{
    char temporary[PATH_MAX + sizeof("..XXXXXX")];
    const char *name = strrchr(path, '/') + 1;
    int fd;

    snprintf(temporary, sizeof(temporary), "%.*s.%s.XXXXXX", (int)(name - path), path, name);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        tell(LEVEL_EMERG, errno, "mkostemp() \"%s\" failed", temporary);
        return false;
    }
    if (!fill(fd, sheet)) {
        tell(LEVEL_EMERG, errno, "\"%s\" cannot be written with the rights of \"%s\"", temporary,
             path);
    } else if (!is_unchanged(path, &sheet->st)) {
        tell(LEVEL_EMERG, 0, "\"%s\" was changed by somebody else and is left as it is", path);
    } else if (rename(temporary, path) != 0) {
        tell(LEVEL_EMERG, errno, "rename() \"%s\" to \"%s\" failed", temporary, path);
    } else {
        close(fd);
        return true;
    }
    close(fd);
    unlink(temporary);
    return false;
}

/* A link stays: what it leads to is replaced. */
static bool
write_back(const struct sheet *sheet)
{
    char path[PATH_MAX];

    if (str_eq(sheet->before, sheet->after))
        return true;
    if (!S_ISREG(sheet->st.st_mode)) {
        tell(LEVEL_EMERG, 0, "\"%s\" is not a regular file", sheet->name.p);
        return false;
    }
    if (realpath(sheet->name.p, path) == NULL) {
        tell(LEVEL_EMERG, errno, "realpath() \"%s\" failed", sheet->name.p);
        return false;
    }
    return replace(sheet, path);
}

/* ---- one file after the other -------------------------------------------------------------- */

static bool
print(struct str text)
{
    if (ask_show(STDOUT_FILENO, text))
        return true;
    tell(LEVEL_EMERG, errno, "write() to the standard output failed");
    return false;
}

static bool
name_if_changed(const struct sheet *sheet)
{
    if (str_eq(sheet->before, sheet->after))
        return true;
    (void)(print(sheet->name) && print(STR("\n")));
    return false;
}

static bool
put(const struct sheet *sheet, enum fmt_output output)
{
    switch (output) {
    case FMT_PRINT: return print(sheet->after);
    case FMT_WRITE: return write_back(sheet);
    case FMT_CHECK: break;
    }
    return name_if_changed(sheet);
}

static bool
read_sheet(struct sheet *sheet, const char *path)
{
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
    bool ok;

    if (fd < 0 || fstat(fd, &sheet->st) != 0) {
        ok = conf_error(sheet->conf, NULL, "open() \"%s\" failed (%d: %s)", sheet->name.p, errno,
                        strerror(errno));
    } else {
        ok = conf_read_all(sheet->conf, fd, sheet->name, &sheet->before);
    }
    if (path != NULL && fd >= 0)
        close(fd);
    return ok;
}

/* path NULL: standard input */
static bool
format_one(struct conf *conf, const char *path, enum fmt_output output)
{
    struct sheet sheet = { .conf = conf };
    struct writer w = writer_in(conf->arena);

    sheet.name = path != NULL ? str_of(path) : STR("standard input");
    if (!read_sheet(&sheet, path) || !conf_format(conf, sheet.name, sheet.before, &w)) {
        tell_conf(conf);
        return false;
    }
    sheet.after = writer_str(&w);
    return put(&sheet, output);
}

static bool
do_one(const char *path, enum fmt_output output)
{
    struct arena *arena = arena_create(ARENA_BLOCK, 0);
    const struct conf_module *const *tables = arena != NULL ? runtime_tables(arena) : NULL;
    struct conf *conf = tables != NULL ? conf_create(arena, tables, STR("/")) : NULL;
    bool ok = false;

    if (conf == NULL)
        tell(LEVEL_EMERG, ENOMEM, "\"%s\" cannot be read", path != NULL ? path : "standard input");
    else
        ok = format_one(conf, path, output);
    conf_destroy(conf);
    arena_destroy(arena);
    return ok;
}

int
fmt_run(const struct fmt *fmt)
{
    bool ok = true;

    if (fmt->files[0] == NULL)
        ok = do_one(NULL, fmt->output);
    for (char *const *file = fmt->files; *file != NULL; file++)
        ok = do_one(*file, fmt->output) && ok;
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
