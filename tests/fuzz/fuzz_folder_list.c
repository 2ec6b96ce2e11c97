/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_folder_list: whatever a file and its folder are called, a list of it is what it says: text
 * without another element in it, in UTF-8 where that is promised, and no longer than there is room
 * for.
 */
#include "fuzz.h"

#include "http/folder_list.h"

static bool
is_utf8(struct str s)
{
    for (size_t i = 0, n; i < s.len; i += n)
        if ((n = str_utf8_length(str_from(s, i))) == 0)
            return false;
    return true;
}

static unsigned
count(struct str s, char c)
{
    unsigned n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += s.p[i] == c;
    return n;
}

static struct str
write_entry(const struct folder_list *list, char *room)
{
    struct writer w = writer_at(room, LIST_ENTRY_MAX);

    folder_list_entry(&w, list, 0);
    require(w.ok);
    return writer_str(&w);
}

/* What the name brings into the text is no tag, quote or line of the text's own. */
static void
try_entry(const struct folder_list *list, struct folder_entry *plain)
{
    static char room[LIST_ENTRY_MAX], plain_room[LIST_ENTRY_MAX];
    struct folder other = { .entries = &plain, .len = 1 };
    struct folder_list plain_list = *list;
    struct str text = write_entry(list, room), expected;

    plain_list.folder = &other;
    expected = write_entry(&plain_list, plain_room);
    require(list->format == LIST_HTML || is_utf8(text));
    if (list->format == LIST_JSON) {
        require(count(text, '\n') == count(expected, '\n'));
        return;
    }
    require(count(text, '<') == count(expected, '<'));
    require(count(text, '>') == count(expected, '>'));
    require(count(text, '"') == count(expected, '"'));
}

static struct folder_entry *
make_entry(struct arena *arena, struct str name, enum entry_kind kind)
{
    struct folder_entry *entry = arena_zalloc(arena, sizeof(*entry) + UINT8_MAX + 1);

    entry->size = UINT64_MAX;
    entry->mtime = 253402300799;        /* the last second of the year 9999 */
    entry->kind = (uint8_t)kind;
    for (size_t i = 0; i < name.len && entry->name_len < UINT8_MAX; i++)
        if (name.p[i] != '\0' && name.p[i] != '/')
            entry->name[entry->name_len++] = name.p[i];
    if (entry->name_len == 0)
        entry->name[entry->name_len++] = 'x';
    return entry;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 16, 0);
    struct str name = { (const char *)data, size };
    struct folder folder = { .arena = arena, .len = 1 };
    struct folder_list list = { .folder = &folder, .host = name };
    struct folder_entry *entry, *plain;
    struct writer path = writer_in(arena), w;

    write_char(&path, '/');
    write_str(&path, name);
    write_char(&path, '/');
    list.path = writer_str(&path);
    folder.readme = folder.readme_name = name;
    for (unsigned i = 0; i < 30; i++) {
        list.format = (enum folder_format)(i % 4);
        list.exact_size = list.is_utf8 = i >= 15;
        entry = make_entry(arena, name, (enum entry_kind)(i % 3));
        plain = make_entry(arena, STR("x"), (enum entry_kind)(i % 3));
        folder.entries = &entry;
        try_entry(&list, plain);
        w = writer_in(arena);
        folder_list_head(&w, &list);
        folder_list_tail(&w, &list);
        require(w.ok && (list.format != LIST_PAGE || is_utf8(writer_str(&w))));
    }
    arena_destroy(arena);
    return 0;
}
