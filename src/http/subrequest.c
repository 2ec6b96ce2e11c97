/* SPDX-License-Identifier: BSD-2-Clause */
/* subrequest: see subrequest.h. */
#include "http/subrequest.h"
#include "conf/conf.h"
#include "http/engine.h"
#include "http/path.h"
#include <errno.h>

/* ---- the codec of requests whose answer is not sent ---------------------------------------- */

static struct http_subrequest *
sub_of(struct http_request *req)
{
    return req->codec_state;
}

static void
end(struct http_request *req)
{
    HTTP_TRACE(req, NULL, "subrequest: %.*s is answered with %u", STR_ARG(req->path),
               req->response.status);
    http_log(req);
    sub_of(req)->is_done = true;
}

/* Called last of all by http_resume: the parent may release it. */
static void
resumed(struct http_request *req)
{
    struct http_subrequest *sub = sub_of(req);

    if (!sub->is_done || !sub->resumes)
        return;
    sub->resumes = false;
    if (sub->for_body)
        http_body_resume(req->parent);
    else
        http_resume(req->parent);
}

/* Its bytes go where those of the request above go. */
static void
body_resumed(struct http_request *req)
{
    http_body_resume(req->parent);
}

static const struct http_codec codec = {
    .respond = end, .abandon = end, .resumed = resumed, .body_resumed = body_resumed,
};

/* ---- beginning ----------------------------------------------------------------------------- */

static void
release(void *data)
{
    http_request_release(data);
}

static void
inherit(struct http_request *req, struct http_request *parent)
{
    req->parent = parent;
    req->peer = parent->peer;
    req->server = parent->server;
    req->log.log = parent->log.log;
    req->request_line = parent->request_line;
    req->method = METHOD_GET;
    req->method_name = STR("GET");
    req->target = parent->target;
    req->protocol = parent->protocol;
    req->version = parent->version;
    req->fields = parent->fields;
    req->fields_len = parent->fields_len;
    memcpy(req->known, parent->known, sizeof(req->known));
    req->uri = parent->uri;
    req->host = parent->host;
    req->keepalive = parent->keepalive;
    req->limit_req_status = parent->limit_req_status;
    req->limit_conn_status = parent->limit_conn_status;
    req->start_us = parent->start_us;
    req->start_wall_ms = parent->start_wall_ms;
    req->received_bytes = parent->received_bytes;
    req->values = parent->values;
    req->trace = parent->trace;
}

/* They are one for both; so they must be there before there are two. */
static bool
have_values(struct http_request *req)
{
    uint32_t count = req->server->http->value_count;

    if (req->values == NULL && count > 0)
        req->values = ARENA_ARRAY(req->arena, struct http_value, count);
    return req->values != NULL || count == 0;
}

static bool
may_start(struct http_request *parent, struct str path)
{
    struct http_request *client = http_main_request(parent);
    unsigned depth = 0;

    for (const struct http_request *req = parent; req != NULL; req = req->parent)
        depth++;
    if (depth > SUBREQUEST_DEPTH_MAX) {
        LOG(&parent->log, ERR, 0, "subrequests cycle while processing \"%.*s\"", STR_ARG(path));
        return false;
    }
    if (++client->subrequests > client->server->settings->max_subrequests) {
        LOG(&parent->log, ERR, 0, "more than %u subrequests while processing \"%.*s\"",
            client->server->settings->max_subrequests, STR_ARG(path));
        return false;
    }
    return true;
}

/* What the answer then lacks is seen by the client alone: the log is to say why. */
static struct http_subrequest *
no_memory_for(struct http_request *parent, struct str path)
{
    LOG(&parent->log, CRIT, ENOMEM, "no memory for the subrequest \"%.*s\"", STR_ARG(path));
    return NULL;
}

struct http_subrequest *
http_subrequest_start(struct http_request *parent, struct str path, struct str args,
                      const struct http_text *made_of)
{
    struct http_subrequest *sub = ARENA_NEW(parent->arena, struct http_subrequest);
    struct http_request *req;

    if (!may_start(parent, path))
        return NULL;
    if (sub == NULL || !have_values(parent)
        || (req = http_request_take(parent->worker, parent->conn, &codec)) == NULL)
        return no_memory_for(parent, path);
    if (!arena_defer(parent->arena, release, req)) {
        http_request_release(req);
        return no_memory_for(parent, path);
    }
    inherit(req, parent);
    req->codec_state = sub;
    http_path_set(req, parent, path, made_of);
    req->args = args;
    sub->req = req;
    HTTP_TRACE(req, NULL, "subrequest: %.*s", STR_ARG(path));
    http_process_below(req);
    sub->resumes = !sub->is_done;
    return sub;
}

/* ---- addresses of directives --------------------------------------------------------------- */

bool
http_subrequest_uri_of_word(struct conf *conf, const struct conf_word *word, const char *example,
                            struct http_text *uri)
{
    if (str_starts(word->text, STR("/")) || str_starts(word->text, STR("$")))
        return http_text_of_word(conf, word, uri);
    conf_error(conf, word, "invalid URI \"%.*s\" in \"%s\" directive", STR_ARG(word->text),
               conf->directive->name);
    conf_hint(conf, "a path of this server, such as %s", example);
    return false;
}

struct http_subrequest *
http_subrequest_to(struct http_request *parent, const struct http_text *uri, const char *directive)
{
    struct str text = http_text_eval(parent, uri);
    ptrdiff_t query = str_find(text, '?', 0);
    struct str path = query < 0 ? text : (struct str){ text.p, (size_t)query };
    struct str args = query < 0 ? STR_NONE : str_from(text, (size_t)query + 1);

    if (!str_starts(path, STR("/")) || !http_path_is_safe(path)) {
        LOG(&parent->log, ERR, 0, "unsafe URI \"%.*s\" of \"%s\"", STR_ARG(text), directive);
        return NULL;
    }
    return http_subrequest_start(parent, path, args, uri);
}
