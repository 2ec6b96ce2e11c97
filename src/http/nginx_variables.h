/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nginx_variables: the variables of nginx's modules that weir does not have, for a better mend
 * than a similar name.
 */
#ifndef WEIR_HTTP_NGINX_VARIABLES_H
#define WEIR_HTTP_NGINX_VARIABLES_H

#include "base/str.h"
#include <stdbool.h>

/* Of a name that no table of weir's has: whether nginx's documentation lists it. */
bool http_variable_is_nginxs(struct str name);

#endif
