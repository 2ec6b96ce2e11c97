/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/passing.h"

#include <string.h>

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

int
passing_take(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd;

    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS
        || header->cmsg_len != CMSG_LEN(sizeof(fd)))
        return -1;
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}
