/* SPDX-License-Identifier: BSD-2-Clause */
/* listing_report: the lines of net/listing.h put into shape for people and for programs. */
#ifndef WEIR_HTTP_LISTING_REPORT_H
#define WEIR_HTTP_LISTING_REPORT_H

#include "base/writer.h"

/* A table with a line of headings. A line that is none of ours is left out. */
void listing_text(struct writer *w, struct str lines);
/*
 * {"connections":[{"pid":…,"generation":…,"connection":…,"state":"…","peer":"…","local":"…",
 * "age_ms":…,"quiet_ms":…,"requests":…,"bytes_received":…,"bytes_sent":…}, …],"more":…}
 */
void listing_json(struct writer *w, struct str lines);

#endif
