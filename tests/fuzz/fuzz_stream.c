/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_stream: all that a client may send on a connection, from its first byte to its end, through
 * loop, pool, codec and handlers. However it is cut into pieces, and however little the socket takes
 * at a time, the same answers come; these are messages one after the other, each as long as it says.
 *
 * The input: how it is cut (a byte with a count, so many bytes with lengths that come by turns), how
 * much is taken at a time, then what is sent.
 */
#include "fuzz.h"
#include "no_names.h"
#include "site.h"

#include "http/engine.h"

#include <sys/eventfd.h>

enum {
    SLOTS = 16, LENGTHS_MAX = 8, SENT_MAX = 4096, ANSWERS_MAX = 1 << 20, STREAMS = 100,
    TURNS_MAX = 50000
};

static const char conf[] =
    "client_max_body_size 300; client_header_buffer_size 64; large_client_header_buffers 2 512;\n"
    "max_headers 12; keepalive_requests 20; keepalive_timeout 60; etag off; max_ranges 3;\n"
    "client_body_timeout 60; client_header_timeout 60; lingering_time 5; server_tokens off;\n"
    "server { listen 127.0.0.1:1 default_server; server_name a;\n"
    "  add_header M $request_method always; add_header L $request_length always;\n"
    "  location / { return 200 \"$request_uri\"; } location /none { return 204; }\n"
    "  location /gone { return 444; } location /moved { return 301 $args; }\n"
    "  location /long { return 200 \"$args$args$args$args$args$args$args$args$args\"; gzip on;\n"
    "    gzip_min_length 1; gzip_types *; }\n"
    "  location /page { root /nonexistent; error_page 404 =200 /none; error_page 405 /; }\n"
    "  location /trailer { add_trailer T $http_t; return 200 $uri; }\n"
    "  location /close { keepalive_timeout 0; return 200 bye; }\n"
    "  location /wide { client_max_body_size 0; return 200 wide; }\n"
    "}\n"
    "server { listen 127.0.0.1:1; server_name b; return 200 \"b $host\"; }\n"
    "server { listen 127.0.0.1:2 proxy_protocol; return 200 \"$proxy_protocol_addr\"; }\n";

/* One connection: what it has sent, as a text, and how it behaves. */
struct client {
    struct conn *conn;          /* NULL once it is closed */
    struct str left;            /* what it has still to send */
    uint8_t lengths[LENGTHS_MAX];
    unsigned lengths_len, next_length;
    size_t takes;               /* bytes at a time; 0: all */
    bool is_full;               /* takes nothing until it was waited for */
    char *got;
    size_t got_len;
};

static struct site site;
static struct loop loop;
static struct pool pool;
static struct http_worker *worker;
static struct client client;

/* ---- the stream ---------------------------------------------------------------------------- */

static enum io
client_recv(struct conn *conn, void *p, size_t size, size_t *done)
{
    size_t len = client.left.len;

    (void)conn;
    if (len == 0)
        return IO_CLOSED;
    if (client.lengths_len > 0) {
        len = MIN(len, (size_t)client.lengths[client.next_length] + 1);
        client.next_length = (client.next_length + 1) % client.lengths_len;
    }
    len = MIN(len, size);
    memcpy(p, client.left.p, len);
    client.left = str_from(client.left, len);
    *done = len;
    return IO_DONE;
}

static enum io
client_send(struct conn *conn, const void *p, size_t size, bool more, size_t *done)
{
    (void)conn;
    (void)more;
    if (client.takes > 0) {
        client.is_full = !client.is_full;
        if (!client.is_full)
            return IO_AGAIN;
        size = MIN(size, client.takes);
    }
    require(client.got_len + size <= ANSWERS_MAX);
    memcpy(client.got + client.got_len, p, size);
    client.got_len += size;
    *done = size;
    return IO_DONE;
}

static void
client_shutdown(struct conn *conn)
{
    (void)conn;
}

static void
client_release(struct conn *conn)
{
    (void)conn;
    client.conn = NULL;
}

static const struct stream_ops client_stream = {
    .recv = client_recv, .send = client_send, .shutdown = client_shutdown,
    .release = client_release,
};

/* ---- a connection -------------------------------------------------------------------------- */

static void
open_server(void)
{
    require(site_read(&site, str_of(conf)) && site_open(&site));
    require(loop_init(&loop, SLOTS) && pool_init(&pool, &loop, SLOTS, &pool_default_limits));
    worker = http_worker_start(site.setup.http, &loop, &pool, 3);
    require(worker != NULL);
}

static void
close_server(void)
{
    http_worker_stop(worker);
    pool_fini(&pool);
    loop_fini(&loop);
    site_close(&site);
}

/* Whoever waits for input gets some, or hears that there is no more. */
static void
turn(void)
{
    struct conn *conn = client.conn;

    if ((conn->interest & EPOLLIN) != 0)
        loop.on_slot_event(loop.slots, conn_word(conn), EPOLLIN);
    require(loop_turn(&loop, 0) >= 0);
}

/*
 * A descriptor that can always be written to, and never read: what is read and written is the
 * stream's.
 */
static void
converse(struct http_address *address, struct str sent)
{
    static const struct peer peer = { .ip = { 127, 0, 0, 1 }, .port = 4711, .family = AF_INET };
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    client.left = sent;
    client.next_length = 0;
    client.is_full = false;
    client.got_len = 0;
    require(fd >= 0);
    client.conn = conn_take(&pool, fd, &peer, CONN_NEW);
    require(client.conn != NULL);
    client.conn->listener = &address->listener;
    client.conn->stream = &client_stream;
    http_accept(client.conn);
    for (unsigned turns = 0; client.conn != NULL; turns++) {
        require(turns < TURNS_MAX);
        turn();
    }
    pool_batch_end(&pool);
    require(pool.used == 0 && http_worker_connections(worker) == 0);
}

/* ---- answers ------------------------------------------------------------------------------- */

/* The value of a field of a head; STR_NONE: it is not there. */
static struct str
field_of(struct str head, const char *name)
{
    size_t len = strlen(name);

    while (head.len > 0) {
        struct str line = take_line(&head);

        if (line.len > len && line.p[len] == ':' && strncasecmp(line.p, name, len) == 0)
            return str_trim((struct str){ line.p + len + 1, line.len - len - 2 });
    }
    return STR_NONE;
}

/* Chunks until the last, and the trailers behind it; the answers end where `rest` does. */
static void
skip_chunks(struct str *rest)
{
    uint64_t size;

    do {
        struct str line = take_line(rest);

        require(line.len > 1 && line.p[line.len - 1] == '\r');
        line.len--;
        require(str_to_hex(line, 1 << 20, &size) && rest->len >= size + 2);
        if (size == 0)
            break;
        *rest = str_from(*rest, (size_t)size);
        require(str_starts(*rest, STR("\r\n")));
        *rest = str_from(*rest, 2);
    } while (true);
    for (struct str line; (line = take_line(rest)).len > 1; )
        require(line.p[line.len - 1] == '\r' && str_find(line, ':', 0) > 0);
}

/* An answer without a length is the last, and all that follows is its body. */
static void
skip_body(struct str head, unsigned status, struct str *rest)
{
    struct str length = field_of(head, "Content-Length"), coding = field_of(head, "Transfer-Encoding");
    struct str method = field_of(head, "M");
    bool closes = str_ieq(field_of(head, "Connection"), STR("close"));
    uint64_t bytes = 0;

    require(!str_is_set(length) || !str_is_set(coding));
    if (status < 200 || status == 204 || status == 304) {
        require(!str_is_set(coding) && (!str_is_set(length) || status == 304));
        return;
    }
    if (str_is_set(length))
        require(str_to_uint(length, ANSWERS_MAX, &bytes));
    if (str_eq(method, STR("HEAD")))
        return;
    if (str_is_set(coding))
        skip_chunks(rest);
    else if (!str_is_set(length))
        bytes = rest->len;
    /* What is refused before its method is known may be the answer to a HEAD. */
    if (!str_is_set(method) && rest->len == 0)
        return;
    require(bytes <= rest->len && (str_is_set(length) || str_is_set(coding) || closes));
    *rest = str_from(*rest, (size_t)bytes);
}

/* Interim answers depend on what has come already: they go, and dates with them. */
static void
look_at_answers(struct str *out)
{
    struct str rest = *out;
    char *to = client.got;
    bool was_last = false;

    while (rest.len > 0) {
        const char *end = memmem(rest.p, rest.len, "\r\n\r\n", 4);
        struct str head, date, whole = rest;
        uint64_t status;

        require(end != NULL && str_starts(rest, STR("HTTP/1.1 ")) && rest.len > 14 && !was_last);
        require(str_to_uint((struct str){ rest.p + 9, 3 }, 599, &status) && status >= 100);
        head = (struct str){ rest.p, (size_t)(end + 4 - rest.p) };
        site_check_head((struct str){ head.p, head.len - 2 });
        rest = str_from(rest, head.len);
        skip_body(head, (unsigned)status, &rest);
        was_last = str_ieq(field_of(head, "Connection"), STR("close"));
        if (status < 200)
            continue;
        date = field_of(head, "Date");
        require(date.len == 29);
        memset((char *)(uintptr_t)date.p, '-', date.len);
        memmove(to, whole.p, whole.len - rest.len);
        to += whole.len - rest.len;
    }
    *out = (struct str){ client.got, (size_t)(to - client.got) };
}

static struct str
answers_to(struct http_address *address, struct str sent)
{
    struct str got;

    converse(address, sent);
    got = (struct str){ client.got, client.got_len };
    look_at_answers(&got);
    return got;
}

static void
try_stream(struct http_address *address, struct str sent, size_t takes)
{
    static char whole_bytes[ANSWERS_MAX], split_bytes[ANSWERS_MAX];
    unsigned lengths_len = client.lengths_len;
    struct str whole, split;

    client.lengths_len = 0;
    client.takes = 0;
    client.got = whole_bytes;
    whole = answers_to(address, sent);
    client.lengths_len = lengths_len;
    client.takes = takes;
    client.got = split_bytes;
    split = answers_to(address, sent);
    require(str_eq(whole, split));
}

static void
take_lengths(struct str *rest)
{
    client.lengths_len = 1 + take_byte(rest) % LENGTHS_MAX;
    for (unsigned i = 0; i < client.lengths_len; i++)
        client.lengths[i] = (uint8_t)take_byte(rest);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned streams;
    struct str rest = { (const char *)data, MIN(size, SENT_MAX) };
    struct http_address *address;
    size_t takes;

    hush();
    if (streams == 0)
        open_server();
    take_lengths(&rest);
    takes = take_byte(&rest);
    address = site.setup.http->addresses;
    if (str_starts(rest, STR("PROXY")) || str_starts(rest, STR("\r\n\r\n\0\r\nQUIT\n")))
        address = address->next;
    if (rest.len > 0)
        try_stream(address, rest, takes);
    if (++streams == STREAMS) {
        close_server();
        streams = 0;
    }
    return 0;
}
