/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_parts: what the files of "weir doctor" share: what was found in the configuration, what is
 * told, and the tables of checks.
 */
#ifndef WEIR_PROC_DOCTOR_PARTS_H
#define WEIR_PROC_DOCTOR_PARTS_H

#include "base/compiler.h"
#include "base/vec.h"
#include "base/writer.h"
#include "conf/conf.h"
#include "proc/doctor_access.h"
#include "proc/runtime.h"

/* ---- what is told -------------------------------------------------------------------------- */

/* Level, name; the worst last. */
#define DOCTOR_LEVELS(X)        \
    X(FINE,    "ok")            \
    X(NOTICE,  "notice")        \
    X(WARNING, "warning")       \
    X(ERROR,   "error")
enum doctor_level {
#define DOCTOR_AS_ENUM(id, name) DOCTOR_##id,
    DOCTOR_LEVELS(DOCTOR_AS_ENUM)
#undef DOCTOR_AS_ENUM
    DOCTOR_LEVEL_COUNT
};
const char *doctor_level_name(enum doctor_level level);

/* Texts live in the doctor's arena, or are constants. */
struct doctor_finding {
    const char *group, *check;  /* filled in by doctor_add */
    enum doctor_level level;
    struct str about;           /* a path, an address, a directive …; STR_NONE: the machine */
    struct str text;            /* what was seen, with its numbers */
    struct str why;             /* why it matters; STR_NONE: the text says it */
    struct str mend;            /* to be pasted: a command, or a line of the conf file */
    struct conf_mark where;     /* file "": no line is to blame */
};

/* ---- what the configuration has ------------------------------------------------------------ */

enum doctor_kind {
    DOCTOR_ROOT,                /* root, alias */
    DOCTOR_USERS,               /* auth_basic_user_file */
    DOCTOR_PAGE                 /* what error_page or try_files end with */
};

/* A file or folder that a worker opens, by the line that names it. */
struct doctor_place {
    enum doctor_kind kind;
    struct str name;            /* of the directive */
    struct str path;            /* absolute, NUL-terminated; up to its first variable */
    struct conf_mark where;
    bool is_cut;                /* a variable follows */
    bool serves_hidden;         /* serve_hidden on */
    bool lists;                 /* autoindex on */
    VEC(struct str) index;      /* its files, NUL-terminated; without variables */
    struct map *types;          /* by extension; NULL: the built-in ones */
};

/* A text of the conf file and its line. */
struct doctor_line {
    struct str text;
    struct conf_mark where;
};

/* Bytes that a worker, or with `shared` the server, may want by the conf file. */
struct doctor_memory {
    uint64_t header_bytes;      /* the largest client_header_buffer_size */
    uint64_t large_bytes;       /* the largest large_client_header_buffers, all of them */
    uint64_t worker_bytes;      /* caches of a worker, as far as directives bound them */
    uint64_t cached_files;      /* open_file_cache max= */
};

struct doctor {
    struct arena *arena;
    const struct options *options;
    const struct runtime *rt;   /* NULL: the configuration has errors */
    const struct doctor_group *group;   /* being run */
    const struct doctor_check *check;
    VEC(struct doctor_finding) findings;
    uint32_t counts[DOCTOR_LEVEL_COUNT];        /* findings; of DOCTOR_FINE, checks */
    enum doctor_level worst;    /* of the check being run */

    /* Of the configuration. */
    VEC(struct doctor_place) places;
    VEC(struct doctor_finding) notes;   /* what -t tells of it */
    VEC(struct doctor_line) files;      /* it is made of */
    struct doctor_memory memory;
    bool has_user, has_processes;       /* "user", "worker_processes" are written */

    /* Of the machine. */
    pid_t running;              /* a master with this configuration; 0: none is seen */
    struct account starter;     /* who starts the server, or has */
    struct account worker;      /* whom the workers run as; is_known: false when nobody can tell */
    bool starter_is_us;
    struct map *scans;          /* by path, see doctor_scan.h; NULL: none yet */
    enum account_method method; /* by which the workers' access is judged */
};

/* ---- checks -------------------------------------------------------------------------------- */

struct doctor_check {
    const char *name;
    void (*run)(struct doctor *d);
    const char *fine;           /* told when the check has told nothing */
};

struct doctor_group {
    const char *name;
    const struct doctor_check *checks;
    size_t count;
};
#define DOCTOR_GROUP(name, table) { name, table, ARRAY_LEN(table) }

extern const struct doctor_group doctor_conf, doctor_limits, doctor_network, doctor_files,
    doctor_types, doctor_logs, doctor_clock, doctor_walls;

/* Notes a finding of the check that runs. */
void doctor_add(struct doctor *d, const struct doctor_finding *finding);
/* Notes that all is well, with what was seen. */
void doctor_fine(struct doctor *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A text in the doctor's arena. */
struct str doctor_text(const struct doctor *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "1.5 MiB" */
struct str doctor_size(const struct doctor *d, uint64_t bytes);
/* The path, quoted for a shell if it has to be. NUL-terminated, "" when memory is short. */
const char *doctor_shell(const struct doctor *d, const char *path);

/* The folder that holds a path, with its slash; NUL-terminated. */
struct str doctor_folder_of(const struct doctor *d, const char *path);
/*
 * Whether whoever starts the server may do with a path what `how` says (R_OK, W_OK, X_OK or-ed), as
 * far as we can tell: 0, or an errno value.
 */
int doctor_starter_may(const struct doctor *d, const char *path, int how);

/* ---- reading the configuration ------------------------------------------------------------- */

/* Gathers what is wanted of the tree and the notes, while they are there. */
void doctor_look(struct doctor *d, struct conf *conf);

/* ---- writing ------------------------------------------------------------------------------- */

void write_doctor_text(struct writer *w, const struct doctor *d, bool quiet, bool colours);
void write_doctor_json(struct writer *w, const struct doctor *d);

#endif
