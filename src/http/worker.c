/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker: the HTTP server's part of a worker: its scratch buffers, its store of requests, its end.
 */
#include "base/clock.h"
#include "http/engine.h"
#include "http/folder_reader.h"
#include "http/http.h"
#include "http/log_buffer.h"
#include "http/log_path.h"
#include <stdlib.h>

enum {
    REQUEST_BLOCK = 4096,       /* bytes of a request's arena at first */
    REQUEST_LIMIT = 4 << 20,    /* whatever a peer or a conf file makes a request want */
    KEPT_REQUESTS = 64,         /* free ones that are kept ready */
    LISTING_LIMIT_MS = 3000,
    HAND_OVER_TURN = 256,       /* connections that are handed over in a turn */
    DEFAULT_FILES = 1000,
    DEFAULT_INACTIVE_MS = 60000
};

/* ---- requests ------------------------------------------------------------------------------ */

static void
describe_request(struct log_details *details, const struct log_context *ctx)
{
    const struct http_request *req = CONTAINER_OF(ctx, struct http_request, log);
    char client[ADDRESS_TEXT_MAX];
    struct writer w = writer_at(client, sizeof(client));

    write_peer(&w, req->peer);
    log_detail(details, "client", writer_str(&w));
    log_detail(details, "server", req->server->name);
    log_detail_quoted(details, "request", req->request_line);
    if (req->parent != NULL)
        log_detail_quoted(details, "subrequest", req->path);
    log_detail_quoted(details, "host", req->known[FIELD_HOST]);
    log_detail_quoted(details, "referrer", req->known[FIELD_REFERER]);
}

static struct http_request *
request_create(void)
{
    struct http_request *req = calloc(1, sizeof(*req));

    if (req == NULL)
        return NULL;
    req->arena = arena_create(REQUEST_BLOCK, REQUEST_LIMIT);
    if (req->arena == NULL) {
        free(req);
        return NULL;
    }
    return req;
}

/* debug_connection */
static COLD bool
is_debugged(const struct pool *pool, const struct peer *peer)
{
    for (uint32_t i = 0; i < pool->limits.debug.len; i++)
        if (network_has(&pool->limits.debug.items[i], peer))
            return true;
    return false;
}

struct http_request *
http_request_take(struct http_worker *worker, struct conn *conn, const struct http_codec *codec)
{
    struct http_request *req = worker->free_requests;
    struct arena *arena;

    if (LIKELY(req != NULL)) {
        worker->free_requests = req->next_free;
        worker->free_len--;
    } else if ((req = request_create()) == NULL) {
        return NULL;
    }
    arena = req->arena;
    CLEAR(req, sizeof(*req));
    req->arena = arena;
    req->conn = conn;
    req->peer = &conn->peer;
    req->worker = worker;
    req->trace = worker->trace;
    req->codec = codec;
    req->server = http_address_of(conn)->default_server;
    req->log.connection = conn->number;
    req->log.describe = describe_request;
    if (UNLIKELY(worker->pool->limits.debug.len > 0))
        req->log.debug = is_debugged(worker->pool, &conn->peer);
    if (UNLIKELY(log_told == &req->log))
        log_told = NULL;
    http_log_to(req, &req->server->root->settings->log);
    req->content_length = -1;
    req->start_us = now.mono_us;
    req->start_wall_ms = now.wall_ms;
    req->response.content_length = -1;
    req->response.last_modified = (time_t)-1;
    return req;
}

static void
request_destroy(struct http_request *req)
{
    arena_destroy(req->arena);
    free(req);
}

static void
wipe_text(struct str text)
{
    if (text.len > 0)
        explicit_bzero((char *)(uintptr_t)text.p, text.len);
}

/* The field may stand in several lines, and then once more as one. What was made of it: login.c. */
static COLD void
wipe_authorization(const struct http_request *req)
{
    for (uint32_t i = 0; i < req->fields_len; i++)
        if (str_ieq(req->fields[i].name, STR("authorization")))
            wipe_text(req->fields[i].value);
    wipe_text(req->known[FIELD_AUTHORIZATION]);
}

void
http_request_release(struct http_request *req)
{
    struct http_worker *worker = req->worker;

    if (LIKELY(req->file != NULL))
        file_release(worker->files, req->file);
    if (UNLIKELY(str_is_set(req->known[FIELD_AUTHORIZATION])) && req->parent == NULL)
        wipe_authorization(req);
    arena_reset(req->arena);
    if (worker->free_len >= KEPT_REQUESTS) {
        request_destroy(req);
        return;
    }
    req->next_free = worker->free_requests;
    worker->free_requests = req;
    worker->free_len++;
}

/* ---- start and end ------------------------------------------------------------------------- */

static void
on_turn_end(struct loop_turn_end *end)
{
    struct http_worker *worker = CONTAINER_OF(end, struct http_worker, turn_end);

    log_buffers_turn_end(&worker->http->log_buffers);
}

static bool
start_modules(struct http_worker *worker)
{
    for (unsigned i = 0; http_modules[i] != NULL; i++)
        if (http_modules[i]->worker_start != NULL && !http_modules[i]->worker_start(worker))
            return false;
    return true;
}

/* ---- when there is no room ----------------------------------------------------------------- */

static void
write_overload_answer(struct writer *w, const struct http_worker *worker,
                      enum server_tokens tokens)
{
    struct str page = http_page(HTTP_SERVICE_UNAVAILABLE, tokens), name = http_signature(tokens);
    uint32_t retry_after_s = worker->pool->limits.overload.retry_after_s;

    write_str(w, STR("HTTP/1.1 503 Service Unavailable"));
    if (name.len > 0) {
        write_str(w, STR("\r\nServer: "));
        write_str(w, name);
    }
    write_str(w, STR("\r\nContent-Type: text/html\r\nContent-Length: "));
    write_uint(w, page.len);
    if (retry_after_s > 0)
        write_fmt(w, "\r\nRetry-After: %u", retry_after_s);
    write_str(w, STR("\r\nConnection: close\r\n\r\n"));
    write_str(w, page);
}

/* What a client is told without a request, whatever it asks for; empty when memory is short. */
static struct str
overload_answer(struct http_worker *worker, enum server_tokens tokens)
{
    enum { ROOM = 2048 };
    char **room = &worker->overload_answers[tokens];
    struct writer w;

    if (*room == NULL && (*room = malloc(ROOM)) == NULL)
        return STR("");
    w = writer_at(*room, ROOM);
    write_overload_answer(&w, worker, tokens);
    return w.ok ? writer_str(&w) : STR("");
}

static void
prepare_address(struct http_worker *worker, struct http_address *address)
{
    const struct location_settings *root = address->default_server->root->settings;

    address->worker = worker;
    address->listener.overload_answer = overload_answer(worker, root->signature.tokens);
}

/* Clients go before files that are open only because they may be asked for again. */
static unsigned
spare_descriptors(struct pool *pool)
{
    struct http_worker *worker = pool->owner;

    return file_cache_give(worker->files, 32);
}

/* It is lost on its way: whoever waits hears that. */
static void
on_listing_limit(struct timer *timer)
{
    http_worker_listed(CONTAINER_OF(timer, struct http_worker, listing_limit), STR_NONE);
}

/* A client that is being answered goes before one that is idle. */
static unsigned
spare_connections(void *ctx)
{
    return pool_drain(ctx);
}

struct http_worker *
http_worker_start(struct http *http, struct loop *loop, struct pool *pool,
                  uint32_t requests_per_turn)
{
    struct http_worker *worker = calloc(1, sizeof(*worker));

    if (worker == NULL)
        return NULL;
    worker->http = http;
    worker->loop = loop;
    worker->pool = pool;
    worker->requests_per_turn = requests_per_turn;
    link_init(&worker->turn_end.link);
    link_init(&worker->listing_waiting);
    timer_init(&worker->listing_limit, on_listing_limit);
    log_buffers_start(&http->log_buffers, &loop->timers);
    worker->in = malloc(READ_SIZE);
    worker->out = malloc(GATHER_SIZE + GATHER_SLACK);
    worker->files = http->file_cache_max > 0
        ? file_cache_create(&loop->timers, http->file_cache_max, http->file_cache_inactive_ms,
                            http->file_cache_body_bytes)
        : file_cache_create(&loop->timers, DEFAULT_FILES, DEFAULT_INACTIVE_MS,
                            http->file_cache_body_bytes);
    worker->pools = thread_pools_create(loop, http->thread_pools);
    if (http->has_regex_locations)
        worker->routes = routes_create();
    if (worker->in == NULL || worker->out == NULL || worker->files == NULL || worker->pools == NULL
        || !start_modules(worker)) {
        http_worker_stop(worker);
        return NULL;
    }
    for (struct http_address *a = http->addresses; a != NULL; a = a->next)
        prepare_address(worker, a);
    file_cache_on_shortage(worker->files, spare_connections, pool);
    pool->owner = worker;
    pool->spare_descriptors = spare_descriptors;
    worker->turn_end.run = on_turn_end;
    loop_at_turn_end(loop, &worker->turn_end);
    return worker;
}

static void
retire_one(void *ctx, struct conn *conn)
{
    struct http_worker *worker = ctx;

    if (http_address_of(conn)->worker != worker)
        return;
    if (conn->state == CONN_IDLE && conn_is_kept(conn))
        conn_deadline(conn, conn->keep_ms - (now.mono_ms - conn->idle_since_ms));
    else if (conn->state == CONN_IDLE)
        conn_close(conn, CLOSE_SHUTDOWN);
    else if (conn->state == CONN_ACCEPTED)
        conn_deadline(conn, RETIRING_SILENT_MS);
}

void
http_worker_retire(struct http_worker *worker, const struct http_successor *successor)
{
    worker->retiring = true;
    worker->successor = successor;
    worker->hand_over_next = 0;
    worker->hand_over_missed = false;
    if (successor == NULL)
        pool_each(worker->pool, retire_one, worker);
}

/* The next slot with a connection of this part; NULL: that was the last. */
static struct conn *
next_to_hand_over(struct http_worker *worker)
{
    struct pool *pool = worker->pool;

    while (worker->hand_over_next < pool->touched) {
        struct conn *conn = &pool->slots[worker->hand_over_next++];

        if (conn->state != CONN_FREE && http_address_of(conn)->worker == worker)
            return conn;
    }
    worker->hand_over_next = 0;
    return NULL;
}

bool
http_worker_hand_over(struct http_worker *worker)
{
    for (unsigned i = 0; i < HAND_OVER_TURN; i++) {
        struct conn *conn = next_to_hand_over(worker);

        if (conn == NULL && !worker->hand_over_missed)
            return true;
        if (conn == NULL) {
            worker->hand_over_missed = false;   /* once more, from the first */
        } else if (h1_hand_over(conn) == HAND_OVER_LATER) {
            worker->hand_over_next--;
            return false;
        }
    }
    return false;
}

bool
http_covers(const struct http *http, const struct address *local)
{
    for (const struct http_address *a = http->addresses; a != NULL; a = a->next)
        if (listener_covers(&a->listener, local))
            return true;
    return false;
}

/* ---- the list of all connections ----------------------------------------------------------- */

void
http_worker_can_list(struct http_worker *worker, const struct http_listing *listing)
{
    worker->listing = *listing;
}

bool
http_ask_for_listing(struct http_worker *worker, struct listing_wait *wait)
{
    bool asked = !list_is_empty(&worker->listing_waiting);

    if (!asked && (worker->listing.ask == NULL || !worker->listing.ask(worker->listing.ctx)))
        return false;
    list_push(&worker->listing_waiting, &wait->link);
    if (!asked)
        timer_arm(&worker->loop->timers, &worker->listing_limit, now.mono_ms + LISTING_LIMIT_MS);
    return true;
}

/* Once: who resumed may be gone, and its struct another's, before http_resume returns. */
const struct listing_wait *
http_take_listing(struct http_request *req)
{
    struct http_worker *worker = req->worker;
    const struct listing_wait *wait = worker->listing_now;

    if (wait == NULL || wait->req != req)
        return NULL;
    worker->listing_now = NULL;
    return wait;
}

/* Whoever asks from here on waits for the next list. */
void
http_worker_listed(struct http_worker *worker, struct str lines)
{
    struct link these;

    link_init(&these);
    while (!list_is_empty(&worker->listing_waiting)) {
        struct link *link = worker->listing_waiting.next;

        link_remove(link);
        list_push(&these, link);
    }
    while (!list_is_empty(&these)) {
        struct listing_wait *wait = CONTAINER_OF(these.next, struct listing_wait, link);

        link_remove(&wait->link);
        wait->lines = lines;
        worker->listing_now = wait;
        http_resume(wait->req);         /* the request may be gone after this */
        worker->listing_now = NULL;
    }
}

uint32_t
http_worker_connections(const struct http_worker *worker)
{
    return worker->connections;
}

void
http_worker_flush_logs(struct http_worker *worker)
{
    log_buffers_flush(&worker->http->log_buffers);
    log_caches_close(&worker->http->log_caches);
}

void
http_worker_stop(struct http_worker *worker)
{
    if (worker == NULL)
        return;
    if (worker->pool->owner == worker) {
        worker->pool->owner = NULL;
        worker->pool->spare_descriptors = NULL;
    }
    for (unsigned i = 0; http_modules[i] != NULL; i++)
        if (http_modules[i]->worker_stop != NULL)
            http_modules[i]->worker_stop(worker);
    folder_reader_destroy(worker->folders);
    log_buffers_stop(&worker->http->log_buffers);
    log_caches_close(&worker->http->log_caches);
    link_remove(&worker->turn_end.link);
    timer_cancel(&worker->listing_limit);
    while (worker->free_requests != NULL) {
        struct http_request *req = worker->free_requests;

        worker->free_requests = req->next_free;
        request_destroy(req);
    }
    thread_pools_destroy(worker->pools);
    file_cache_destroy(worker->files);
    for (size_t i = 0; i < ARRAY_LEN(worker->overload_answers); i++)
        free(worker->overload_answers[i]);
    free(worker->routes);
    free(worker->in);
    free(worker->out);
    free(worker);
}
