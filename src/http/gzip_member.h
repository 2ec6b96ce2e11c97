/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gzip_member: bytes compressed into one gzip member (RFC 1952). Members behind one another are a
 * gzip file.
 */
#ifndef WEIR_HTTP_GZIP_MEMBER_H
#define WEIR_HTTP_GZIP_MEMBER_H

#include "base/str.h"

/* level: 1 to 9. To be given back; STR_NONE when memory is short. */
struct str gzip_member(int level, struct str bytes);
void gzip_member_free(struct str member);

#endif
