/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf: the conf language. Text becomes tokens (lexer.c), tokens a tree that remembers where each
 * word stood (tree.c), the tree is checked as a whole and applied through tables of directives
 * (apply.c); all errors of a run are told together (report.c).
 *
 * This room knows no directive by name but "include" and "unknown_directive". Others bring tables (struct conf_module) and
 * are called back.
 */
#ifndef WEIR_CONF_CONF_H
#define WEIR_CONF_CONF_H

#include "base/arena.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"

/* ---- the tree ------------------------------------------------------------------------------ */

struct conf_file {
    struct str path;            /* as in messages; "command line" for -g */
    struct str text;            /* whole, CRLF and BOM as they were */
    struct conf_file *next;     /* in order of opening; a file included twice stands once */
    uint32_t number;            /* in that order */
    bool is_text;               /* given to conf_read_text: no file, and no part of a dump */
    struct str kept;            /* the path once more, in the result's arena, for marks */
};

/* Where a word begins. */
struct conf_pos {
    const struct conf_file *file;       /* NULL: nowhere, a word of a default */
    uint32_t line;              /* from 1 */
    uint32_t column;            /* in bytes, from 1 */
    uint32_t len;               /* bytes that it takes in the source, quotes included */
    uint32_t offset;            /* of its first byte in the file's text */
};

/* A line, for as long as the result lives. file "": nowhere. */
struct conf_mark {
    struct str file;
    uint32_t line;
};

struct conf_word {
    struct str text;            /* quotes and escapes resolved, NUL-terminated */
    struct conf_pos pos;
    uint32_t values;            /* of the environment in it, see conf_is_text; 0: none */
    bool quoted;                /* "…" or '…': a "$" in it still is a variable, an "include" is
                                   not a keyword */
};

struct conf_node {
    struct conf_word *words;    /* [0] is the name */
    uint32_t count;             /* at least 1 */
    uint32_t order;             /* statements that were read before it, in all */
    bool is_block;              /* ended by { … } rather than ; */
    struct conf_node *children, *next, *parent;
};

/* ---- directives ---------------------------------------------------------------------------- */

/* Contexts, as in nginx's documentation. */
enum conf_where {
    IN_MAIN       = 1 << 0,
    IN_EVENTS     = 1 << 1,
    IN_HTTP       = 1 << 2,
    IN_SERVER     = 1 << 3,
    IN_LOCATION   = 1 << 4,
    IN_SERVER_IF  = 1 << 5,
    IN_LOCATION_IF = 1 << 6,
    IN_LIMIT_EXCEPT = 1 << 7,
    IN_UPSTREAM   = 1 << 8,
    IN_HTTP_ALL   = (1 << 2) | (1 << 3) | (1 << 4),     /* http, server, location */
    IN_ANY_IF     = (1 << 5) | (1 << 6)
};

enum { ARGS_ANY = 255 };

enum directive_flags {
    DIRECTIVE_BLOCK  = 1 << 0,  /* ends with { }, applied after all simple ones of its level */
    DIRECTIVE_DATA   = 1 << 1,  /* with BLOCK: the children are data (types, map), not
                                   directives; it is applied with the simple ones */
    DIRECTIVE_REPEAT = 1 << 2   /* may stand several times at one level */
};

struct conf;
struct conf_scope;

struct directive {
    const char *name;
    uint32_t where;             /* enum conf_where, or-ed */
    struct { uint8_t min, max; } args;      /* words after the name; max ARGS_ANY: no bound */
    uint8_t flags;
    /*
     * field: the address of the field below, in the struct of the scope being read, zero bytes when
     * the directive comes first there; NULL when size is 0. False when a word is wrong: conf_error
     * was called.
     */
    bool (*parse)(struct conf *conf, const struct conf_node *node, void *field);
    uint16_t offset, size;      /* FIELD(struct, member): what it sets, and what is inherited as
                                   a whole when it is not set */
    const char *initial;        /* the default as it would be written ("75s", "4 8k"); applied at
                                   the outermost level; NULL: zero bytes */
    const void *data;           /* what parse needs (a table of names …) */
};

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

/*
 * A room's or module's table; conf_size bytes of settings, zeroed, for each level that sets
 * something of its own.
 */
struct conf_module {
    const char *name;
    const struct directive *directives;     /* ends with a name that is NULL */
    size_t conf_size;
    uint32_t root;              /* the outermost context of its settings: there the initial
                                   values are applied (IN_MAIN, IN_EVENTS, IN_HTTP, IN_SERVER) */
    /*
     * After all of a level was read and inherited, before its blocks are applied: whole-level
     * checks and preparation. Called for each struct of settings once: at the root, and where a
     * level has set something. Not called where a directive of the module failed. NULL: none.
     */
    bool (*check)(struct conf *conf, struct conf_scope *scope, void *settings);
};

/*
 * One level being read: http { }, a server { } … Settings that a level does not set are its
 * parent's; a module of which it sets nothing shares the parent's struct. The scope goes with
 * conf_destroy; the settings live in the arena, the array of pointers too (where it points is
 * settled once the level's simple directives were applied; NULL above the module's root).
 */
struct conf_scope {
    struct conf_scope *parent;
    uint32_t where;             /* one bit of enum conf_where */
    void **settings;            /* by module, in the order given to conf_create; what a runtime
                                   keeps */
    uint8_t **set;              /* by module: a bit by offset for each field that is set at this
                                   very level; NULL: none is */
    const struct conf_node *node;       /* the block; NULL: the main level */
};

/* ---- a run --------------------------------------------------------------------------------- */

struct conf {
    struct arena *arena;        /* of the result: lives as long as the runtime */
    struct arena *scratch;      /* of the run: tree, errors */
    struct str prefix;          /* ends with "/" */
    struct str main_file;       /* absolute; "" when there is none */
    const char *const *environment;     /* for "${env:NAME}": NULL-terminated; NULL: nothing is set */
    struct conf_scope *scope;   /* being read */
    const struct directive *directive;      /* being applied */
    struct conf_file *files;
    unsigned errors, warnings;
    bool is_muted;              /* nothing is noted: a block is applied once more */
    void *owner;                /* of the whole run (struct runtime) */
    struct conf_private *priv;
};

/*
 * modules: NULL-terminated, outlives the conf. NULL when memory is short. scratch goes with
 * conf_destroy, arena stays.
 */
struct conf *conf_create(struct arena *arena, const struct conf_module *const *modules,
                         struct str prefix);
void conf_destroy(struct conf *conf);

/*
 * main_file, when the caller has not set it, becomes that of the first conf_read_file; a path is
 * relative to the prefix. Reads into the tree: text from -g ("command line") first, then a file.
 * False when it could not be read or has errors of syntax (which are noted; reading goes on as far
 * as it makes sense).
 */
bool conf_read_text(struct conf *conf, struct str name, struct str text);
bool conf_read_file(struct conf *conf, struct str path);

/* All that a descriptor gives, as text; `name` stands in the error. False when one was noted. */
bool conf_read_all(struct conf *conf, int fd, struct str name, struct str *text);

/*
 * Checks and applies the whole tree at main level. Returns the main scope, or NULL when there was
 * any error (all are noted).
 */
struct conf_scope *conf_apply(struct conf *conf);

/*
 * The value of a directive of the main level that takes one word, as it stands in the tree; for
 * those who must know it although the configuration has errors. STR_NONE when it is not there.
 */
struct str conf_main_word(const struct conf *conf, struct str name);

/*
 * The statements of the main level, with those of included files in their places; NULL when there
 * are none. They go with conf_destroy.
 */
const struct conf_node *conf_tree(const struct conf *conf);

/*
 * For the parse function of a block: a new level below conf->scope, to which the node's children
 * are applied. Returns the level even when children had errors (they are counted); NULL when memory
 * is short. begin: called with the new scope before any child is applied, so that the caller's
 * object is there for them; may be NULL.
 */
struct conf_scope *conf_apply_block(struct conf *conf, const struct conf_node *node, uint32_t where,
                                    void (*begin)(void *ctx, struct conf_scope *scope), void *ctx);

/* The settings of a module at a level, by its table. */
void *conf_settings(const struct conf *conf, const struct conf_scope *scope,
                    const struct conf_module *module);
/* Its place in the settings of every scope. */
uint32_t conf_module_number(const struct conf *conf, const struct conf_module *module);
/* Whether this very level (not an outer one) sets the directive's field. */
bool conf_is_set(const struct conf *conf, const struct conf_scope *scope,
                 const struct conf_module *module, uint16_t offset);

/* Whether this very level sets anything in another module's settings than these (NULL: in any). */
bool conf_sets_anything(const struct conf *conf, const struct conf_scope *scope,
                        const struct conf_module *but);

/* Where a word stands. */
struct conf_mark conf_mark_of(struct conf *conf, const struct conf_word *word);

/*
 * Notes an error at a word (NULL: at no place) and returns false. Errors are told at the end of the
 * run, in order of place.
 */
bool conf_error(struct conf *conf, const struct conf_word *word, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Adds a mend to the error noted last: `hint: did you mean "root"?` */
void conf_hint(struct conf *conf, const char *fmt, ...) PRINTF_LIKE(2, 3);
void conf_warn(struct conf *conf, const struct conf_word *word, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* out of memory; returns false */
bool conf_no_memory(struct conf *conf);

/*
 * Whether the "$" at source[at] came from the environment, and so begins no variable. source: the
 * word's text, or a part of it that reaches to its end, or a copy with something else in front.
 */
bool conf_is_text(const struct conf *conf, const struct conf_word *word, struct str source,
                  size_t at);

/*
 * Writes all that was noted, in order of place, each as
 *     weir: [emerg] unknown directive "rot" in /etc/weir/weir.conf:12
 *       12 |     rot /srv/www;
 *          |     ^~~ did you mean "root"?
 * to ctx (console or log) at level emerg or warn. Warnings only when with_warnings.
 */
void conf_report(const struct conf *conf, const struct log_context *ctx, bool with_warnings);
/* The same text, whole, for whoever asked from elsewhere (weir -s reload). */
void conf_report_to(const struct conf *conf, struct writer *w);

/* A note as its parts; text and hint are the run's. */
struct conf_note {
    enum log_level level;       /* LEVEL_EMERG or LEVEL_WARN */
    struct str text;
    struct str hint;            /* the mend; empty: none */
    struct str file;            /* "": at no place */
    uint32_t line;              /* 0: in "command line" or nowhere */
};
/* Calls fn for each note that was kept, in order of place. */
void conf_notes_each(const struct conf *conf,
                     void (*fn)(void *ctx, const struct conf_note *note), void *ctx);

/* -T: each file after "# configuration file PATH:", as it was. */
void conf_dump(const struct conf *conf, int fd);

/*
 * PATH relative to the main file's directory (include, password files), or to the prefix (root,
 * logs, pid). NUL-terminated; STR_NONE when memory is short.
 */
struct str conf_path_by_file(struct conf *conf, struct str path);
struct str conf_path_by_prefix(struct conf *conf, struct str path);

/* ---- the usual kinds of values: parse functions for tables --------------------------------- */

/*
 * The field's type, and what is taken:
 *   flag     bool: on | off
 *   size     uint64_t bytes: 10, 8k, 1m, 2g
 *   ms       uint64_t milliseconds: 75, 75s, 1h30m, 500ms
 *   seconds  uint64_t seconds: 75, 1h30m, 1y
 *   uint     uint32_t; data: struct uint_range or NULL
 *   text     struct str, kept in the arena
 *   enum     int; data: struct conf_enum[], ended by NULL
 *   path     struct str, relative to the prefix
 *   present  bool: true, the name stands alone
 *   ignored  none: accepted for compatibility, has no effect
 */
bool parse_flag(struct conf *conf, const struct conf_node *node, void *field);
bool parse_size(struct conf *conf, const struct conf_node *node, void *field);
bool parse_ms(struct conf *conf, const struct conf_node *node, void *field);
bool parse_seconds(struct conf *conf, const struct conf_node *node, void *field);
bool parse_uint(struct conf *conf, const struct conf_node *node, void *field);
bool parse_text(struct conf *conf, const struct conf_node *node, void *field);
bool parse_enum(struct conf *conf, const struct conf_node *node, void *field);
bool parse_path(struct conf *conf, const struct conf_node *node, void *field);
bool parse_present(struct conf *conf, const struct conf_node *node, void *field);
bool parse_ignored(struct conf *conf, const struct conf_node *node, void *field);

struct uint_range { uint32_t min, max; };
struct conf_enum { const char *name; int value; };

/*
 * The same for one word, for directives with a shape of their own. False: an error was noted at the
 * word.
 */
bool word_flag(struct conf *conf, const struct conf_word *word, bool *value);
bool word_size(struct conf *conf, const struct conf_word *word, struct str text, uint64_t *value);
bool word_ms(struct conf *conf, const struct conf_word *word, struct str text, uint64_t *value);
bool word_seconds(struct conf *conf, const struct conf_word *word, struct str text,
                  uint64_t *value);
bool word_uint(struct conf *conf, const struct conf_word *word, struct str text, uint64_t max,
               uint64_t *value);

/*
 * Whether a statement of a block of data is "KEY VALUE;". False: an error was noted that speaks of
 * the block's directive.
 */
bool conf_pair(struct conf *conf, const struct conf_node *node);

/* nginx's units, without a conf: false when malformed or too large. */
bool size_parse(struct str text, uint64_t *bytes);
bool ms_parse(struct str text, uint64_t *ms);
bool seconds_parse(struct str text, uint64_t *seconds);

#endif
