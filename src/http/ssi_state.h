/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ssi_state: what the commands of server side includes remember. Values, blocks and what an
 * expression captured belong to the client's request and are common to all pages below it; the
 * forms that "config" sets belong to one page.
 */
#ifndef WEIR_HTTP_SSI_STATE_H
#define WEIR_HTTP_SSI_STATE_H

#include "http/regex.h"
#include "http/request.h"
#include "http/ssi_command.h"

enum {
    SSI_CAPTURES = 10,          /* $0 to $9 */
    SSI_MEMORY_MAX = 2 << 20    /* bytes of a request's arena: what comes then is refused, so that
                                   it never comes to its own limit, where the answer would end */
};

/* A text that may change, and has its room again when it does. */
struct ssi_kept {
    struct str text;            /* STR_NONE: none */
    char *room;
    size_t cap;
};

/* A piece of a block: text, or a command. */
struct ssi_item {
    struct str text;
    const struct ssi_command *command;  /* NULL: text */
    struct ssi_item *next;
};

struct ssi_block {
    struct str name;
    struct ssi_item *items, **end;
};

struct ssi_shared {
    struct http_request *client;        /* the client's own request, whose arena has all of it */
    struct map *values;         /* name -> struct ssi_kept */
    struct map *blocks;         /* name -> struct ssi_block */
    struct ssi_kept captures[SSI_CAPTURES];
};

struct ssi_state {
    struct ssi_shared *shared;
    struct ssi_kept error_message, time_format; /* of which there is none: as ever */
};

/* The state of a request, made if there is none; NULL when memory is short. */
struct ssi_state *ssi_state_of(struct http_request *req);

/* Takes a copy. False, logged, when memory is short. */
bool ssi_keep(struct http_request *req, struct ssi_kept *kept, struct str text);

/* Gives a name a value. False, logged, when memory is short. */
bool ssi_value_set(struct ssi_shared *shared, struct str name, struct str value);
/*
 * The value of a name for a page: one that was set, a capture, or a variable of the server;
 * STR_NONE: none.
 */
struct str ssi_value(struct http_request *req, struct str name);

/* Matches; what the groups capture becomes $0 to $9, and the values of their names. */
enum http_match ssi_match(struct http_request *req, struct str pattern, struct str subject);

/* A new block, not found before ssi_block_end. NULL, logged, when memory is short. */
struct ssi_block *ssi_block_begin(struct ssi_shared *shared, struct str name);
/* They add a copy at its end. False, logged, when memory is short. */
bool ssi_block_text(struct ssi_shared *shared, struct ssi_block *block, struct str text);
bool ssi_block_command(struct ssi_shared *shared, struct ssi_block *block,
                       const struct ssi_command *command);
/* The first of a name stays. False when memory is short. */
bool ssi_block_end(struct ssi_shared *shared, struct ssi_block *block);
/* NULL: there is none. */
const struct ssi_block *ssi_block_find(const struct ssi_shared *shared, struct str name);

#endif
