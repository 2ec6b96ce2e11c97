/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handover: connections on their way from the workers of a configuration that ends to those of the
 * one that goes on.
 *
 * The way is a queue: a pair of Unix sockets whose messages each carry one connection, descriptor
 * and all. All workers that go on read from one end, in turn; whoever ends writes to the other. The
 * queue is the master's and stays as long as it does, so that nothing in it is lost when workers
 * come and go. Beside the queue one must know which addresses are served behind it (struct
 * successor).
 */
#ifndef WEIR_PROC_HANDOVER_H
#define WEIR_PROC_HANDOVER_H

#include "http/http.h"
#include "proc/runtime.h"

/* What both programs of an upgrade must agree on; another number: nothing is handed over. */
enum { HANDOVER_VERSION = 2 };

struct handover_queue {
    int in, out;                /* read from in, write to out; -1: there is none */
};

/* Both ends non-blocking and close-on-exec, as long as the process lives. False with errno. */
bool handover_open(struct handover_queue *queue);

enum handover_sent {
    HANDOVER_SENT,
    HANDOVER_FULL,              /* wait until `out` is writable */
    HANDOVER_BUSY,              /* too many descriptors are under way; nothing tells when not */
    HANDOVER_BROKEN             /* for good */
};

/* Never blocks. */
enum handover_sent handover_send(int out, int fd, const struct http_carried *carried);

/*
 * How many connections are in the queue that nobody has taken out yet, whoever has sent them; a few
 * more when some have much read ahead.
 */
unsigned handover_under_way(int out);

/* A connection as it was received. */
struct handed_over {
    int fd;                     /* the receiver's from now on */
    struct http_carried carried;        /* its texts stand in `bytes` */
    char bytes[HTTP_CARRIED_MAX + PROXIED_FLAT_MAX];
};

enum handover_got {
    HANDOVER_GOT,
    HANDOVER_EMPTY,
    HANDOVER_NO_DESCRIPTOR,     /* this process has none left, or no memory: what waits goes on waiting */
    HANDOVER_MALFORMED,         /* such a message was thrown away, with its descriptor */
    HANDOVER_CLOSED
};

enum handover_got handover_receive(int in, struct handed_over *message);

/* ---- who goes on --------------------------------------------------------------------------- */

/* A queue and the addresses that are served behind it. */
struct successor {
    int out;                    /* its own descriptor; -1: none */
    uint32_t count;
    struct address addresses[];
};

/*
 * Writes the addresses on which rt listens, as many as fit into `size` bytes, at p; returns their
 * length. A client at one that did not fit gets one more answer and then has to connect anew.
 */
size_t successor_encode(const struct runtime *rt, char *p, size_t size);
/* Takes the descriptor over, also when it fails. NULL: malformed, or memory is short. */
struct successor *successor_create(struct str encoded, int out);
void successor_free(struct successor *successor);
bool successor_covers(const struct successor *successor, const struct address *local);

#endif
