/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * request: any head goes its way through a site that rewrites, maps and adds fields with whatever
 * the head says. No answer has a line end where none belongs.
 */
#include "fuzz.h"
#include "site.h"

enum { REQUESTS = 200 };        /* for one reading of the site: its arena keeps what they leave */

static const char text[] =
    "root /nonexistent/root; server_tokens off; default_type text/plain; charset utf-8;\n"
    "map $http_x $mapped { default \"d$http_y\"; a b; ~^(?<one>.)(.*)$ \"$2$one$uri\"; }\n"
    "map $mapped$arg_a $twice { default $mapped; hostnames; *.example.org wild; }\n"
    "geo $arg_ip $where { default no; 10.0.0.0/8 ten; }\n"
    "split_clients \"$uri$args\" $half { 50% a; * b; }\n"
    "server { listen 127.0.0.1:1 default_server; server_name a.example;\n"
    "  add_header X-Mapped $mapped always; add_header X-Twice \"$twice$half$where\" always;\n"
    "  add_trailer T $http_z; expires $arg_e; charset $arg_c;\n"
    "  set $kept $http_k$cookie_k; if ($http_set) { set $args \"$kept&$args\"; }\n"
    "  if ($arg_x ~ \"^(a+)+$\") { return 418 \"$1\"; } if ($arg_y ~* (b)(?<nb>c)?) { set $kept $nb$1$9; }\n"
    "  rewrite ^/r/(.*)$ /l/$1?q=$1&k=$kept; rewrite ^/p/(.*)$ https://x.example/$1 permanent;\n"
    "  rewrite ^/q/(.*)$ $arg_to?x=$1; rewrite ^/s/(.*)$ $1 last;\n"
    "  error_page 404 @missing; error_page 403 =200 /n/$kept; error_page 418 =302 $arg_to;\n"
    "  location / { try_files $uri $arg_f $uri/ @missing; }\n"
    "  location /l/ { return 301 $uri?$args; } location /t { return 200 \"$uri|$kept|$request_uri|$1\"; }\n"
    "  location ~ ^/n/(?<name>[^/]*)/?(.*)$ { add_header N \"$name\" always; return 204; }\n"
    "  location /a { auth_request /may; return 200 a; } location = /may { if ($arg_no) { return 401; } return 204; }\n"
    "  location /i { if ($arg_i) { add_header I $arg_i; } if ($arg_j = \"$http_j\") { root /other; } alias /x/$arg_i; }\n"
    "  location /m/ { limit_except GET { deny all; } index $arg_f i.html; }\n"
    "  location @missing { add_header M \"$uri\" always; return 404 \"$request_filename\"; }\n"
    "}\n"
    "server { listen 127.0.0.1:1; server_name ~^(?<sub>[^.]+)\\.(?<rest>.+)$ *.wild.example; return 302 $scheme://$rest/$sub$request_uri; }\n";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct site site;
    static unsigned asked;

    char head[8192 + 5];

    while (size > 0 && (data[0] == '\r' || data[0] == '\n')) {
        data++;                         /* lines before a head are no head: nothing would come */
        size--;
    }
    if (size == 0 || size > sizeof(head) - 5)
        return 0;
    memcpy(head, data, size);
    memcpy(head + size, "\r\n\r\n", 5);
    if (asked == 0 && (!site_read(&site, str_of(text)) || !site_open(&site)))
        abort();
    site_ask(&site, (struct str){ head, size + 4 });
    if (++asked == REQUESTS) {
        site_close(&site);
        asked = 0;
    }
    return 0;
}
