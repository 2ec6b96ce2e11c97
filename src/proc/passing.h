/* SPDX-License-Identifier: BSD-2-Clause */
/* passing: a descriptor that goes along with a message on a Unix socket (unix(7), SCM_RIGHTS). */
#ifndef WEIR_PROC_PASSING_H
#define WEIR_PROC_PASSING_H

#include <sys/socket.h>

/* Room for one descriptor, aligned as the kernel wants it. */
union passing {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* The message, about to be sent, takes a duplicate of fd along; room must stay until then. */
void passing_put(struct msghdr *message, union passing *room, int fd);

/*
 * What came along with a message that was received into such room: the caller's; -1: nothing. Of
 * several, which no sender of ours passes, none is taken: they are closed.
 */
int passing_take(struct msghdr *message);

#endif
