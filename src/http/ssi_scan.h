/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ssi_scan: finds the commands of server side includes in a text, <!--# name parameter="value" -->,
 * however the text is cut into pieces.
 *
 * What is malformed is told, with what is wrong in it, and lasts to the next "-->"; what only
 * begins like a command is text. Nothing here knows which commands there are.
 */
#ifndef WEIR_HTTP_SSI_SCAN_H
#define WEIR_HTTP_SSI_SCAN_H

#include "base/writer.h"

enum {
    SSI_NAME_MAX = 32,          /* bytes of the name of a command or a parameter */
    SSI_PARAMS_MAX = 16         /* of one command */
};

enum ssi_found {
    SSI_MORE,                   /* all was read: more of the text is needed */
    SSI_TEXT,                   /* bytes that are no command */
    SSI_COMMAND                 /* a command is whole: see scan->wrong */
};

/* What is wrong with a command. */
enum ssi_wrong {
    SSI_SOUND,
    SSI_NAME_TOO_LONG,
    SSI_TOO_MANY_PARAMS,
    SSI_PARAM_TOO_LONG,
    SSI_BEHIND_PARAM,           /* what follows the name of a parameter is no "=" */
    SSI_BEFORE_VALUE,           /* what follows "=" is no quote */
    SSI_VALUE_TOO_LONG,
    SSI_BEHIND_VALUE,           /* what follows a value is neither blank nor "-->" */
    SSI_BAD_END,                /* "-" that is not the begin of "-->" */
    SSI_NO_MEMORY
};

struct ssi_param {
    struct str name, value;     /* the value as it was written, backslashes too */
};

/* A text that grows by single bytes and is bounded. */
struct ssi_word {
    char bytes[SSI_NAME_MAX];
    size_t len;
};

struct ssi_scan {
    struct arena *arena;        /* of the values of the command that is being read */
    size_t value_max;           /* bytes of a value */
    int state;
    size_t matched;             /* bytes of "<!--#" so far */
    size_t dashes;              /* in a malformed command: of "-->" so far */
    char quote;
    enum ssi_wrong wrong;
    char symbol;                /* the byte that is not expected */
    struct ssi_word name;
    struct ssi_word param_names[SSI_PARAMS_MAX];
    struct str param_values[SSI_PARAMS_MAX];
    struct writer value;        /* of the last parameter */
    uint32_t count;             /* of parameters, that one included */
};

/* The arena is made empty by the caller once a command has been dealt with. */
void ssi_scan_begin(struct ssi_scan *scan, struct arena *arena, size_t value_max);

/*
 * Reads on in *in and advances it. SSI_TEXT: the bytes are *text, good as long as those of *in.
 * SSI_COMMAND: name and parameters are good until the next call.
 */
enum ssi_found ssi_scan_next(struct ssi_scan *scan, struct str *in, struct str *text);

/*
 * The text is over. The bytes that seemed to begin a command and are none, "" for none;
 * *unfinished: it ended within a command.
 */
struct str ssi_scan_end(struct ssi_scan *scan, bool *unfinished);

/* The command, once it is found. */
struct str ssi_scan_name(const struct ssi_scan *scan);
struct ssi_param ssi_scan_param(const struct ssi_scan *scan, uint32_t i);

/* Tells what is wrong. */
void ssi_scan_tell(const struct ssi_scan *scan, struct writer *w);

#endif
