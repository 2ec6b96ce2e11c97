/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream: bytes in and out of a connection. Plain TCP and Unix sockets now; TLS is another table of
 * the same functions. Nothing above this line may know which.
 */
#ifndef WEIR_NET_STREAM_H
#define WEIR_NET_STREAM_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct conn;

/* What came of an attempt. */
enum io {
    IO_DONE,        /* *done bytes moved, at least one */
    IO_AGAIN,       /* nothing now: wait for the loop */
    IO_CLOSED,      /* the peer has closed (reading: orderly end; writing: gone) */
    IO_ERROR,       /* errno tells */
    IO_SHORT        /* sendfile only: the file ended before it should */
};

/* Sizes are at least 1; *done is written with IO_DONE alone. */
struct stream_ops {
    enum io (*recv)(struct conn *conn, void *p, size_t size, size_t *done);
    /* more: something follows at once, hold back an incomplete packet. */
    enum io (*send)(struct conn *conn, const void *p, size_t size, bool more, size_t *done);
    /* NULL where the kernel cannot send from a file by itself: the caller reads and sends. */
    enum io (*sendfile)(struct conn *conn, int fd, off_t offset, size_t size, size_t *done);
    /*
     * A long transfer begins or ends: until it ends packets are better full than early. NULL: no
     * way.
     */
    void (*bulk)(struct conn *conn, bool begins);
    /*
     * Says goodbye in the other direction (shutdown(SHUT_WR)), so that a linger can follow. False:
     * nobody is there any more.
     */
    bool (*shutdown)(struct conn *conn);
    /* Frees the stream's own state before the descriptor is closed. NULL: none. */
    void (*release)(struct conn *conn);
};

extern const struct stream_ops plain_stream;

#endif
