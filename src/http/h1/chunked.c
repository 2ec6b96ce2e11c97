/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chunked: answers whose length is not said beforehand, in chunks (RFC 9112 7.1): parts whose
 * length is known become one chunk each, what a source gives one for each pull.
 */
#include "http/h1/h1.h"

enum { SIZE_LINE = 18 };        /* 16 digits, CR, LF */

/*
 * RFC 9112 6.1: only HTTP/1.1 knows chunks. Else the end of the connection is that of the answer;
 * trailers alone are no reason for that.
 */
void
h1_choose_coding(struct http_request *req)
{
    struct http_response *resp = &req->response;

    if (resp->no_body || resp->status == HTTP_RESET_CONTENT
        || (resp->content_length >= 0 && resp->trailer_hooks == NULL))
        return;
    if (req->version >= 11 && http_settings_for(req)->chunked_transfer_encoding) {
        resp->chunked = true;
        resp->content_length = -1;
        resp->ready = NULL;
    } else if (resp->content_length < 0) {
        req->keepalive = false;
    }
}

static struct body_part *
memory_part(struct http_request *req, struct str text)
{
    struct body_part *part = ARENA_NEW(req->arena, struct body_part);

    if (part == NULL || !str_is_set(text))
        return NULL;
    *part = (struct body_part){ .kind = PART_MEMORY, .p = text.p, .len = text.len };
    return part;
}

static struct body_part *
size_part(struct http_request *req, uint64_t size)
{
    char *p = arena_bytes(req->arena, SIZE_LINE);
    struct writer w;

    if (p == NULL)
        return NULL;
    w = writer_at(p, SIZE_LINE);
    write_hex(&w, size);
    write_str(&w, STR("\r\n"));
    return memory_part(req, writer_str(&w));
}

bool
h1_chunk_parts(struct http_request *req)
{
    struct body_part **place = &req->response.body;

    while (*place != NULL) {
        struct body_part *part = *place, *size, *end;

        if (part->kind == PART_PULL) {
            place = &part->next;
            continue;
        }
        if (part->len == 0) {           /* as a chunk it would be the last one */
            *place = part->next;
            continue;
        }
        size = size_part(req, part->len);
        end = memory_part(req, STR("\r\n"));
        if (size == NULL || end == NULL)
            return false;
        size->next = part;
        end->next = part->next;
        part->next = end;
        *place = size;
        place = &end->next;
    }
    return true;
}

bool
h1_chunk_end(struct http_request *req)
{
    struct http_response *resp = &req->response;
    struct writer w;

    h1_of(req)->ended = true;
    for (const struct http_trailer_hook *h = resp->trailer_hooks; h != NULL; h = h->next)
        h->add(req, h->data);
    if (resp->trailers_len == 0) {
        resp->body = memory_part(req, STR("0\r\n\r\n"));
        return resp->body != NULL;
    }
    w = writer_in(req->arena);
    write_str(&w, STR("0\r\n"));
    for (uint32_t i = 0; i < resp->trailers_len; i++) {
        write_str(&w, resp->trailers[i].name);
        write_str(&w, STR(": "));
        write_str(&w, resp->trailers[i].value);
        write_str(&w, STR("\r\n"));
    }
    write_str(&w, STR("\r\n"));
    resp->body = memory_part(req, writer_str(&w));
    return resp->body != NULL;
}

size_t
h1_chunk_close(char *room, size_t len)
{
    char line[CHUNK_HEAD];
    struct writer w = writer_at(line, sizeof(line));
    size_t head;

    write_hex(&w, len);
    write_str(&w, STR("\r\n"));
    head = (size_t)(w.p - w.start);
    if (head < CHUNK_HEAD)      /* a small one: nothing to speak of is moved */
        memmove(room + head, room + CHUNK_HEAD, len);
    memcpy(room, line, head);
    memcpy(room + head + len, "\r\n", 2);
    return head + len + 2;
}
