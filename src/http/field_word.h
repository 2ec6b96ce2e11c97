/* SPDX-License-Identifier: BSD-2-Clause */
/* field_word: fields of answers as words of the conf file: "add_header X-Frame-Options DENY;" */
#ifndef WEIR_HTTP_FIELD_WORD_H
#define WEIR_HTTP_FIELD_WORD_H

#include "http/variable.h"

/* A copy of the name. False after conf_error: it is no token, or memory is short. */
bool field_name_of_word(struct conf *conf, const struct conf_word *word, struct str *name);

/*
 * The value, which may hold variables, and may be written over several lines: a line end with the
 * blanks around it is one blank. False after conf_error.
 */
bool field_value_of_word(struct conf *conf, const struct conf_word *word, struct http_text *value);

/* The codec alone says how long an answer is. */
bool field_is_framing(struct str name);

#endif
