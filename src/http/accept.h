/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accept: lists of what a client takes, with weights (RFC 9110 12.4.2): "gzip;q=0.5, br".
 */
#ifndef WEIR_HTTP_ACCEPT_H
#define WEIR_HTTP_ACCEPT_H

#include "base/str.h"

struct accept_item {
    struct str name;            /* "": an empty place in the list */
    unsigned weight;            /* thousandths, at most 1000; 0: refused, or malformed */
    bool has_parameters;        /* others than its weight */
};

/*
 * Takes the next item from the value of a field; false at its end. Quoted strings are not known:
 * neither types nor encodings that are asked for have any.
 */
bool accept_next(struct str *list, struct accept_item *item);

/* Takes from *s what stands before the next separator, or its end, without blanks around it. */
struct str accept_cut(struct str *s, char separator);

#endif
