/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/user_file.h"
#include "base/clock.h"
#include "base/secret.h"
#include "http/grants.h"
#include "http/password.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COSTS_MAX = 16, YOUNG_MS = 50, YOUNG_IN_SECONDS_MS = 2000 };

/* What changes when the file does. */
struct identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

/* A line: name and hash stand in the text, a ":" between them. */
struct user {
    uint32_t at, name_len, hash_len;
};

/* How many hashes cost the same. */
struct cost {
    struct str begin, example;
    uint32_t count;
};

struct user_file {
    struct link link;           /* in struct user_files, used last at the end */
    char *path;
    struct identity identity;
    /*
     * It changed so shortly before it was read that it may change again without being seen: times
     * are coarse. Then it is read again.
     */
    bool is_young;
    char *text;
    size_t text_len, text_room;
    struct user *users;
    uint32_t users_len;
    uint32_t *slots;            /* by the name's hash: index of a user plus 1; 0: free */
    uint32_t slots_mask;
    struct str usual;
};

struct user_files {
    struct link files;
    uint32_t len;
    size_t bytes;
};

/* ---- the users in a text ------------------------------------------------------------------- */

static struct str
name_of(const struct user_file *file, const struct user *user)
{
    return (struct str){ file->text + user->at, user->name_len };
}

static struct str
hash_of(const struct user_file *file, const struct user *user)
{
    return (struct str){ file->text + user->at + user->name_len + 1, user->hash_len };
}

/* The name's slot, or the free one where it belongs. */
static uint32_t *
slot_of(const struct user_file *file, struct str name)
{
    uint32_t i = (uint32_t)str_hash(name) & file->slots_mask;

    while (file->slots[i] != 0 && !str_eq(name_of(file, &file->users[file->slots[i] - 1]), name))
        i = (i + 1) & file->slots_mask;
    return &file->slots[i];
}

static size_t
len_before(struct str s, const char *ends)
{
    size_t len = 0;

    while (len < s.len && strchr(ends, s.p[len]) == NULL)
        len++;
    return len;
}

/* The first line of a name counts. */
static void
add_line(struct user_file *file, struct str line)
{
    size_t name_len = len_before(line, ":");
    struct user *user = &file->users[file->users_len];
    uint32_t *slot;

    if (line.len == 0 || line.p[0] == '#' || name_len == line.len
        || memchr(line.p, '\0', line.len) != NULL)
        return;
    user->at = (uint32_t)(line.p - file->text);
    user->name_len = (uint32_t)name_len;
    user->hash_len = (uint32_t)len_before(str_from(line, name_len + 1), ":\r");
    slot = slot_of(file, name_of(file, user));
    if (*slot == 0)
        *slot = ++file->users_len;
}

static uint32_t
count_lines(const struct user_file *file)
{
    uint32_t count = 1;

    for (size_t i = 0; i < file->text_len; i++)
        count += file->text[i] == '\n';
    return count;
}

static void
add_lines(struct user_file *file)
{
    struct str rest = { file->text, file->text_len };

    while (rest.len > 0) {
        ptrdiff_t end = str_find(rest, '\n', 0);
        struct str line = { rest.p, end < 0 ? rest.len : (size_t)end };

        add_line(file, line);
        rest = str_from(rest, line.len + 1);
    }
}

static void
count_cost(struct cost costs[COSTS_MAX], struct str hash)
{
    struct str begin = password_cost(hash);
    unsigned i = hash.len > 0 ? 0 : COSTS_MAX;

    while (i < COSTS_MAX && costs[i].count > 0 && !str_eq(costs[i].begin, begin))
        i++;
    if (i == COSTS_MAX)
        return;
    if (costs[i].count++ == 0) {
        costs[i].begin = begin;
        costs[i].example = hash;
    }
}

static void
find_usual(struct user_file *file)
{
    struct cost costs[COSTS_MAX] = { 0 };
    const struct cost *most = &costs[0];

    for (uint32_t i = 0; i < file->users_len; i++)
        count_cost(costs, hash_of(file, &file->users[i]));
    for (unsigned i = 1; i < COSTS_MAX; i++)
        if (costs[i].count > most->count)
            most = &costs[i];
    file->usual = most->example;
}

static bool
build_table(struct user_file *file)
{
    uint32_t lines = count_lines(file);

    file->slots_mask = 15;
    while (file->slots_mask < 2 * (size_t)lines)
        file->slots_mask = 2 * file->slots_mask + 1;
    file->users = calloc(lines, sizeof(*file->users));
    file->slots = calloc((size_t)file->slots_mask + 1, sizeof(*file->slots));
    if (file->users == NULL || file->slots == NULL)
        return false;
    add_lines(file);
    find_usual(file);
    return true;
}

/* ---- files --------------------------------------------------------------------------------- */

static struct identity
identity_of(const struct stat *st)
{
    return (struct identity){ st->st_dev, st->st_ino, st->st_size, st->st_mtim, st->st_ctim };
}

static bool
same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
same_identity(const struct identity *a, const struct identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size
           && same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

static void
destroy_file(struct user_file *file)
{
    secret_free(file->text, file->text_room);
    free(file->users);
    free(file->slots);
    free(file->path);
    free(file);
}

/* What was cut off or added while it was read shows in its identity. */
static bool
read_text(struct user_file *file, int fd)
{
    size_t size = (size_t)file->identity.size;

    file->text_room = size + 1;
    if ((file->text = secret_alloc(file->text_room)) == NULL)
        return false;
    while (file->text_len < size) {
        ssize_t n = read(fd, file->text + file->text_len, size - file->text_len);

        if (n < 0)
            return false;
        if (n == 0)
            break;
        file->text_len += (size_t)n;
    }
    return true;
}

static bool
is_readable(const struct stat *st, const char *path, const struct log_context *log)
{
    if (!S_ISREG(st->st_mode)) {
        LOG(log, CRIT, 0, "\"%s\" is not a regular file", path);
        errno = EISDIR;
        return false;
    }
    if (st->st_size > USER_FILES_BYTES) {
        LOG(log, CRIT, 0, "\"%s\" is larger than %d bytes", path, USER_FILES_BYTES);
        errno = EFBIG;
        return false;
    }
    return true;
}

/* A file that is not there is the operator's decision, perhaps; all else is trouble. */
static int
open_file(const char *path, struct stat *st, const struct log_context *log)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int err = errno;

    if (fd < 0 && err == ENOENT)
        LOG(log, ERR, err, "open() \"%s\" failed", path);
    else if (fd < 0)
        LOG(log, CRIT, err, "open() \"%s\" failed", path);
    if (fd < 0)
        http_walls_refused(log, path, HTTP_READS, err);
    if (fd < 0) {
        errno = err;
        return -1;
    }
    if (fstat(fd, st) != 0 || !is_readable(st, path, log)) {
        err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

/*
 * Times go by ticks of the kernel, but where the file system has whole seconds. A time that lies
 * ahead is that of another clock, and tells nothing: the file would be young for as long.
 */
static bool
is_young(const struct stat *st)
{
    uint64_t changed_ms = (uint64_t)st->st_ctim.tv_sec * 1000
                          + (uint64_t)st->st_ctim.tv_nsec / 1000000;
    uint64_t young_ms = st->st_ctim.tv_nsec != 0 ? YOUNG_MS : YOUNG_IN_SECONDS_MS;

    return changed_ms + young_ms > now.wall_ms && changed_ms < now.wall_ms + YOUNG_IN_SECONDS_MS;
}

static bool
fill_file(struct user_file *file, int fd, const struct stat *st)
{
    file->identity = identity_of(st);
    file->is_young = is_young(st);
    return file->path != NULL && read_text(file, fd) && build_table(file);
}

static struct user_file *
read_file(struct str path, const struct log_context *log)
{
    struct user_file *file;
    struct stat st;
    int fd = open_file(path.p, &st, log);
    int err;

    if (fd < 0)
        return NULL;
    if ((file = calloc(1, sizeof(*file))) != NULL) {
        link_init(&file->link);
        file->path = strdup(path.p);
    }
    if (file == NULL || !fill_file(file, fd, &st)) {
        err = errno;
        LOG(log, CRIT, err, "read() \"%s\" failed", path.p);
        if (file != NULL)
            destroy_file(file);
        file = NULL;
        errno = err;
    }
    close(fd);
    return file;
}

/* ---- those that are kept ------------------------------------------------------------------- */

struct user_files *
user_files_create(void)
{
    struct user_files *files = calloc(1, sizeof(*files));

    if (files != NULL)
        link_init(&files->files);
    return files;
}

static struct user_file *
first_of(struct user_files *files)
{
    return CONTAINER_OF(files->files.next, struct user_file, link);
}

static void
remove_file(struct user_files *files, struct user_file *file)
{
    link_remove(&file->link);
    files->len--;
    files->bytes -= file->text_len;
    destroy_file(file);
}

static void
add_file(struct user_files *files, struct user_file *file)
{
    list_push(&files->files, &file->link);
    files->len++;
    files->bytes += file->text_len;
    while (files->len > USER_FILES_MAX || files->bytes > USER_FILES_BYTES)
        remove_file(files, first_of(files));
}

void
user_files_destroy(struct user_files *files)
{
    if (files == NULL)
        return;
    while (!list_is_empty(&files->files))
        remove_file(files, first_of(files));
    free(files);
}

static struct user_file *
find_file(struct user_files *files, struct str path)
{
    for (struct link *l = files->files.prev; l != &files->files; l = l->prev) {
        struct user_file *file = CONTAINER_OF(l, struct user_file, link);

        if (str_eq(str_of(file->path), path))
            return file;
    }
    return NULL;
}

static bool
is_current(const struct user_file *file)
{
    struct identity identity;
    struct stat st;

    if (file->is_young || stat(file->path, &st) != 0)
        return false;
    identity = identity_of(&st);
    return same_identity(&identity, &file->identity);
}

const struct user_file *
user_files_get(struct user_files *files, struct str path, const struct log_context *log)
{
    struct user_file *file = find_file(files, path);

    if (file != NULL && is_current(file)) {
        link_remove(&file->link);
        list_push(&files->files, &file->link);
        return file;
    }
    if (file != NULL)
        remove_file(files, file);
    if ((file = read_file(path, log)) != NULL)
        add_file(files, file);
    return file;
}

struct str
user_file_find(const struct user_file *file, struct str name)
{
    uint32_t slot = *slot_of(file, name);

    return slot == 0 ? STR_NONE : hash_of(file, &file->users[slot - 1]);
}

struct str
user_file_usual(const struct user_file *file)
{
    return file->usual;
}
