/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/status.h"
#include <stdio.h>

struct str
http_status_line(unsigned status)
{
    static char unknown[8];

    switch (status) {
#define AS_CASE(code, name, text) case code: return STR(#code " " text);
    HTTP_STATUSES(AS_CASE)
#undef AS_CASE
    }
    snprintf(unknown, sizeof(unknown), "%03u ", status % 1000);
    return (struct str){ unknown, 4 };
}
