/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run: a run of conf/ with the toy tables, from text or from files in a folder of its own.
 */
#ifndef WEIR_TESTS_CONF_RUN_H
#define WEIR_TESTS_CONF_RUN_H

#include "toy.h"
#include "unit.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct run {
    struct arena *arena;
    struct conf *conf;
    struct conf_scope *main;    /* NULL: there were errors */
    char folder[64];            /* "": none */
};

static inline void
run_begin(struct run *run)
{
    *run = (struct run){ .arena = arena_create(4096, 0) };
    run->conf = conf_create(run->arena, toy_modules, STR("/prefix/"));
    toy_scope_count = toy_begun = 0;
    ck_assert_ptr_nonnull(run->conf);
}

/* Reads and applies a text as the file "toy.conf". */
static inline void
run_text(struct run *run, struct str text)
{
    run_begin(run);
    conf_read_text(run->conf, STR("toy.conf"), text);
    run->main = conf_apply(run->conf);
}

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void
run_end(struct run *run)
{
    conf_destroy(run->conf);
    arena_destroy(run->arena);
    if (run->folder[0] != '\0')
        nftw(run->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* All that was noted, as it is told; good until run_end. */
static inline const char *
run_report(struct run *run)
{
    struct writer w = writer_in(run->arena);

    conf_report_to(run->conf, &w);
    return writer_cstr(&w);
}

static inline void
run_folder(struct run *run)
{
    strcpy(run->folder, "/tmp/weir-conf-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(run->folder));
}

static inline struct str
run_path(struct run *run, const char *name)
{
    return arena_fmt(run->arena, "%s/%s", run->folder, name);
}

static inline void
run_file(struct run *run, const char *name, struct str text)
{
    FILE *file = fopen(run_path(run, name).p, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text.p, 1, text.len, file), text.len);
    ck_assert_int_eq(fclose(file), 0);
}

/* The report with the folder's name as "~". */
static inline const char *
run_short_report(struct run *run)
{
    const char *report = run_report(run);
    struct writer w = writer_in(run->arena);
    size_t len = strlen(run->folder);

    for (; *report != '\0'; report++) {
        if (strncmp(report, run->folder, len) == 0) {
            write_char(&w, '~');
            report += len - 1;
        } else {
            write_char(&w, *report);
        }
    }
    return writer_cstr(&w);
}

/* The settings of a module in the block that was noted under a name. */
static inline const void *
run_settings(const struct run *run, const char *name, const struct conf_module *module)
{
    for (unsigned i = 0; i < toy_scope_count; i++)
        if (str_eq(toy_scopes[i].name, str_of(name)))
            return conf_settings(run->conf, toy_scopes[i].scope, module);
    ck_abort_msg("no block \"%s\"", name);
    return NULL;
}

#endif
