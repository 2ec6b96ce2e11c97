/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_inherit: whatever the environment says of sockets that are open already, those that are taken
 * are listening sockets, each once, and nothing else is closed but what the service manager gave.
 *
 * The input: a byte that says what the descriptors from 3 on are, then lines: WEIR_LISTEN,
 * LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID. "-": not set.
 */
#include "fuzz.h"

#include "net/listener.h"
#include "proc/inherit.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

enum { FIRST = 3, PLACES = 6, ELSEWHERE = 100 };

/* What a descriptor can be; NOTHING is closed. */
enum kind { TCP, DATAGRAM, FILE_OF_NOTHING, NOTHING, KINDS };

static int prototypes[NOTHING];

static void
make_prototypes(void)
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fds[NOTHING] = {
        [TCP] = socket(AF_INET, SOCK_STREAM, 0), [DATAGRAM] = socket(AF_INET, SOCK_DGRAM, 0),
        [FILE_OF_NOTHING] = open("/dev/null", O_RDONLY),
    };

    require(bind(fds[TCP], (struct sockaddr *)&any, sizeof(any)) == 0 && listen(fds[TCP], 1) == 0);
    for (unsigned i = 0; i < NOTHING; i++) {
        prototypes[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, ELSEWHERE);
        require(prototypes[i] >= ELSEWHERE);
        close(fds[i]);
    }
}

/* Two bits for each place: the same again when the byte is used up. */
static enum kind
kind_of(unsigned byte, unsigned place)
{
    return (enum kind)(byte >> 2 * (place % 4) & 3);
}

static void
lay_out(unsigned byte)
{
    for (unsigned i = 0; i < PLACES; i++) {
        if (kind_of(byte, i) == NOTHING)
            close(FIRST + (int)i);
        else
            require(dup2(prototypes[kind_of(byte, i)], FIRST + (int)i) >= 0);
    }
}

/* False: it would name descriptors that are not ours. */
static bool
is_ours(const char *variable, struct str value)
{
    uint64_t n;

    if (strcmp(variable, "LISTEN_FDS") == 0)
        return !str_to_uint(value, UINT64_MAX, &n) || n <= PLACES || n > 4096;
    if (strcmp(variable, "WEIR_LISTEN") != 0)
        return true;
    for (size_t i = 0; i + 2 < value.len; i++)          /* of two digits: another's, perhaps */
        if (value.p[i] >= '1' && value.p[i] <= '9' && value.p[i + 1] >= '0'
            && value.p[i + 1] <= '9' && value.p[i + 2] >= '0' && value.p[i + 2] <= '9')
            return false;
    return true;
}

static bool
set_environment(struct str rest)
{
    static const char *const names[] = { "WEIR_LISTEN", "LISTEN_FDS", "LISTEN_FDNAMES",
                                         "LISTEN_PID" };
    char pid[16];

    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str line = take_line(&rest);
        char *text;

        unsetenv(names[i]);
        if (!is_ours(names[i], line))
            return false;
        if (str_eq(line, STR("-")))
            continue;
        text = text_of(line);
        setenv(names[i], line.len == 0 && i == 3 ? pid : text, 1);
        free(text);
    }
    return true;
}

static void
require_taken(const struct listener *listener, unsigned byte, unsigned *seen)
{
    unsigned place = (unsigned)(listener->fd - FIRST);

    require(place < PLACES && kind_of(byte, place) == TCP && (*seen >> place & 1) == 0);
    *seen |= 1u << place;
    require((fcntl(listener->fd, F_GETFD) & FD_CLOEXEC) != 0);
    require((fcntl(listener->fd, F_GETFL) & O_NONBLOCK) != 0);
    require(listener->address.sa.sa_family == AF_INET && listener->file.inode == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, MIN(size, 1024) };
    struct arena *arena = arena_create(4096, 0);
    unsigned byte = take_byte(&rest), seen = 0;
    struct link *taken;

    hush();
    rest.len = strnlen(rest.p, rest.len);       /* as in any environment */
    if (prototypes[0] == 0)
        make_prototypes();
    require(arena != NULL);
    if (set_environment(rest)) {
        bool asked = getenv("WEIR_LISTEN") != NULL || getenv("LISTEN_FDS") != NULL;

        lay_out(byte);
        taken = inherit_listeners(arena);
        require((taken != NULL) == asked);
        for (struct link *l = asked ? taken->next : NULL; asked && l != taken; l = l->next)
            require_taken(CONTAINER_OF(l, struct listener, link), byte, &seen);
        require(getenv("WEIR_LISTEN") == NULL && getenv("LISTEN_FDS") == NULL);
        require(!asked || (getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDNAMES") == NULL));
        for (unsigned i = 0; i < PLACES; i++)
            close(FIRST + (int)i);
    }
    arena_destroy(arena);
    return 0;
}
