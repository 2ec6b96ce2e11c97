/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file: the files of a run, each read once and kept whole, and what their paths are relative to.
 */
#include "conf/private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- paths --------------------------------------------------------------------------------- */

static struct str
join(struct arena *arena, struct str folder, struct str path)
{
    struct writer w = writer_in(arena);

    if (path.len == 0 || path.p[0] != '/')
        write_str(&w, folder);
    write_str(&w, path);
    write_char(&w, '\0');
    path = writer_str(&w);
    if (path.len > 0)
        path.len--;
    return path;
}

struct str
conf_path_by_prefix(struct conf *conf, struct str path)
{
    return join(conf->arena, conf->prefix, path);
}

struct str
file_folder(const struct conf *conf)
{
    const char *slash = NULL;

    if (conf->main_file.len > 0)
        slash = memrchr(conf->main_file.p, '/', conf->main_file.len);
    if (slash == NULL)
        return conf->prefix;
    return (struct str){ conf->main_file.p, (size_t)(slash + 1 - conf->main_file.p) };
}

struct str
conf_path_by_file(struct conf *conf, struct str path)
{
    return join(conf->arena, file_folder(conf), path);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct bytes {
    char *p;
    size_t len, cap;
};

static bool
make_room(struct arena *arena, struct bytes *b)
{
    size_t cap = b->cap * 2;
    char *p;

    if (b->len < b->cap)
        return true;
    p = arena_bytes(arena, cap);
    if (p == NULL) {
        errno = ENOMEM;
        return false;
    }
    memcpy(p, b->p, b->len);
    b->p = p;
    b->cap = cap;
    return true;
}

/* To the end of the file, whatever its size says. False: errno tells. */
static bool
read_all(struct arena *arena, int fd, size_t size, struct bytes *b)
{
    /* One more than the size, so that the end is seen without growing. */
    *b = (struct bytes){ .cap = size < 4096 ? 4096 : size + 1 };
    b->p = arena_bytes(arena, b->cap);
    if (b->p == NULL) {
        errno = ENOMEM;
        return false;
    }
    for (;;) {
        ssize_t n;

        if (b->len > FILE_BYTES_MAX) {
            errno = EFBIG;
            return false;
        }
        if (!make_room(arena, b))
            return false;
        n = read(fd, b->p + b->len, b->cap - b->len);
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            b->len += (size_t)n;
    }
}

static bool
tell_errno(struct conf *conf, const struct conf_word *word, const char *call, struct str path)
{
    int err = errno;

    return conf_error(conf, word, "%s \"%.*s\" failed (%d: %s)", call, STR_ARG(path), err,
                      strerror(err));
}

bool
conf_read_all(struct conf *conf, int fd, struct str name, struct str *text)
{
    struct bytes b;

    if (!read_all(conf->scratch, fd, 0, &b))
        return tell_errno(conf, NULL, "read()", name);
    *text = (struct str){ b.p, b.len };
    return true;
}

static bool
read_file(struct conf *conf, struct str path, const struct conf_word *word, struct str *text)
{
    struct bytes b = { NULL, 0, 0 };
    struct stat st;
    bool ok;
    int fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        tell_errno(conf, word, "open()", path);
        if (word != NULL && word->text.p[0] != '/')
            conf_hint(conf, "it is relative to the folder of the main file");
        return false;
    }
    ok = fstat(fd, &st) == 0;
    if (!ok) {
        tell_errno(conf, word, "fstat()", path);
    } else if (st.st_size > (off_t)FILE_BYTES_MAX) {
        errno = EFBIG;
        ok = tell_errno(conf, word, "read()", path);
    } else {
        ok = read_all(conf->scratch, fd, (size_t)st.st_size, &b)
             || tell_errno(conf, word, "read()", path);
    }
    close(fd);
    if (ok)
        *text = (struct str){ b.p, b.len };
    return ok;
}

struct conf_file *
file_add(struct conf *conf, struct str path, struct str text, bool is_text)
{
    struct conf_private *priv = conf->priv;
    struct conf_file *file = ARENA_NEW(conf->scratch, struct conf_file);

    path = arena_str(conf->scratch, path);
    if (file == NULL || !str_is_set(path)
        || (!is_text && !map_add(priv->paths, path, file, NULL))) {
        conf_no_memory(conf);
        return NULL;
    }
    *file = (struct conf_file){ .path = path, .text = text, .is_text = is_text,
                                .number = priv->file_count++ };
    *priv->files_end = file;
    priv->files_end = &file->next;
    return file;
}

struct conf_file *
file_get(struct conf *conf, struct str path, const struct conf_word *word)
{
    struct conf_file *file = map_get(conf->priv->paths, path);
    struct str text;

    if (file != NULL)
        return file;
    if (!read_file(conf, path, word, &text))
        return NULL;
    return file_add(conf, path, text, false);
}

/* ---- the dump ------------------------------------------------------------------------------ */

static bool
write_whole(int fd, struct str s)
{
    while (s.len > 0) {
        ssize_t n = write(fd, s.p, s.len);

        if (n >= 0)
            s = str_from(s, (size_t)n);
        else if (errno == EAGAIN)
            poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
        else if (errno != EINTR)
            return false;
    }
    return true;
}

void
conf_dump(const struct conf *conf, int fd)
{
    for (const struct conf_file *file = conf->files; file != NULL; file = file->next)
        if (!file->is_text
            && !(write_whole(fd, STR("# configuration file ")) && write_whole(fd, file->path)
                 && write_whole(fd, STR(":\n")) && write_whole(fd, file->text)
                 && write_whole(fd, STR("\n"))))
            return;
}
