/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/loaded.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of the two lengths, the blank and the newlines. */
enum { HEAD_MAX = 64 };

static size_t
room_for(const struct conf *conf)
{
    size_t sum = HEAD_MAX;

    for (const struct conf_file *f = conf->files; f != NULL; f = f->next)
        sum += HEAD_MAX + f->path.len + f->text.len;
    return sum;
}

static void
write_file(struct writer *w, const struct conf_file *file)
{
    write_uint(w, file->path.len);
    write_char(w, ' ');
    write_uint(w, file->text.len);
    write_char(w, '\n');
    write_str(w, file->path);
    write_char(w, '\n');
    write_str(w, file->text);
    write_char(w, '\n');
}

struct loaded *
loaded_make(const struct conf *conf)
{
    struct loaded *loaded = calloc(1, sizeof(*loaded));
    size_t size = room_for(conf);
    struct writer w;
    void *p;

    if (loaded == NULL)
        return NULL;
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        free(loaded);
        return NULL;
    }
    madvise(p, size, MADV_DONTDUMP);    /* without it a core has what the conf files say */
    w = writer_at(p, size);
    for (const struct conf_file *f = conf->files; f != NULL; f = f->next)
        if (!f->is_text)
            write_file(&w, f);
    loaded->text = (struct str){ w.start, (size_t)(w.p - w.start) };
    loaded->size = size;
    loaded->users = 1;
    return loaded;
}

void
loaded_keep(struct loaded *loaded)
{
    if (loaded->owner != 0)
        return;
    loaded->owner = getpid();
    madvise((void *)(uintptr_t)loaded->text.p, loaded->size, MADV_DONTFORK);
}

void
loaded_use(struct loaded *loaded)
{
    loaded->users++;
}

/* In a child that did not inherit the text something else may be where it was. */
void
loaded_leave(struct loaded *loaded)
{
    void *p = loaded != NULL ? (void *)(uintptr_t)loaded->text.p : NULL;
    bool has_text = loaded != NULL && (loaded->owner == 0 || loaded->owner == getpid());

    if (loaded == NULL || (has_text && --loaded->users > 0))
        return;
    if (has_text) {
        explicit_bzero(p, loaded->text.len);
        munmap(p, loaded->size);
    }
    free(loaded);
}

/* ---- reading it ---------------------------------------------------------------------------- */

static bool
take_number(struct str *text, char end, uint64_t *n)
{
    ptrdiff_t at = str_find(*text, end, 0);

    if (at < 0 || !str_to_uint((struct str){ text->p, (size_t)at }, SIZE_MAX / 4, n))
        return false;
    *text = str_from(*text, (size_t)at + 1);
    return true;
}

static bool
take_line(struct str *text, uint64_t len, struct str *line)
{
    if (len >= text->len || text->p[len] != '\n')
        return false;
    *line = (struct str){ text->p, (size_t)len };
    *text = str_from(*text, (size_t)len + 1);
    return true;
}

bool
loaded_next(struct str *text, struct str *path, struct str *content)
{
    uint64_t path_len, len;

    return take_number(text, ' ', &path_len) && take_number(text, '\n', &len)
           && take_line(text, path_len, path) && take_line(text, len, content);
}
