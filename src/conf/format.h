/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format: a conf file's text laid out anew, and nothing but laid out.
 *
 * One statement a line, four blanks a level, one blank between words; what stood on lines of its
 * own inside a statement does so still, below the first argument. In blocks of data (map, types)
 * values stand in a column, and so do comments at the ends of lines. Words, comments and their
 * order are those of the text, byte for byte. Laying out what is laid out changes nothing.
 *
 * No directive needs to be known to weir, and no file that is included is looked at.
 */
#ifndef WEIR_CONF_FORMAT_H
#define WEIR_CONF_FORMAT_H

#include "base/writer.h"
#include "conf/conf.h"

/*
 * Writes the text of the file `name`, laid out, to w. conf has read nothing before, and reads
 * nothing after. False when the text has errors of syntax or memory is short: conf_report tells.
 */
bool conf_format(struct conf *conf, struct str name, struct str text, struct writer *w);

#endif
