/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_scan: a look at the top of a folder that is served, as us, no further down and no more
 * than SCAN_ENTRIES_MAX names of it.
 */
#ifndef WEIR_PROC_DOCTOR_SCAN_H
#define WEIR_PROC_DOCTOR_SCAN_H

#include "proc/doctor_parts.h"

enum { SCAN_ENTRIES_MAX = 1000 };

/* What a name, or the begin of the file, makes of it. */
enum scan_kind {
    SCAN_PLAIN,
    SCAN_KEY,                   /* a private key */
    SCAN_BACKUP,                /* "a.php~", "b.bak" */
    SCAN_DUMP,                  /* "c.sql" */
    SCAN_HIDDEN,                /* ".git", ".env" …; other names with a dot are plain */
    SCAN_KIND_COUNT
};

/* By the name alone; SCAN_KEY is then only likely. */
enum scan_kind scan_kind_of(struct str name);

struct scan_names {
    VEC(struct str) list;       /* NUL-terminated */
};

struct scan_entry {
    struct str name;            /* NUL-terminated; neither ".x" nor "lost+found" */
    bool is_folder;
    int64_t changed_s;          /* seconds since 1970 */
};

struct scan {
    struct scan_names found[SCAN_KIND_COUNT];   /* but for SCAN_PLAIN */
    VEC(struct scan_entry) entries;
};

/* NULL: the place is no folder, or not ours to read. Remembered. */
const struct scan *scan_of(struct doctor *d, const struct doctor_place *place);

#endif
