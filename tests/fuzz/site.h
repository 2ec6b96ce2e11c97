/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * site: an http { } read from text, and requests that go their way through it, as "weir explain"
 * sends them. Nothing is listened on; what is logged goes nowhere.
 */
#ifndef WEIR_FUZZ_SITE_H
#define WEIR_FUZZ_SITE_H

#include "base/clock.h"
#include "base/counters.h"
#include "base/zone.h"
#include "http/explain.h"
#include "http/path.h"
#include "http/settings.h"
#include <stdlib.h>

struct site {
    struct arena *arena;
    struct http_setup setup;    /* .http NULL: the text has errors */
    struct log_files log_files;
    struct zones zones;
    struct log log;

    /* What is to hold; set once it was read. */
    struct str root;            /* below which all files lie; STR_NONE: anywhere */
    void (*on_line)(struct str line);   /* is given each line of an access log; NULL: nobody is */
};

/* text: the inside of http { }. */
static bool
site_read(struct site *site, struct str text)
{
    static const char *const environment[] = { "HOME=/nowhere", NULL };
    struct conf *conf;
    struct writer w;
    bool ok;

    *site = (struct site){ .arena = arena_create(65536, 64u << 20) };
    if (site->arena == NULL)
        abort();
    log_files_init(&site->log_files, site->arena);
    zones_init(&site->zones, site->arena);
    site->setup.log_files = &site->log_files;
    site->setup.zones = &site->zones;
    site->setup.log = &site->log;
    conf = conf_create(site->arena, http_conf_modules(), STR("/nonexistent/"));
    w = writer_in(site->arena);
    write_str(&w, STR("http { access_log off; "));
    write_str(&w, text);
    write_str(&w, STR("\n}"));
    conf->environment = environment;
    conf->owner = &site->setup;
    ok = conf_read_text(conf, STR("site.conf"), writer_str(&w)) && conf_apply(conf) != NULL;
    if (ok != (conf->errors == 0))
        abort();
    conf_destroy(conf);
    return ok && site->setup.http != NULL;
}

static bool
site_open(struct site *site)
{
    static struct counters_segment *segment;

    if (segment == NULL && (segment = counters_create(1)) == NULL)
        abort();
    for (struct link *l = site->log_files.head.next; l != &site->log_files.head; l = l->next)
        CONTAINER_OF(l, struct log_file, link)->fd = -1;
    for (struct link *l = site->zones.head.next; l != &site->zones.head; l = l->next)
        if (!zone_open(CONTAINER_OF(l, struct zone, link), NULL))
            return false;
    counters_use(segment, 0, 1);
    http_count_hosts(site->setup.http, segment);
    clock_update();
    return true;
}

static void
site_close(struct site *site)
{
    zones_close(&site->zones);
    arena_destroy(site->arena);
}

static void
site_step(void *ctx, const struct conf_mark *where, struct str text)
{
    (void)ctx;
    (void)where;
    if (text.len > 0 && text.p == NULL)
        abort();
}

/* A file that was looked for lies below the root, wherever the request was sent to. */
static void
site_answered(void *ctx, const struct http_request *req)
{
    const struct site *site = ctx;

    if (site == NULL || !str_is_set(site->root) || !str_is_set(req->filename))
        return;
    if (!str_starts(req->filename, site->root) || !http_path_is_safe(req->filename))
        abort();
}

static void
site_logged(void *ctx, const struct http_log_line *line)
{
    const struct site *site = ctx;

    if (site != NULL && site->on_line != NULL && str_is_set(line->text))
        site->on_line(line->text);
}

/* No field of an answer has a line end in it, or any other control byte. */
static void
site_check_head(struct str head)
{
    size_t lines = 0;

    for (size_t i = 0; i < head.len; i++) {
        unsigned char c = (unsigned char)head.p[i];

        if (c == '\r' && i + 1 < head.len && head.p[i + 1] == '\n') {
            i++;
            lines++;
            continue;
        }
        if ((c < ' ' && c != '\t') || c == 0x7f)
            abort();
    }
    if (lines > 200)
        abort();
}

/* The answer's head has been looked over. */
static void
site_ask(struct site *site, struct str head)
{
    const struct http_trace trace = { .step = site_step, .answered = site_answered,
                                      .logged = site_logged, .ctx = site };
    const struct http_asked asked = { .head = head };
    struct http_explained explained;

    if (http_explain(site->setup.http, &asked, &trace, &explained))
        site_check_head(explained.head);
}

#endif
