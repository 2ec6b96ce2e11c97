/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_rewrite: lines become the words of a site's rewrites, conditions, maps and answers, the rest
 * is the head of a request. Wherever it is sent to, no file outside the root is looked for, no
 * answer has a line end where none belongs, and what is told is the same when it is asked again.
 */
#include "fuzz.h"
#include "no_names.h"
#include "site.h"

/* "@" is the next word, in quotes; "%" the same as an expression, behind "~". */
static const char form[] =
    "root /nonexistent/root; map $http_a$arg_a $mapped { default @; @ b; % $1$2; }\n"
    "map $mapped $again { volatile; default \"$mapped$uri\"; }\n"
    "server { listen 127.0.0.1:1; server_name a; set $mine @;\n"
    "  rewrite @ @; if ($mapped ~* @) { set $mine $1$mine; rewrite ^ /i/$mine; }\n"
    "  location /l/ { rewrite @ @ break; }\n"
    "  location /i/ { try_files $uri $mine /l/$again =404; }\n"
    "  location /r/ { return 302 $mine; } location /e/ { error_page 404 @; }\n"
    "  location / { index $mine i; add_header M $again always; add_trailer T $mapped; }\n"
    "}\n";

static void
write_word(struct writer *w, const char *before, struct str word)
{
    write_fmt(w, "\"%s", before);
    for (size_t i = 0; i < word.len; i++) {
        if (word.p[i] == '"' || word.p[i] == '\\')
            write_char(w, '\\');
        write_char(w, word.p[i]);
    }
    write_char(w, '"');
}

static struct str
write_conf(struct writer *w, struct str *rest)
{
    for (const char *p = form; *p != '\0'; p++) {
        if (*p == '@' || *p == '%')
            write_word(w, *p == '%' ? "~" : "", take_line(rest));
        else
            write_char(w, *p);
    }
    return writer_str(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, MIN(size, 2048) }, text;
    char room[8192], head[2048 + 5];
    struct writer w = writer_at(room, sizeof(room));
    struct site site;

    text = write_conf(&w, &rest);
    if (!w.ok || rest.len == 0 || rest.p[0] == '\r' || rest.p[0] == '\n')
        return 0;
    memcpy(head, rest.p, rest.len);
    memcpy(head + rest.len, "\r\n\r\n", 5);
    if (site_read(&site, text) && site_open(&site)) {
        site.root = STR("/nonexistent/root");
        site_ask(&site, (struct str){ head, rest.len + 4 });
    }
    site_close(&site);
    return 0;
}
