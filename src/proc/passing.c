/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/passing.h"

#include <string.h>
#include <unistd.h>

void
passing_put(struct msghdr *message, union passing *room, int fd)
{
    memset(room, 0, sizeof(*room));     /* the gaps too: they leave the process */
    message->msg_control = room->bytes;
    message->msg_controllen = sizeof(room->bytes);
    room->header.cmsg_level = SOL_SOCKET;
    room->header.cmsg_type = SCM_RIGHTS;
    room->header.cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(&room->header), &fd, sizeof(fd));
}

/* Where room is aligned the kernel puts more than the one that it is for. */
int
passing_take(struct msghdr *message)
{
    int fds[sizeof(union passing) / sizeof(int)];
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    size_t count;

    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return -1;
    count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
    if (count == 1)
        return fds[0];
    while (count > 0)
        close(fds[--count]);
    return -1;
}
