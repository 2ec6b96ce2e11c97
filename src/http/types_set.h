/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types_set: the media types to which something applies, as charset_types and its like name them.
 *
 * The default of such a directive is the `initial` of its row, all that is parsed is its parameter:
 *
 *     { "gzip_types", .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY }, .flags = DIRECTIVE_REPEAT,
 *       .parse = parse_types_set, FIELD(struct gzip_conf, types), .initial = "text/html" },
 */
#ifndef WEIR_HTTP_TYPES_SET_H
#define WEIR_HTTP_TYPES_SET_H

#include "conf/conf.h"

struct map;

/* Lives in the configuration's arena. */
struct types_set {
    bool any;                   /* "*" was among them */
    struct map *types;          /* those that were named, and text/html always */
};

/* For a table of directives; the field is a struct types_set. */
bool parse_types_set(struct conf *conf, const struct conf_node *node, void *field);

/*
 * Whether a Content-Type is in it, in any case and whatever its parameters; STR_NONE, an answer
 * without a type, is so only where any is.
 */
bool types_set_has(const struct types_set *set, struct str type);

#endif
