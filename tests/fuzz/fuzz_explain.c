/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_explain: lines are the words of "weir explain": URL, method, --from, --to, and fields. What is
 * taken makes one head of a request, with no more lines than were asked for, and is answered.
 */
#include "fuzz.h"
#include "no_names.h"
#include "site.h"

#include "proc/explain_parts.h"

enum { LINE_LIMIT = 40 };

static const char conf[] =
    "server { listen 127.0.0.1:80; listen [::]:443; listen unix:/x; server_name a; return 200 $uri; }";

static unsigned
count_lines(struct str head)
{
    unsigned lines = 0;

    for (size_t i = 0; i < head.len; i++) {
        require(head.p[i] != '\n' || (i > 0 && head.p[i - 1] == '\r'));
        require(head.p[i] != '\r' || (i + 1 < head.len && head.p[i + 1] == '\n'));
        lines += head.p[i] == '\n';
    }
    return lines;
}

static void
require_question(const struct explain *explain, const struct explain_question *q)
{
    struct str head = q->asked.head;
    unsigned lines = count_lines(head);

    require(str_ends(head, STR("\r\n\r\n")) && str_starts(head, q->method));
    require(lines == 2 + explain->fields_len || lines == 3 + explain->fields_len);
    require(memmem(head.p, head.len - 2, "\r\n\r\n", 4) == NULL);
    require(q->asked.port == 0 || q->asked.host.len > 0);
    require(q->url.len > 0);
}

static void
ask(struct arena *arena, const struct explain *explain)
{
    static const struct http_trace trace = { .step = site_step, .answered = site_answered,
                                             .logged = site_logged };
    struct explain_question q = { 0 };
    struct http_explained explained;
    struct site site;

    if (!explain_read(arena, explain, &q))
        return;
    require_question(explain, &q);
    require(site_read(&site, str_of(conf)) && site_open(&site));
    require(http_explain(site.setup.http, &q.asked, &trace, &explained));
    require(explained.answered <= explained.listened);
    if (explained.listened)
        site_check_head(explained.head);
    site_close(&site);
}

/* NULL: the line is empty. */
static const char *
take_word(struct arena *arena, struct str *rest)
{
    struct str line = take_line(rest);

    return line.len > 0 ? arena_fmt(arena, "%.*s", STR_ARG(line)).p : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, MIN(size, 2048) };
    struct arena *arena = arena_create(4096, 0);
    struct explain explain = { 0 };

    hush();
    require(arena != NULL);
    explain.url = take_word(arena, &rest);
    explain.method = take_word(arena, &rest);
    explain.from = take_word(arena, &rest);
    explain.to = take_word(arena, &rest);
    while (rest.len > 0 && explain.fields_len < LINE_LIMIT) {
        const char *field = take_word(arena, &rest);

        if (field != NULL)
            explain.fields[explain.fields_len++] = field;
    }
    if (explain.url != NULL)
        ask(arena, &explain);
    arena_destroy(arena);
    return 0;
}
