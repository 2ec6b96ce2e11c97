/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subrequest: a request below another, of the server itself: same client, same fields, another
 * path, always GET.
 *
 * It goes through the rewriting and content of its place, but not through who may, nor through the
 * filters that are for the client's own answer (main_only). Its answer is not sent: it stands in
 * its response for whoever has asked. Values of variables are shared with the request above.
 */
#ifndef WEIR_HTTP_SUBREQUEST_H
#define WEIR_HTTP_SUBREQUEST_H

#include "http/request.h"
#include "http/variable.h"

struct conf;
struct conf_word;

struct http_subrequest {
    struct http_request *req;   /* in it, the answer once is_done; lives as long as its parent */
    bool is_done;
    bool resumes;               /* its end resumes the parent: it was not done at once */
    bool for_body;              /* set by who started it from a pull, when it is not done: its end
                                   resumes the body, not the handler */
};

enum { SUBREQUEST_DEPTH_MAX = 51 };     /* one below the other */

/*
 * Starts one; path and args live as long as the parent; made_of: see http_path_set. It may be done when this returns. If not,
 * the handler returns HTTP_AGAIN, and is called again when it is. NULL: memory is short, or there
 * were too many (max_subrequests) or one below the other, which is logged.
 */
struct http_subrequest *http_subrequest_start(struct http_request *parent, struct str path,
                                              struct str args,
                                              const struct http_text *made_of);

/*
 * For directives that name what is asked for: an address of this server, "/path" or "/path?query",
 * which may hold variables. What else it may be stands in `example`, "/auth, or off", for the hint.
 * False after conf_error.
 */
bool http_subrequest_uri_of_word(struct conf *conf, const struct conf_word *word,
                                 const char *example, struct http_text *uri);
/*
 * http_subrequest_start to such an address. NULL, too, when the path is not a safe one with the
 * values that its variables have, which is logged with the name of the directive.
 */
struct http_subrequest *http_subrequest_to(struct http_request *parent,
                                           const struct http_text *uri, const char *directive);

/* The client's own request above this one, or this one. */
static inline struct http_request *
http_main_request(struct http_request *req)
{
    while (req->parent != NULL)
        req = req->parent;
    return req;
}

#endif
