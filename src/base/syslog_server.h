/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syslog_server: datagrams to a syslog server, as RFC 3164 has them:
 *     <PRI>Mmm dd hh:mm:ss HOST TAG: text
 *
 * Nothing here waits. The socket is opened with the first message; when the server is not there,
 * messages are lost until a later one finds it.
 */
#ifndef WEIR_BASE_SYSLOG_SERVER_H
#define WEIR_BASE_SYSLOG_SERVER_H

#include "base/str.h"
#include <sys/socket.h>

enum {
    SYSLOG_TAG_MAX = 32,
    SYSLOG_TEXT_MAX = 65000,    /* what is longer is cut: no datagram holds more */
    SYSLOG_RETRY_MS = 100       /* a server that is not there is looked for again after that */
};

struct syslog_server {
    struct sockaddr_storage address;
    socklen_t address_len;
    unsigned facility;          /* 0 to 23 */
    unsigned severity;          /* 0 to 7, of messages that have none of their own */
    struct str tag;
    struct str hostname;        /* "": none in the message */
    int fd;                     /* -1: not open */
    uint64_t failed_ms;         /* monotonic, when it was not there last; 0: it was */
};

/* -1: no facility, or severity, is called so. */
int syslog_facility_find(struct str name);

/* False, with errno, when the message is lost. */
bool syslog_server_send(struct syslog_server *server, unsigned severity, struct str text);
void syslog_server_close(struct syslog_server *server);

#endif
