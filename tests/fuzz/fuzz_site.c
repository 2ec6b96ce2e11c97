/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * site: any text as the inside of http { }; where it has no errors, some requests go through it.
 * What would read other files, or map much memory, is passed over.
 */
#include "fuzz.h"
#include "no_names.h"
#include "site.h"

static const char *const passed_over[] = { "include", "zone" };

static const char *const requests[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a/b.html?x=1&y=%0d%0a HTTP/1.1\r\nHost: www.example.org:80\r\nX: a\r\nCookie: c=1\r\n\r\n",
    "POST /p/%2e%2e/q%20r HTTP/1.0\r\nContent-Length: 0\r\nReferer: http://a/b\r\n\r\n",
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct site site;

    hush();
    if (size > 4096)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(passed_over); i++)
        if (memmem(data, size, passed_over[i], strlen(passed_over[i])) != NULL)
            return 0;
    if (site_read(&site, text) && site.setup.http->addresses != NULL && site_open(&site))
        for (size_t i = 0; i < ARRAY_LEN(requests); i++)
            site_ask(&site, str_of(requests[i]));
    site_close(&site);
    return 0;
}
