/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/serve.h"

#include "base/writer.h"
#include "net/listener.h"
#include "proc/start.h"
#include "proc/tell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_PORT = 8080, PORTS_TRIED = 100, ADDRESSES_MAX = 16 };

/* Enough for a browser where weir's mime.types is not installed. */
static const char few_types[] =
    "types {\n"
    "text/html html htm; text/css css; text/javascript js mjs; text/plain txt md log;\n"
    "application/json json map; application/xml xml; application/wasm wasm;\n"
    "application/pdf pdf; application/zip zip; application/gzip gz;\n"
    "image/png png; image/jpeg jpg jpeg; image/gif gif; image/webp webp; image/avif avif;\n"
    "image/svg+xml svg; image/vnd.microsoft.icon ico;\n"
    "font/woff woff; font/woff2 woff2; font/ttf ttf; font/otf otf;\n"
    "audio/mpeg mp3; audio/ogg ogg oga; video/mp4 mp4; video/webm webm;\n"
    "}\n";

/* Where it will be reached: what stands behind "listen", and in the address line of a browser. */
struct place {
    struct str listen[2];       /* the second may be missing */
    struct listener held[2];    /* open already: nobody can snatch the port away */
    struct link inherited;      /* of these */
    char url[ADDRESS_TEXT_MAX + 16];
};

/* ---- where to listen ----------------------------------------------------------------------- */

/* False when the address cannot be had. */
static bool
hold(struct place *place, unsigned i, struct str text)
{
    struct listener *held = &place->held[i];
    const char *step;
    unsigned count;

    *held = (struct listener){ .text = text, .fd = -1 };
    held->options = listen_defaults;
    if (!str_is_set(text) || address_parse(text, &held->address, 1, &count) != NULL
        || !listener_open(held, &step))
        return false;
    list_push(&place->inherited, &held->link);
    place->listen[i] = text;
    return true;
}

static void
release(struct place *place)
{
    for (size_t i = 0; i < ARRAY_LEN(place->held); i++)
        listener_close(&place->held[i]);
}

static void
write_url(struct place *place, const struct address *address)
{
    struct writer w = writer_at(place->url, sizeof(place->url) - 1);
    uint16_t port;

    if (address->sa.sa_family == AF_UNIX) {
        write_address(&w, address);
        *w.p = '\0';
        return;
    }
    port = address_port(address);
    write_str(&w, STR("http://"));
    if (address_is_wildcard(address)) {
        write_str(&w, STR("localhost:"));
        write_uint(&w, port);
    } else {
        write_address(&w, address);
    }
    write_char(&w, '/');
    *w.p = '\0';
}

static bool
given_place(struct arena *arena, const char *text, struct place *place)
{
    struct address addresses[ADDRESSES_MAX];
    unsigned count = 0;
    const char *wrong = address_parse(str_of(text), addresses, ADDRESSES_MAX, &count);
    struct writer w = writer_in(arena);

    if (wrong == NULL && count == 0)
        wrong = "no address";
    if (wrong != NULL) {
        console("%s in \"--listen %s\"", wrong, text);
        return false;
    }
    write_quoted(&w, str_of(text));
    place->listen[0] = writer_str(&w);
    write_url(place, &addresses[0]);
    return true;
}

/* On this machine alone: who wants to show a folder to others says so with --listen. */
static bool
free_place(struct arena *arena, struct place *place)
{
    for (unsigned port = FIRST_PORT; port < FIRST_PORT + PORTS_TRIED; port++) {
        if (!hold(place, 0, arena_fmt(arena, "127.0.0.1:%u", port)))
            continue;
        hold(place, 1, arena_fmt(arena, "[::1]:%u", port));     /* where there is IPv6 */
        snprintf(place->url, sizeof(place->url), "http://localhost:%u/", port);
        return true;
    }
    console("no port from %d to %d is free, choose one with --listen", FIRST_PORT,
            FIRST_PORT + PORTS_TRIED - 1);
    return false;
}

/* ---- the configuration --------------------------------------------------------------------- */

void
write_quoted(struct writer *w, struct str path)
{
    write_char(w, '"');
    for (size_t i = 0; i < path.len; i++) {
        switch (path.p[i]) {
        case '"':
        case '\\':
            write_char(w, '\\');
            write_char(w, path.p[i]);
            break;
        case '\n': write_str(w, STR("\\n")); break;
        case '\r': write_str(w, STR("\\r")); break;
        case '\t': write_str(w, STR("\\t")); break;
        default:   write_char(w, path.p[i]);
        }
    }
    write_char(w, '"');
}

/* As an argument of "include" it would be taken for a pattern. */
static bool
is_pattern(struct str path)
{
    return memchr(path.p, '*', path.len) != NULL || memchr(path.p, '?', path.len) != NULL
        || memchr(path.p, '[', path.len) != NULL || memchr(path.p, '\\', path.len) != NULL;
}

static void
write_types(struct writer *w, struct str mime_types)
{
    if (!str_is_set(mime_types) || is_pattern(mime_types) || access(mime_types.p, R_OK) != 0) {
        write_str(w, str_of(few_types));
        return;
    }
    write_str(w, STR("include "));
    write_quoted(w, mime_types);
    write_str(w, STR(";\n"));
}

static struct str
make_conf(struct arena *arena, struct str folder, const struct place *place,
          struct str mime_types)
{
    struct writer w = writer_in(arena);

    write_str(&w, STR("daemon off; master_process off; error_log stderr;\n"
                      "events { worker_connections 1024; }\n"
                      "http {\n"
                      "access_log stderr;\n"
                      "default_type application/octet-stream;\n"));
    write_types(&w, mime_types);
    write_str(&w, STR("server {\n"));
    for (size_t i = 0; i < ARRAY_LEN(place->listen); i++)
        if (str_is_set(place->listen[i]))
            write_fmt(&w, "listen %.*s;\n", STR_ARG(place->listen[i]));
    write_str(&w, STR("index index.html index.htm;\nroot "));
    write_quoted(&w, folder);
    write_str(&w, STR(";\n}\n}\n"));
    return writer_str(&w);
}

/* ---- the whole ----------------------------------------------------------------------------- */

/*
 * A "$" begins a variable, quoted or not: such a folder is entered and served as the one where we
 * are.
 */
static bool
enter_if_needed(struct str *folder)
{
    if (str_find(*folder, '$', 0) < 0)
        return true;
    if (chdir(folder->p) != 0) {
        console("cannot serve \"%s\" (%d: %s)", folder->p, errno, strerror(errno));
        return false;
    }
    *folder = STR(".");
    return true;
}

/* Its absolute path, or NULL, told. */
static char *
find_folder(const char *name)
{
    char *path = realpath(name, NULL);
    struct stat st;

    if (path == NULL || stat(path, &st) != 0) {
        console("cannot serve \"%s\" (%d: %s)", name, errno, strerror(errno));
    } else if (!S_ISDIR(st.st_mode)) {
        console("cannot serve \"%s\", it is not a directory", name);
    } else if (access(path, R_OK | X_OK) != 0) {
        console("cannot serve \"%s\" (%d: %s)", name, errno, strerror(errno));
    } else {
        return path;
    }
    free(path);
    return NULL;
}

static int
serve_at(struct arena *arena, struct str folder, const struct serve *serve, struct place *place)
{
    struct options options = { .no_pid_file = true, .inherited = &place->inherited };
    struct str announce, name = folder;

    if (!enter_if_needed(&folder))
        return EXIT_FAILURE;
    options.prefix = arena_fmt(arena, "%.*s%s", STR_ARG(folder),
                               str_ends(folder, STR("/")) ? "" : "/");
    options.directives = make_conf(arena, folder, place, serve->mime_types);
    announce = arena_fmt(arena, "serving %.*s at %s", STR_ARG(name), place->url);
    if (arena_failed(arena)) {
        tell(LEVEL_EMERG, ENOMEM, "serving a folder failed");
        return EXIT_FAILURE;
    }
    return start_server(&options, serve->arguments, announce.p);
}

static int
serve_folder(struct arena *arena, struct str folder, const struct serve *serve)
{
    struct place place = { .held = { { .fd = -1 }, { .fd = -1 } } };
    int status = EXIT_FAILURE;

    link_init(&place.inherited);
    if (serve->listen != NULL ? given_place(arena, serve->listen, &place)
                              : free_place(arena, &place))
        status = serve_at(arena, folder, serve, &place);
    release(&place);
    return status;
}

int
serve_run(const struct serve *serve)
{
    char *folder = find_folder(serve->folder);
    struct arena *arena = folder != NULL ? arena_create(4096, 0) : NULL;
    int status = EXIT_FAILURE;

    if (arena != NULL)
        status = serve_folder(arena, str_of(folder), serve);
    arena_destroy(arena);
    free(folder);
    return status;
}
