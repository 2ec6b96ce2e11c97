/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * private: what the files of conf/ share among themselves.
 */
#ifndef WEIR_CONF_PRIVATE_H
#define WEIR_CONF_PRIVATE_H

#include "base/compiler.h"
#include "base/map.h"
#include "conf/conf.h"

enum {
    DEPTH_MAX = 1024,           /* blocks within blocks: the levels are applied by recursion */
    INCLUDE_DEPTH_MAX = 50,     /* files within files */
    INCLUSIONS_MAX = 200000,    /* in all: files that include each other twice grow without bound */
    NOTES_MAX = 1000,           /* what is over is counted and not told */
    TEXT_MAX = 1000,            /* bytes of a message */
    VALUE_BYTES_MAX = 64 << 20  /* that come from the environment */
};
#define FILE_BYTES_MAX (256u << 20)
#define READ_BYTES_MAX (1u << 30)       /* of all inclusions: a file may be included many times */

/* ---- lexer.c ------------------------------------------------------------------------------- */

enum token {
    TOKEN_WORD,
    TOKEN_SEMICOLON,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_END,
    TOKEN_GLUED,                /* a byte that must not follow a quote; it begins the next word */
    TOKEN_UNCLOSED,             /* a quote without its end; the text is used up */
    TOKEN_NUL,                  /* a NUL byte; the text is given up */
    TOKEN_NO_MEMORY
};

struct lexer {
    struct arena *arena;        /* for the words' text */
    const struct conf_file *file;
    const char *text, *p, *end; /* read: [text, p) */
    const char *line_start;
    uint32_t line;
    bool after_quote;
    const char *brace;          /* in the word: a "{" that it needs quotes for; NULL: none */
};

/* file may be NULL: the words then stand nowhere. */
void lexer_init(struct lexer *lexer, struct arena *arena, const struct conf_file *file,
                struct str text);
/* word->pos is set for every token, the rest for words. */
enum token lexer_next(struct lexer *lexer, struct conf_word *word);

/* ---- tree.c -------------------------------------------------------------------------------- */

struct known;

/* Each node of a tree is one of these. */
struct tree_node {
    struct conf_node node;
    struct known *known;        /* by apply.c: the directive that it is; NULL: it has an error */
    bool told;                  /* its error is noted already */
    bool is_indented;           /* a block in which something stands further in than its name */
};

static inline struct tree_node *
tree_node(const struct conf_node *node)
{
    return CONTAINER_OF(node, struct tree_node, node);
}

/* The place behind a word, where the ";" would stand. */
struct conf_pos pos_after(const struct conf_word *word);
/*
 * The words of a default as a node of its own; NULL when memory is short or it is no sequence of
 * words.
 */
struct conf_node *tree_initial(struct conf *conf, const char *name, const char *initial);

/* ---- file.c -------------------------------------------------------------------------------- */

/* The file of that absolute path, read before or now. NULL: an error was noted at word. */
struct conf_file *file_get(struct conf *conf, struct str path, const struct conf_word *word);
/* Lists text as a file. NULL when memory is short. */
struct conf_file *file_add(struct conf *conf, struct str path, struct str text, bool is_text);
/* The text of -g: its errors have no line in their first line. */
static inline bool
file_is_parameter(const struct conf_file *file)
{
    return file->is_text && str_eq(file->path, STR("command line"));
}
/* What paths of includes are relative to; ends with "/". */
struct str file_folder(const struct conf *conf);

/* ---- env.c --------------------------------------------------------------------------------- */

struct values;

/* Replaces each "${env:NAME}" in a word. False: an error was noted at it. */
bool env_replace(struct conf *conf, struct conf_word *word);
/* Whether that byte of a word's text came from the environment. */
bool env_has_byte(const struct conf *conf, const struct conf_word *word, size_t at);

/* ---- names.c ------------------------------------------------------------------------------- */

/* A directive of the tables. */
struct known {
    const struct directive *directive;
    uint32_t module;
    struct known *next;         /* the same name in another table or entry */
    const struct conf_scope *seen;      /* the level where it stood last */
    const struct conf_node *first;      /* the first that is it at that level */
};

bool names_init(struct conf *conf);
/* All entries of a name, NULL when there are none. */
struct known *names_find(const struct conf *conf, struct str name);
/* The entry of a name that is allowed in a context. */
struct known *names_find_in(const struct conf *conf, struct str name, uint32_t where);
/* Adds to the error noted last the nearest name, or that nginx has this one. */
void names_hint(struct conf *conf, struct str name, uint32_t where);
/* Whether a directive that no table has may be passed over with a warning, for all is said. */
bool names_may_pass(const struct conf *conf, struct str name);
/*
 * The index of a word that looks as if a new statement began with it, for want of a ";" before: the
 * first of its line, and a directive in the context. where 0: in any, and those that only nginx
 * has. 0: there is none.
 */
uint32_t names_restart(const struct conf *conf, const struct conf_word *words, uint32_t count,
                       uint32_t where);

/* Whether a directive of that name is a block, in the first context that it has. */
bool names_is_block(const struct conf *conf, struct str name);
/* Adds to the error noted last that the ";" is missing behind this word. */
void names_hint_missing(struct conf *conf, const struct conf_word *last);
/* "http, server or location" */
void names_write_contexts(struct writer *w, uint32_t where);

/* nginx_names.c */
struct nginx_name {
    const char *name;
    uint8_t weight;             /* 1 to 3 */
};
extern const struct nginx_name nginx_names[];
extern const size_t nginx_name_count;

/* ---- report.c ------------------------------------------------------------------------------ */

struct note;

/* Forgets what was noted from one place to another of the same file; it stays counted. */
void notes_withdraw(struct conf *conf, struct conf_pos from, struct conf_pos to);
bool error_at(struct conf *conf, struct conf_pos pos, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* ---- the run ------------------------------------------------------------------------------- */

/* One place in a module's settings, that one or more directives set. */
struct field {
    uint16_t offset, size;
    const struct directive *initial;    /* whose default it has; NULL: zero bytes */
    struct conf_node *words;            /* of the default, once it was needed */
};

struct module_state {
    const struct conf_module *module;
    VEC(struct field) fields;
    const struct conf_scope *failed;    /* the level where a directive failed last */
};

struct conf_private {
    struct module_state *modules;
    uint32_t module_count;
    struct map *names;                  /* to struct known */
    struct map *paths;                  /* to struct conf_file */
    struct conf_file **files_end;
    uint32_t file_count;
    uint32_t inclusions;
    size_t read_bytes;                  /* of all of them */
    uint32_t node_count;
    struct conf_node *first, **end;     /* the main level */
    VEC(struct conf_word) pending;      /* words of the statement being read */
    bool pending_told;                  /* an error of one of them is noted */
    VEC(struct values) values;          /* of the environment, by word */
    size_t value_bytes;                 /* of all of them */
    struct note *notes;                 /* in order of place */
    struct note *last;                  /* noted last; NULL: it was not kept */
    uint32_t note_count, untold;
    const struct directive *initial;    /* its default is being applied */
    bool no_memory;
    bool given_up;                      /* reading stops: no memory, or too many files */
    bool is_lenient;                    /* "unknown_directive warn" */
    bool too_deep;                      /* blocks are nested too deeply to be applied */
    bool is_alone;                      /* files that are included are not read */
};

#endif
