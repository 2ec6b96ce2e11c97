/* SPDX-License-Identifier: BSD-2-Clause */
/* report_request: what the pages that show a report have in common as answers to requests. */
#ifndef WEIR_HTTP_REPORT_REQUEST_H
#define WEIR_HTTP_REPORT_REQUEST_H

#include "conf/conf.h"
#include "http/report.h"
#include "http/request.h"

/* "status;" or "status public;". */
struct report_place {
    bool on;
    bool is_public;             /* for everybody, allowed or not */
};
bool parse_report_place(struct conf *conf, const struct conf_node *node, void *field);

/* A report of the moment and a text to write it to; both live as long as the request. */
struct report_answer {
    const struct report *report;
    struct writer w;
};

/*
 * HTTP_PASS when the client may see it and asked by GET or HEAD; else HTTP_DONE, with the refusal
 * in req->response, logged when it is about who asks. Who may: everybody where it is public, whom an
 * access rule of the place has allowed, else clients on this machine alone, that is: the
 * connection's address and the one that realip found are of this machine, no proxy has brought the
 * request, and the host is a name that no foreign site can have made its own (DNS rebinding).
 * directive: its name, for the log.
 */
enum http_next report_admit(struct http_request *req, const struct report_place *place,
                            const char *directive);
/* False: memory is short, or there are no counters. */
bool report_begin(struct http_request *req, struct report_answer *answer);
/* 200 with what was written, not to be stored by anybody. Always HTTP_DONE. */
enum http_next report_send(struct http_request *req, struct report_answer *answer,
                           struct str content_type);

/*
 * How much the client wants the media type, in thousandths, by the field Accept (RFC 9110 12.5.1);
 * 0 when the type is not named there. Wildcards name no type.
 */
unsigned accept_quality(struct str accept, struct str type);

#endif
