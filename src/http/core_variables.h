/* SPDX-License-Identifier: BSD-2-Clause */
/* core_variables: $variables that the server itself knows of a request and its connection. */
#ifndef WEIR_HTTP_CORE_VARIABLES_H
#define WEIR_HTTP_CORE_VARIABLES_H

#include "http/variable.h"

extern const struct http_variable http_core_variables[];

#endif
