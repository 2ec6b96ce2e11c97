/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page: the server's own pages. Each is a file, NAME.html, in which {{word}} stands where something
 * of the moment belongs.
 */
#ifndef WEIR_HTTP_PAGE_H
#define WEIR_HTTP_PAGE_H

#include "base/str.h"

/*
 * Takes from *rest what stands before the next place, and gives that place's word; "" when there is
 * none any more.
 */
struct str page_next(struct str *rest, struct str *place);

/* Their texts; make writes them. */
extern const unsigned char folder_page_html[], report_page_html[];
extern const size_t folder_page_html_len, report_page_html_len;

#endif
