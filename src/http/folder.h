/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folder: what a folder holds: read, chosen and sorted in one go, which takes long where the folder
 * is large or the disk is slow, so that it is work for a thread.
 *
 * A struct folder owns all that its reading needs and all that comes of it: nothing else is
 * touched.
 */
#ifndef WEIR_HTTP_FOLDER_H
#define WEIR_HTTP_FOLDER_H

#include "base/arena.h"
#include "http/open_path.h"
#include <time.h>

enum entry_kind { ENTRY_FOLDER, ENTRY_FILE, ENTRY_OTHER };

/* The fields from size on are what lists show of it. */
struct folder_entry {
    struct folder_entry *next;  /* while it is read */
    uint64_t size;              /* bytes */
    int64_t mtime;              /* since 1970; what lies before is 0, and what
                                   lies behind the year 9999 its end */
    uint8_t kind;               /* enum entry_kind, of what a link leads to */
    uint8_t name_len;
    char name[];                /* NUL-terminated */
};

/* Folders come first in each order; what is equal in it is in that of names, ascending. */
enum folder_sort {
    SORT_BYTES,                 /* names, as memcmp() has it; always ascending */
    SORT_NAME,                  /* names as people read them: see folder_compare_names */
    SORT_SIZE,                  /* of files; folders by name, ascending */
    SORT_TIME
};

struct folder_order {
    enum folder_sort by;
    bool descending;
};

/* What is wanted of a folder. */
struct folder_rules {
    bool hidden;                /* names that begin with a dot, too */
    const struct str *excluded; /* patterns: folder_name_fits */
    uint32_t excluded_len;
    uint32_t entries_max;
    const struct str *readmes;  /* the first of these that is a file is read */
    uint32_t readmes_len;
    uint64_t readme_max;        /* bytes of it */
};

struct folder_question {
    struct str path;            /* absolute */
    enum symlinks symlinks;     /* a link that is not to be followed is not listed */
    size_t trusted;             /* see open_path */
    struct folder_order order;
    const struct folder_rules *rules;   /* stays as long as anybody asks: its address is what tells
                                           rules apart. NULL: one file is wanted, by chance, whose
                                           name does not begin with a dot */
};

enum folder_result {
    FOLDER_READ,
    FOLDER_FAILED,              /* error tells */
    FOLDER_OVER_LIMIT,          /* more than entries_max, or than its memory holds */
};

struct folder {
    struct arena *arena;        /* all of it lives here */
    struct folder_question question;    /* a copy; rules for comparison alone */
    struct folder_rules rules;  /* a copy */
    enum folder_result result;
    int error;                  /* errno */
    struct folder_entry **entries;      /* in order */
    uint32_t len;
    uint32_t folders;           /* of them, the first */
    uint64_t bytes;             /* of all files */
    uint64_t hash[2];           /* of all that lists show, in order */
    struct str readme_name, readme;     /* STR_NONE: there is none */
    bool readme_is_cut;
    struct str picked;          /* the file by chance, STR_NONE: there is none */
};

/* memory: bytes that it may have at most. NULL when memory is short. */
struct folder *folder_create(const struct folder_question *question, size_t memory);
void folder_destroy(struct folder *folder);
/* Whether it is, or will be, the answer to that question. */
bool folder_answers(const struct folder *folder, const struct folder_question *question);

/* Fills in all from `result` on. Once, by any thread. */
void folder_read(struct folder *folder);

static inline struct str
folder_entry_name(const struct folder_entry *entry)
{
    return (struct str){ entry->name, entry->name_len };
}

/*
 * Numbers in names by their value, letters of ASCII in any case: "a2" before "A10". Never 0 for two
 * names that differ.
 */
int folder_compare_names(struct str a, struct str b);

/* "*" stands for any bytes, "?" for one; the pattern is of the whole name. */
bool folder_name_fits(struct str name, struct str pattern);

#endif
