/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rotation: "rotate=" and "keep=" of access_log and error_log.
 */
#ifndef WEIR_CONF_ROTATION_H
#define WEIR_CONF_ROTATION_H

#include "base/log.h"
#include "base/log_rotation.h"
#include "conf/conf.h"

/* Zero it before the first word. */
struct rotation_words {
    struct log_rotation how;
    const struct conf_word *rotate, *keep;      /* NULL: not given */
};

bool is_rotation_word(const struct conf_word *word);
/* False after an error. */
bool parse_rotation_word(struct conf *conf, const struct conf_word *word,
                         struct rotation_words *words);

/*
 * The log that the words were written for is rotated so; file: NULL where its name holds variables.
 * A file is rotated in one way, wherever it is named. False after an error.
 */
bool rotation_apply(struct conf *conf, const struct rotation_words *words, struct log_file *file);

#endif
