/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/folder.h"
#include "base/compiler.h"
#include "base/siphash.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_SIZE = 4096 };

/* The end of the year 9999: no list has room for more, nor is there a struct tm of any time. */
static const int64_t LATEST = 253402300799;

/* ---- names --------------------------------------------------------------------------------- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes a number from *s, without its leading zeros. */
static struct str
take_number(struct str *s)
{
    struct str number;
    size_t n = 0;

    while (s->len > 1 && s->p[0] == '0' && is_digit(s->p[1]))
        *s = str_from(*s, 1);
    while (n < s->len && is_digit(s->p[n]))
        n++;
    number = (struct str){ s->p, n };
    *s = str_from(*s, n);
    return number;
}

static int
compare_numbers(struct str a, struct str b)
{
    return a.len != b.len ? (a.len > b.len) - (a.len < b.len) : str_cmp(a, b);
}

/* Where the comparison begins: behind what both have, but not within a number. */
static size_t
common_begin(struct str a, struct str b)
{
    size_t n = 0, most = MIN(a.len, b.len);

    while (n < most && a.p[n] == b.p[n])
        n++;
    while (n > 0 && is_digit(a.p[n - 1]))
        n--;
    return n;
}

int
folder_compare_names(struct str a, struct str b)
{
    size_t same = common_begin(a, b);
    struct str x = str_from(a, same), y = str_from(b, same);

    while (x.len > 0 && y.len > 0) {
        int order;

        if (is_digit(x.p[0]) && is_digit(y.p[0])) {
            order = compare_numbers(take_number(&x), take_number(&y));
        } else {
            order = (unsigned char)ascii_lower(x.p[0]) - (unsigned char)ascii_lower(y.p[0]);
            x = str_from(x, 1);
            y = str_from(y, 1);
        }
        if (order != 0)
            return order;
    }
    if (x.len != y.len)
        return x.len > y.len ? 1 : -1;
    return str_cmp(a, b);
}

/*
 * Where a byte does not fit, the last "*" takes one more; those before it need not be tried again,
 * so the work is at most the product of the lengths.
 */
bool
folder_name_fits(struct str name, struct str pattern)
{
    size_t n = 0, p = 0, star = SIZE_MAX, after_star = 0;

    while (n < name.len) {
        if (p < pattern.len && pattern.p[p] == '*') {
            star = p++;
            after_star = n;
        } else if (p < pattern.len && (pattern.p[p] == '?' || pattern.p[p] == name.p[n])) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++after_star;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.p[p] == '*')
        p++;
    return p == pattern.len;
}

/* ---- order --------------------------------------------------------------------------------- */

static const struct folder_entry *
entry_at(const void *place)
{
    return *(struct folder_entry *const *)place;
}

static int
compare_bytes(const void *a, const void *b)
{
    return str_cmp(folder_entry_name(entry_at(a)), folder_entry_name(entry_at(b)));
}

static int
compare_names(const void *a, const void *b)
{
    return folder_compare_names(folder_entry_name(entry_at(a)), folder_entry_name(entry_at(b)));
}

static int
compare_sizes(const void *a, const void *b)
{
    uint64_t x = entry_at(a)->size, y = entry_at(b)->size;

    return x != y ? (x > y) - (x < y) : compare_names(a, b);
}

static int
compare_times(const void *a, const void *b)
{
    int64_t x = entry_at(a)->mtime, y = entry_at(b)->mtime;

    return x != y ? (x > y) - (x < y) : compare_names(a, b);
}

static int
names_falling(const void *a, const void *b)
{
    return compare_names(b, a);
}

/* Where only the names differ, they still rise. */
static int
sizes_falling(const void *a, const void *b)
{
    return entry_at(a)->size != entry_at(b)->size ? compare_sizes(b, a) : compare_names(a, b);
}

static int
times_falling(const void *a, const void *b)
{
    return entry_at(a)->mtime != entry_at(b)->mtime ? compare_times(b, a) : compare_names(a, b);
}

typedef int (*compare_fn)(const void *a, const void *b);

/* Rising, falling. */
static const compare_fn compare_by[][2] = {
    [SORT_BYTES] = { compare_bytes, compare_bytes },
    [SORT_NAME] = { compare_names, names_falling },
    [SORT_SIZE] = { compare_sizes, sizes_falling },
    [SORT_TIME] = { compare_times, times_falling },
};

static void
sort(struct folder *folder)
{
    struct folder_order order = folder->question.order;
    compare_fn files = compare_by[order.by][order.descending];
    compare_fn folders = order.by == SORT_SIZE ? compare_names : files;
    const size_t one = sizeof(struct folder_entry *);

    qsort(folder->entries, folder->folders, one, folders);
    qsort(folder->entries + folder->folders, folder->len - folder->folders, one, files);
}

/* Each hash is the key of the next. */
static void
hash_all(struct folder *folder)
{
    enum { FIXED = offsetof(struct folder_entry, name) - offsetof(struct folder_entry, size) };

    for (uint32_t i = 0; i < folder->len; i++) {
        const struct folder_entry *entry = folder->entries[i];
        struct str shown = { (const char *)&entry->size, (size_t)FIXED + entry->name_len };
        const uint64_t key[2] = { folder->hash[0], folder->hash[1] };

        siphash128(key, shown, folder->hash);
    }
    if (str_is_set(folder->readme)) {
        const uint64_t key[2] = { folder->hash[0], folder->hash[1] };

        siphash128(key, folder->readme, folder->hash);
    }
}

/* ---- making -------------------------------------------------------------------------------- */

static const struct str *
copy_texts(struct arena *arena, const struct str *texts, uint32_t len)
{
    struct str *copy = ARENA_ARRAY(arena, struct str, (size_t)len + 1);

    for (uint32_t i = 0; copy != NULL && i < len; i++)
        copy[i] = arena_str(arena, texts[i]);
    return copy;
}

struct folder *
folder_create(const struct folder_question *question, size_t memory)
{
    struct arena *arena = arena_create(BLOCK_SIZE, memory);
    struct folder *folder = arena != NULL ? ARENA_NEW(arena, struct folder) : NULL;

    if (folder == NULL) {
        arena_destroy(arena);
        return NULL;
    }
    folder->arena = arena;
    folder->question = *question;
    folder->question.path = arena_str(arena, question->path);
    if (question->rules != NULL) {
        folder->rules = *question->rules;
        folder->rules.excluded = copy_texts(arena, folder->rules.excluded,
                                            folder->rules.excluded_len);
        folder->rules.readmes = copy_texts(arena, folder->rules.readmes,
                                           folder->rules.readmes_len);
    }
    if (!arena_failed(arena))
        return folder;
    arena_destroy(arena);
    return NULL;
}

void
folder_destroy(struct folder *folder)
{
    if (folder != NULL)
        arena_destroy(folder->arena);
}

bool
folder_answers(const struct folder *folder, const struct folder_question *question)
{
    const struct folder_question *own = &folder->question;

    return own->rules == question->rules && own->symlinks == question->symlinks
           && own->trusted == question->trusted && own->order.by == question->order.by
           && own->order.descending == question->order.descending
           && str_eq(own->path, question->path);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* A folder under way. */
struct reading {
    struct folder *folder;
    DIR *dir;
    int fd;
    struct folder_entry *first, **end;  /* in the order in which they came */
    const struct folder_entry *readme;
    uint32_t readme_rank;       /* of it in the list of names */
    uint32_t candidates;        /* for the one that is picked */
};

static bool
is_excluded(const struct folder_rules *rules, struct str name)
{
    for (uint32_t i = 0; i < rules->excluded_len; i++)
        if (folder_name_fits(name, rules->excluded[i]))
            return true;
    return false;
}

static bool
is_wanted(const struct folder *folder, struct str name)
{
    if (name.p[0] != '.')
        return !is_excluded(&folder->rules, name);
    return folder->rules.hidden && !str_eq(name, STR(".")) && !str_eq(name, STR(".."))
           && !is_excluded(&folder->rules, name);
}

/* A link, which symlinks does not let us follow. */
static bool
is_barred(const struct reading *r, const char *name, const struct stat *target)
{
    enum symlinks symlinks = r->folder->question.symlinks;
    struct stat link;

    if (symlinks == SYMLINKS_FOLLOW)
        return false;
    if (fstatat(r->fd, name, &link, AT_SYMLINK_NOFOLLOW) != 0)
        return true;
    return S_ISLNK(link.st_mode) && (symlinks == SYMLINKS_REFUSE || link.st_uid != target->st_uid);
}

/*
 * False: it is not shown. That is so of what has gone meanwhile, and of links to where we may not
 * look; one that leads nowhere, or in a circle, is shown as itself.
 */
static bool
look_at(const struct reading *r, const char *name, struct stat *st)
{
    if (fstatat(r->fd, name, st, 0) == 0)
        return !is_barred(r, name, st);
    return errno != EACCES && r->folder->question.symlinks == SYMLINKS_FOLLOW
           && fstatat(r->fd, name, st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
consider_as_readme(struct reading *r, const struct folder_entry *entry)
{
    const struct folder_rules *rules = &r->folder->rules;
    uint32_t most = r->readme != NULL ? r->readme_rank : rules->readmes_len;

    for (uint32_t i = 0; i < most; i++)
        if (str_eq(rules->readmes[i], folder_entry_name(entry))) {
            r->readme = entry;
            r->readme_rank = i;
            return;
        }
}

static bool
add_entry(struct reading *r, struct str name, const struct stat *st)
{
    struct folder *folder = r->folder;
    struct folder_entry *entry;

    if (folder->len == folder->rules.entries_max
        || (entry = arena_alloc(folder->arena, sizeof(*entry) + name.len + 1)) == NULL)
        return false;
    entry->next = NULL;
    entry->size = (uint64_t)st->st_size;
    entry->mtime = MIN(MAX(st->st_mtime, 0), LATEST);
    entry->kind = S_ISDIR(st->st_mode) ? ENTRY_FOLDER
                  : S_ISREG(st->st_mode) ? ENTRY_FILE : ENTRY_OTHER;
    entry->name_len = (uint8_t)name.len;
    memcpy(entry->name, name.p, name.len + 1);
    *r->end = entry;
    r->end = &entry->next;
    folder->len++;
    if (entry->kind == ENTRY_FOLDER)
        folder->folders++;
    if (entry->kind == ENTRY_FILE) {
        folder->bytes += entry->size;
        consider_as_readme(r, entry);
    }
    return true;
}

/* Each of n candidates is kept with the same probability, however many follow. */
static bool
consider_for_pick(struct reading *r, struct str name)
{
    uint64_t random;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return false;
    if (random % ++r->candidates != 0)
        return true;
    memcpy((char *)(uintptr_t)r->folder->picked.p, name.p, name.len);
    r->folder->picked.len = name.len;
    return true;
}

/* False: there is no room for it. */
static bool
take_name(struct reading *r, const struct dirent *found)
{
    struct str name = str_of(found->d_name);
    struct stat st;

    if (!is_wanted(r->folder, name) || name.len > UINT8_MAX || !look_at(r, found->d_name, &st))
        return true;
    if (r->folder->question.rules != NULL)
        return add_entry(r, name, &st);
    return !S_ISREG(st.st_mode) || consider_for_pick(r, name);
}

static enum folder_result
failed(struct folder *folder)
{
    folder->error = errno;
    return FOLDER_FAILED;
}

static enum folder_result
read_names(struct reading *r)
{
    const struct dirent *found;

    while (errno = 0, (found = readdir(r->dir)) != NULL)
        if (!take_name(r, found))
            return FOLDER_OVER_LIMIT;
    return errno == 0 ? FOLDER_READ : failed(r->folder);
}

/* Folders before all else; then each part is sorted. */
static enum folder_result
put_in_order(struct reading *r)
{
    struct folder *folder = r->folder;
    uint32_t folders = 0, others = folder->folders;

    folder->entries = ARENA_ARRAY(folder->arena, struct folder_entry *, (size_t)folder->len + 1);
    if (folder->entries == NULL)
        return FOLDER_OVER_LIMIT;
    for (struct folder_entry *entry = r->first; entry != NULL; entry = entry->next)
        folder->entries[entry->kind == ENTRY_FOLDER ? folders++ : others++] = entry;
    sort(folder);
    return FOLDER_READ;
}

/* As much of a text as fits into size bytes; -1 when it is none after all. */
static ssize_t
read_text(int fd, char *room, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while (len < size && (n = read(fd, room + len, size - len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        len += (size_t)n;
    }
    return memchr(room, '\0', len) == NULL ? (ssize_t)len : -1;
}

/* The end of a text that was cut within a character goes, too. */
static size_t
whole_characters(struct str text)
{
    enum { LONGEST = 4 };

    for (size_t back = 1; back < LONGEST && back <= text.len; back++) {
        unsigned char c = (unsigned char)text.p[text.len - back];

        if (c >= 0xc0)
            return str_utf8_length(str_from(text, text.len - back)) == 0 ? text.len - back
                                                                         : text.len;
        if (c < 0x80)
            break;
    }
    return text.len;
}

static void
read_readme_from(struct reading *r, int fd)
{
    struct folder *folder = r->folder;
    size_t most = (size_t)MIN(folder->rules.readme_max, r->readme->size);
    char *room = arena_bytes(folder->arena, most + 1);
    struct stat st;
    ssize_t len;

    if (room == NULL || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)
        || (len = read_text(fd, room, most)) <= 0)
        return;
    folder->readme = (struct str){ room, (size_t)len };
    folder->readme_is_cut = (uint64_t)len < r->readme->size;
    if (folder->readme_is_cut)
        folder->readme.len = whole_characters(folder->readme);
    folder->readme_name = folder_entry_name(r->readme);
}

/* One that cannot be read is only listed. */
static void
read_readme(struct reading *r)
{
    int follow = r->folder->question.symlinks == SYMLINKS_FOLLOW ? 0 : O_NOFOLLOW;
    int fd;

    if (r->readme == NULL)
        return;
    fd = openat(r->fd, r->readme->name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | follow);
    if (fd < 0)
        return;
    read_readme_from(r, fd);
    close(fd);
}

static enum folder_result
read_all(struct reading *r)
{
    struct folder *folder = r->folder;
    enum folder_result result;
    char *name;

    if (folder->question.rules == NULL) {
        if ((name = arena_bytes(folder->arena, NAME_MAX + 1)) == NULL)
            return FOLDER_OVER_LIMIT;
        folder->picked = (struct str){ name, 0 };
    }
    if ((result = read_names(r)) != FOLDER_READ)
        return result;
    if (r->candidates == 0)
        folder->picked = STR_NONE;
    if (folder->question.rules == NULL || (result = put_in_order(r)) != FOLDER_READ)
        return result;
    read_readme(r);
    hash_all(folder);
    return FOLDER_READ;
}

void
folder_read(struct folder *folder)
{
    const struct folder_question *question = &folder->question;
    struct reading r = { .folder = folder };

    r.end = &r.first;
    r.fd = open_path(question->path, question->symlinks, question->trusted);
    if (r.fd < 0 || (r.dir = fdopendir(r.fd)) == NULL) {
        folder->result = failed(folder);
        if (r.fd >= 0)
            close(r.fd);
        return;
    }
    folder->result = read_all(&r);
    closedir(r.dir);
}
