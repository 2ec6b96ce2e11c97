/* SPDX-License-Identifier: BSD-2-Clause */
/* pause: a request that waits for a time to pass, and for nothing else. */
#ifndef WEIR_HTTP_PAUSE_H
#define WEIR_HTTP_PAUSE_H

#include "http/request.h"

/*
 * For a handler to return: HTTP_AGAIN, and after so long the request goes on; HTTP_DONE with 500
 * when memory is short. A request that ends before wakes nobody.
 */
enum http_next http_pause(struct http_request *req, uint64_t ms);

#endif
