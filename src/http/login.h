/* SPDX-License-Identifier: BSD-2-Clause */
/* login: who a request says it comes from, by HTTP's Basic authentication (RFC 7617). */
#ifndef WEIR_HTTP_LOGIN_H
#define WEIR_HTTP_LOGIN_H

#include "http/request.h"

struct http_login {
    struct str name;            /* not empty */
    struct str password;
};

/*
 * What the Authorization field says; nobody has looked whether it is true. NULL when there is none
 * of this kind, when it is malformed, or holds a NUL. The password is wiped at the request's end.
 */
const struct http_login *http_login_of(struct http_request *req);

#endif
