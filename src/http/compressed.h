/* SPDX-License-Identifier: BSD-2-Clause */
/* compressed: what came of compressing an answer, for $gzip_ratio and its like. */
#ifndef WEIR_HTTP_COMPRESSED_H
#define WEIR_HTTP_COMPRESSED_H

#include "http/accept_encoding.h"
#include <stdint.h>

struct compressed {
    enum encoding encoding;
    uint64_t in, out;           /* bytes so far */
};

#endif
