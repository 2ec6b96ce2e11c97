/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/ask.h"

#include "base/compiler.h"
#include "proc/runtime.h"
#include "proc/tell.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ANSWER_WAIT_MS = 10 * 1000, ANSWER_BLOCK = 64 << 10 };

/* The places to look at, the one that the conf file names first. False: memory is short. */
static bool
find_places(const struct options *options, struct arena *arena, struct str places[2])
{
    struct control_paths paths;

    if (!runtime_control_paths(options, arena, &paths))
        return false;
    places[0] = paths.named;
    places[1] = paths.usual;
    return true;
}

/* A reload may have named a new place, or none, that does not hold yet: so both are tried. */
enum control_answer
ask_master(const struct options *options, struct str command, uint64_t timeout_ms,
           struct arena *arena, struct str *text)
{
    enum control_answer answer = ANSWER_NOBODY;
    struct str places[2];

    *text = STR("");
    if (!find_places(options, arena, places))
        return ANSWER_NOBODY;
    for (size_t i = 0; i < ARRAY_LEN(places) && answer == ANSWER_NOBODY; i++)
        if (str_is_set(places[i]))
            answer = control_ask(places[i].p, command, timeout_ms, arena, text);
    return answer;
}

bool
ask_begin(const struct options *options, struct ask_place *place, struct str command,
          struct arena *arena, struct control_call *call)
{
    struct str places[2];

    if (place->path[0] != '\0' && control_call_begin(call, place->path, command, arena))
        return true;
    errno = ENOMEM;
    if (!find_places(options, arena, places))
        return false;
    errno = ENOENT;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (!str_is_set(places[i]) || !control_call_begin(call, places[i].p, command, arena))
            continue;
        memcpy(place->path, places[i].p, MIN(places[i].len + 1, sizeof(place->path)));
        return true;
    }
    return false;
}

/* ---- what is in the way -------------------------------------------------------------------- */

void
ask_tell_no_server(const struct options *options)
{
    tell(LEVEL_NOTICE, 0, "no server runs with \"%s\"; -c and -p name another configuration",
         options->conf_path.p);
}

/* Why nobody answers at the path. */
static void
complain_of_path(const struct options *options, const char *path)
{
    struct control_call call = { 0 };
    struct arena *arena = arena_create(256, 0);
    bool ok = arena != NULL && control_call_begin(&call, path, STR(""), arena);
    int failure = ok ? EAGAIN : errno;

    control_call_end(&call);
    arena_destroy(arena);
    tell(LEVEL_ERR, failure, "connect() to \"%s\" failed", path);
    if (failure == EACCES || failure == EPERM)
        tell(LEVEL_NOTICE, 0, "only root and the user of the master process may ask it");
    else if (failure == ENOENT || failure == ECONNREFUSED)
        ask_tell_no_server(options);
}

void
ask_complain(const struct options *options)
{
    struct arena *arena = arena_create(4096, 0);
    struct control_paths paths;

    if (arena == NULL || !runtime_control_paths(options, arena, &paths)) {
        tell(LEVEL_ERR, ENOMEM, "the control socket cannot be found");
    } else if (access(options->conf_path.p, R_OK) != 0) {
        tell(LEVEL_ERR, errno, "open() \"%s\" failed", options->conf_path.p);
    } else if (paths.is_off) {
        tell(LEVEL_ERR, 0, "the server takes no commands: \"control\" is off in \"%s\"",
             options->conf_path.p);
        tell(LEVEL_NOTICE, 0, "without that directive, or with a path in the place of \"off\", it "
             "does after a reload");
    } else {
        complain_of_path(options, str_is_set(paths.named) ? paths.named.p : paths.usual.p);
    }
    arena_destroy(arena);
}

/* ---- and shown ----------------------------------------------------------------------------- */

bool
ask_show(int fd, struct str text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.p, text.len);

        if (n < 0 && errno != EINTR)
            return false;
        text = str_from(text, n > 0 ? (size_t)n : 0);
    }
    return true;
}

bool
ask_well(const struct options *options, struct str command, uint64_t timeout_ms,
         struct arena *arena, struct str *text)
{
    uint64_t wait_ms = timeout_ms != 0 ? timeout_ms : ANSWER_WAIT_MS;

    switch (ask_master(options, command, wait_ms, arena, text)) {
    case ANSWER_OK:
        return true;
    case ANSWER_FAILED:
        ask_show(STDERR_FILENO, *text);
        return false;
    case ANSWER_NONE:
        tell(LEVEL_ERR, 0, "the master process did not answer to the end");
        return false;
    case ANSWER_LATE:
        tell(LEVEL_ERR, 0, "no answer within %ju ms", (uintmax_t)wait_ms);
        return false;
    case ANSWER_NOBODY:
        ask_complain(options);
        return false;
    }
    return false;
}

int
ask_and_print(const struct options *options, struct str command, uint64_t timeout_ms)
{
    struct arena *arena = arena_create(ANSWER_BLOCK, 0);
    struct str text;
    bool ok = false;

    if (arena == NULL) {
        tell(LEVEL_ERR, ENOMEM, "the master cannot be asked");
    } else if (ask_well(options, command, timeout_ms, arena, &text)) {
        ok = ask_show(STDOUT_FILENO, text);
        if (!ok)
            tell(LEVEL_ERR, errno, "write() to the standard output failed");
    }
    arena_destroy(arena);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
