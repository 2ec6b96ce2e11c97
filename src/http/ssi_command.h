/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ssi_command: which commands there are, what each takes, and the small language of their values.
 */
#ifndef WEIR_HTTP_SSI_COMMAND_H
#define WEIR_HTTP_SSI_COMMAND_H

#include "http/ssi_scan.h"

enum ssi_kind {
    SSI_BLOCK,
    SSI_CONFIG,
    SSI_ECHO,
    SSI_ELIF,
    SSI_ELSE,
    SSI_ENDBLOCK,
    SSI_ENDIF,
    SSI_IF,
    SSI_INCLUDE,
    SSI_SET
};

/* Of all commands. */
enum ssi_param_kind {
    SSI_PARAM_DEFAULT,
    SSI_PARAM_ENCODING,
    SSI_PARAM_ERRMSG,
    SSI_PARAM_EXPR,
    SSI_PARAM_FILE,
    SSI_PARAM_NAME,
    SSI_PARAM_SET,
    SSI_PARAM_STUB,
    SSI_PARAM_TIMEFMT,
    SSI_PARAM_VALUE,
    SSI_PARAM_VAR,
    SSI_PARAM_VIRTUAL,
    SSI_PARAM_WAIT,
    SSI_PARAM_KINDS
};

struct ssi_command {
    enum ssi_kind kind;
    struct str params[SSI_PARAM_KINDS]; /* STR_NONE: not given */
};

/* False when there is no command of that name, which is told. */
bool ssi_command_kind(const struct ssi_scan *scan, enum ssi_kind *kind, struct writer *told);
/*
 * The parameters of a command of that kind, as good as those of the scan. False when they are not
 * such as it takes, which is told.
 */
bool ssi_command_read(const struct ssi_scan *scan, enum ssi_kind kind, struct ssi_command *command,
                      struct writer *told);

/* Gives the value of a variable; STR_NONE: it has none. */
typedef struct str ssi_lookup(void *ctx, struct str name);

/*
 * The text with the values of its variables, $name or ${name}; a backslash makes "$", a quote and
 * itself mere bytes. Into the arena, at most `most` bytes. STR_NONE after it was told what is
 * wrong.
 */
struct str ssi_expand(struct arena *arena, struct str text, size_t most, ssi_lookup *lookup,
                      void *ctx, struct writer *told);

enum ssi_test { SSI_IS_TRUE, SSI_IS_EQUAL, SSI_MATCHES };

/* The sides of an expression are as written: to be expanded. */
struct ssi_expression {
    enum ssi_test test;
    bool is_negated;
    struct str left, right;     /* right of SSI_MATCHES: between the slashes */
};

/* "text", "text = text", "text != text", "text = /expression/"; false when it is none of them. */
bool ssi_expression_read(struct str text, struct ssi_expression *expression);

/*
 * A URI that is to stand in a page: what a URI cannot hold, quotes, "#" and "%" as %XX; what parts
 * it (RFC 3986 2.2) stays.
 */
void ssi_write_url(struct writer *w, struct str s);

#endif
