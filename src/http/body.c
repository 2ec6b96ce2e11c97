/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/body.h"
#include "http/file_read.h"
#include <string.h>

static enum io
read_part(struct body_part *part, char *room, size_t cap, size_t *done)
{
    size_t n = (size_t)MIN(part->len, cap);
    enum io io;

    if (part->kind == PART_PULL)
        return part->source->pull(part->source, room, cap, done);
    if (part->kind == PART_MEMORY) {
        memcpy(room, part->p, n);
        part->p += n;
        *done = n;
    } else {
        if (n > 0 && (io = file_read(part, room, n, done)) != IO_DONE)
            return io;
        part->offset += (off_t)*done;
    }
    part->len -= *done;
    return part->len == 0 ? IO_CLOSED : IO_DONE;
}

enum io
body_read(struct body_part **list, char *room, size_t cap, size_t *done)
{
    enum io io;

    *done = 0;
    if (*list == NULL)
        return IO_CLOSED;
    io = read_part(*list, room, cap, done);
    if (io != IO_CLOSED)
        return io;
    *list = (*list)->next;
    return *list == NULL ? IO_CLOSED : IO_DONE;
}
