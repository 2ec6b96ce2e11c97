/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_ssi_page: any text as a page whose commands are carried out; it may include itself. */
#include "fuzz.h"
#include "site.h"

static const char conf[] =
    "server { server_name a; ssi on; default_type text/html; set $mine value; max_subrequests 20;"
    "  location / { return 200 $http_page; } location /text { ssi off; return 200 text; }"
    "  location /none { return 404; } location /empty { return 204; }"
    "  location /quiet { ssi_silent_errors on; ssi_value_length 20; ssi_expanded_length 30;"
    "    return 200 $http_page; } }";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char room[4096];
    struct writer w = writer_at(room, sizeof(room));
    struct site site;

    if (size > 2048 || !site_read(&site, str_of(conf)) || !site_open(&site))
        return 0;
    write_str(&w, STR("GET /dir/page HTTP/1.1\r\nHost: a\r\nPage: "));
    for (size_t i = 0; i < size; i++)   /* what a field may hold */
        write_char(&w, data[i] >= ' ' && data[i] != 0x7f ? (char)data[i] : '\t');
    write_str(&w, STR("\r\n\r\n"));
    site_ask(&site, writer_str(&w));
    site_close(&site);
    return 0;
}
