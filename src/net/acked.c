/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acked: what the peer's system has taken. A file of its own, for the kernel's struct tcp_info
 * knows more than libc's, and both cannot be included.
 */
#include "net/pool.h"
#include <linux/tcp.h>
#include <stddef.h>

bool
conn_acked(const struct conn *conn, uint64_t *bytes)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0
        || len < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked))
        return false;
    *bytes = info.tcpi_bytes_acked;
    return true;
}
