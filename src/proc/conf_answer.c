/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/conf_answer.h"

#include "base/map.h"
#include "proc/ask.h"
#include "proc/loaded.h"
#include "proc/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 64 << 10, PIECE = 64 << 10 };

/* ---- the master ---------------------------------------------------------------------------- */

static void
sent(void *data)
{
    loaded_leave(data);
}

void
conf_answer(struct control_client *client, struct str arguments, const struct runtime *rt)
{
    if (arguments.len > 0) {
        control_say(client, STR("weir: [error] \"conf\" takes no arguments\n"));
        control_end(client, false);
        return;
    }
    /* A reload may free the configuration before all is sent. */
    loaded_use(rt->loaded);
    control_end_with(client, rt->loaded->text, sent, rt->loaded);
}

/* ---- whoever asks -------------------------------------------------------------------------- */

static void
print_file(struct writer *w, struct str path, struct str text)
{
    write_str(w, STR("# configuration file "));
    write_str(w, path);
    write_str(w, STR(":\n"));
    write_str(w, text);
    write_char(w, '\n');
}

/* A path is a part of a comment: no byte of it may end that. */
static void
print_note(struct writer *w, struct str path, const char *note)
{
    write_str(w, STR("# "));
    for (size_t i = 0; i < path.len; i++)
        write_char(w, (unsigned char)path.p[i] < ' ' ? '?' : path.p[i]);
    write_fmt(w, " %s\n", note);
}

static bool
has_text(int fd, struct str text)
{
    static char piece[PIECE];
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) > 0) {
        if ((size_t)n > text.len || memcmp(piece, text.p, (size_t)n) != 0)
            return false;
        text = str_from(text, (size_t)n);
    }
    return n == 0 && text.len == 0;
}

/* NULL: it is the same. */
static const char *
difference(struct arena *arena, struct str path, struct str text)
{
    struct str name = arena_str(arena, path);
    int fd = str_is_set(name) ? open(name.p, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
    bool same;

    if (fd < 0)
        return errno == ENOENT ? "is not there any more" : "cannot be read now";
    same = has_text(fd, text);
    close(fd);
    return same ? NULL : "is another one on disk";
}

/* Files that a reload would read, too. */
static unsigned
note_new(struct writer *w, const struct options *options, struct map *known)
{
    struct loaded *on_disk = runtime_load(options);
    struct str rest = on_disk != NULL ? on_disk->text : STR_NONE, path, text;
    unsigned count = 0;

    while (loaded_next(&rest, &path, &text)) {
        if (map_get(known, path) != NULL)
            continue;
        print_note(w, path, "is on disk, and not loaded");
        count++;
    }
    loaded_leave(on_disk);
    return count;
}

/* False: memory is short. */
static bool
write_whole(struct writer *w, struct arena *arena, const struct options *options, struct str answer)
{
    struct map *known = map_create(arena, false);
    struct writer notes = writer_in(arena);
    struct str path, text;
    unsigned count = 0;
    void *before;

    while (known != NULL && loaded_next(&answer, &path, &text)) {
        const char *note = difference(arena, path, text);

        print_file(w, path, text);
        if (note != NULL)
            print_note(&notes, path, note);
        count += note != NULL;
        if (!map_add(known, path, known, &before))
            known = NULL;
    }
    if (known == NULL)
        return false;
    count += note_new(&notes, options, known);
    if (count == 0)
        write_str(w, STR("# the files on disk are the same\n"));
    else
        write_str(w, STR("# a reload would load something else:\n"));
    write_str(w, writer_str(&notes));
    return w->ok && notes.ok;
}

static int
show(struct arena *arena, const struct options *options, struct str answer)
{
    struct writer w = writer_in(arena);

    if (!write_whole(&w, arena, options, answer)) {
        tell(LEVEL_ERR, ENOMEM, "the configuration cannot be shown");
        return EXIT_FAILURE;
    }
    if (ask_show(STDOUT_FILENO, writer_str(&w)))
        return EXIT_SUCCESS;
    tell(LEVEL_ERR, errno, "write() to the standard output failed");
    return EXIT_FAILURE;
}

int
conf_show(const struct options *options, uint64_t timeout_ms)
{
    struct arena *arena = arena_create(BLOCK, 0);
    struct str text;
    int status = EXIT_FAILURE;

    if (arena == NULL)
        tell(LEVEL_ERR, ENOMEM, "the master cannot be asked");
    else if (ask_well(options, STR("conf"), timeout_ms, arena, &text))
        status = show(arena, options, text);
    arena_destroy(arena);
    return status;
}
