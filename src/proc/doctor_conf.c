/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_conf: what the doctor wants to know of the configuration, gathered while its tree is
 * there, and what is wrong with its own files.
 */
#include "base/map.h"
#include "proc/doctor_parts.h"

#include <sys/stat.h>

enum { PLACES_MAX = 2000 };     /* a conf file that is made of a template */

/* ---- levels -------------------------------------------------------------------------------- */

/* Directives that hold for inner levels, too. */
#define LEVEL_NAMES(X)                          \
    X(ROOT,          "root")                    \
    X(ALIAS,         "alias")                   \
    X(INDEX,         "index")                   \
    X(TYPES,         "types")                   \
    X(AUTOINDEX,     "autoindex")               \
    X(SERVE_HIDDEN,  "serve_hidden")
enum level_name {
#define LEVEL_AS_ENUM(id, text) LEVEL_OF_##id,
    LEVEL_NAMES(LEVEL_AS_ENUM)
#undef LEVEL_AS_ENUM
    LEVEL_NAME_COUNT
};

struct level {
    const struct level *outer;
    const struct conf_node *node;       /* the block */
    const struct conf_node *first[LEVEL_NAME_COUNT];
};

struct looking {
    struct doctor *d;
    struct conf *conf;
};

static bool
is_named(const struct conf_node *node, const char *name)
{
    return strcmp(node->words[0].text.p, name) == 0;
}

static const struct conf_node *
nearest(const struct level *level, enum level_name name)
{
    const struct conf_node *node = NULL;

    for (; level != NULL && node == NULL; level = level->outer)
        node = level->first[name];
    return node;
}

static bool
is_on(const struct level *level, enum level_name name)
{
    const struct conf_node *node = nearest(level, name);

    return node != NULL && node->count == 2 && str_eq(node->words[1].text, STR("on"));
}

static struct conf_mark
mark_of(const struct looking *l, const struct conf_word *word)
{
    return (struct conf_mark){ arena_str(l->d->arena, word->pos.file != NULL
                                         ? word->pos.file->path : STR("")), word->pos.line };
}

/* Bytes of a word before its first variable; all of them when there is none. */
static size_t
fixed_len(const struct looking *l, const struct conf_word *word)
{
    for (size_t i = 0; i < word->text.len; i++)
        if (word->text.p[i] == '$' && !conf_is_text(l->conf, word, word->text, i))
            return i;
    return word->text.len;
}

/* The same cut behind a slash. */
static struct str
fixed_folder(struct str text)
{
    while (text.len > 0 && text.p[text.len - 1] != '/')
        text.len--;
    return text;
}

/* ---- places -------------------------------------------------------------------------------- */

static struct map *
types_of(const struct looking *l, const struct conf_node *first)
{
    struct map *map = map_create(l->d->arena, true);

    for (const struct conf_node *n = first; map != NULL && n != NULL; n = n->next) {
        if (!is_named(n, "types"))
            continue;
        for (const struct conf_node *type = n->children; type != NULL; type = type->next)
            for (uint32_t i = 1; i < type->count; i++)
                map_set(map, arena_str(l->d->arena, type->words[i].text), map);
    }
    return map;
}

static void
take_index(const struct looking *l, struct doctor_place *place, const struct conf_node *first)
{
    struct str *name;

    if (first == NULL) {
        if ((name = VEC_ADD(l->d->arena, &place->index)) != NULL)
            *name = STR("index.html");
        return;
    }
    for (const struct conf_node *n = first; n != NULL; n = n->next) {
        if (!is_named(n, "index"))
            continue;
        for (uint32_t i = 1; i < n->count; i++)
            if (fixed_len(l, &n->words[i]) == n->words[i].text.len
                && !str_starts(n->words[i].text, STR("/"))
                && (name = VEC_ADD(l->d->arena, &place->index)) != NULL)
                *name = arena_str(l->d->arena, n->words[i].text);
    }
}

static bool
is_listed(const struct doctor *d, const struct doctor_place *place)
{
    for (uint32_t i = 0; i < d->places.len; i++)
        if (d->places.items[i].kind == place->kind && str_eq(d->places.items[i].path, place->path)
            && d->places.items[i].where.line == place->where.line
            && str_eq(d->places.items[i].where.file, place->where.file))
            return true;
    return false;
}

/* NULL: it is there already, or there are too many. */
static struct doctor_place *
add_place(const struct looking *l, enum doctor_kind kind, const struct conf_node *node,
          struct str path)
{
    const struct conf_word *word = &node->words[node->count > 1 ? 1 : 0];
    struct doctor_place place = {
        .kind = kind, .name = arena_str(l->d->arena, node->words[0].text),
        .path = arena_str(l->d->arena, path), .where = mark_of(l, word),
    };
    struct doctor_place *p;

    if (!str_is_set(place.path) || l->d->places.len >= PLACES_MAX || is_listed(l->d, &place))
        return NULL;
    if ((p = VEC_ADD(l->d->arena, &l->d->places)) != NULL)
        *p = place;
    return p;
}

/* What else holds where a folder is served. */
static void
take_rest(const struct looking *l, const struct level *level, struct doctor_place *place)
{
    const struct conf_node *types = nearest(level, LEVEL_OF_TYPES);

    place->serves_hidden = is_on(level, LEVEL_OF_SERVE_HIDDEN);
    place->lists = is_on(level, LEVEL_OF_AUTOINDEX);
    if (!place->is_cut)
        take_index(l, place, nearest(level, LEVEL_OF_INDEX));
    if (types != NULL)
        place->types = types_of(l, types);
}

/* A folder that is served. */
static void
add_root(const struct looking *l, const struct level *level, const struct conf_node *node)
{
    const struct conf_word *word = &node->words[1];
    struct str text = { word->text.p, fixed_len(l, word) };
    bool is_cut = text.len < word->text.len;
    struct doctor_place *place;

    if (is_cut)
        text = fixed_folder(text);
    if (is_cut && text.len == 0)
        return;
    place = add_place(l, DOCTOR_ROOT, node, conf_path_by_prefix(l->conf, text));
    if (place == NULL)
        return;
    place->is_cut = is_cut;
    take_rest(l, level, place);
}

/*
 * Where no root is written it is "html": so it is for a server of which nothing is said but that.
 */
static void
add_usual_root(const struct looking *l, const struct level *level)
{
    static const char *const others[] = { "location", "return", "rewrite", "if" };
    struct doctor_place *place;

    if (nearest(level, LEVEL_OF_ROOT) != NULL)
        return;
    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next)
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
            if (is_named(n, others[i]))
                return;
    place = add_place(l, DOCTOR_ROOT, level->node, conf_path_by_prefix(l->conf, STR("html")));
    if (place == NULL)
        return;
    place->name = STR("root");
    take_rest(l, level, place);
}

static void
add_users(const struct looking *l, const struct conf_node *node)
{
    const struct conf_word *word = &node->words[1];

    if (fixed_len(l, word) == word->text.len)
        add_place(l, DOCTOR_USERS, node, conf_path_by_file(l->conf, word->text));
}

/* ---- pages --------------------------------------------------------------------------------- */

/* What makes it uncertain which file a location has for a path. */
static bool
is_uncertain(const struct conf_node *location)
{
    static const char *const names[] = {
        "location", "return", "rewrite", "if", "set", "break", "status", "stub_status",
        "metrics", "connections", "empty_gif", "proxy_pass", "fastcgi_pass", "random_index"
    };

    for (const struct conf_node *n = location->children; n != NULL; n = n->next) {
        if (is_named(n, "try_files") && !str_eq(n->words[1].text, STR("$uri")))
            return true;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (is_named(n, names[i]))
                return true;
    }
    return false;
}

/*
 * The location of a path, where that is plain to see. False: it is not. *found NULL: it is none's,
 * but the server's.
 */
static bool
find_location(const struct conf_node *server, struct str path, const struct conf_node **found,
              struct str *name)
{
    bool has_regex = false;

    *found = NULL;
    *name = STR("");
    for (const struct conf_node *n = server->children; n != NULL; n = n->next) {
        const struct str kind = n->count == 3 ? n->words[1].text : STR("");
        struct str text = n->words[n->count - 1].text;

        if (!is_named(n, "location"))
            continue;
        if (n->count == 2 && text.len > 0 && text.p[0] != '/') {
            if (text.p[0] != '@')
                return false;   /* a modifier that is glued to its name */
        } else if (str_starts(kind, STR("~"))) {
            has_regex = true;
        } else if (str_eq(kind, STR("="))) {
            if (str_eq(text, path)) {
                *found = n;
                *name = text;
                return true;
            }
        } else if (str_starts(path, text) && text.len >= name->len) {
            *found = n;
            *name = text;
        }
    }
    return !has_regex || (*found != NULL && str_eq((*found)->words[1].text, STR("^~")));
}

/* A file that the conf file names by a path of the site; `level`: of the server. */
static void
add_page(const struct looking *l, const struct level *level, const struct conf_node *node,
         const struct conf_word *word)
{
    struct level inner = { .outer = level };
    const struct conf_node *location, *root;
    struct str name, folder, path = word->text;
    struct doctor_place *place;

    if (!str_starts(path, STR("/")) || fixed_len(l, word) != path.len
        || str_find(path, '?', 0) >= 0 || str_ends(path, STR("/"))
        || !find_location(level->node, path, &location, &name))
        return;
    if (location != NULL && is_uncertain(location))
        return;
    for (const struct conf_node *n = location != NULL ? location->children : NULL; n != NULL;
         n = n->next) {
        if (is_named(n, "root"))
            inner.first[LEVEL_OF_ROOT] = n;
        if (is_named(n, "alias"))
            inner.first[LEVEL_OF_ALIAS] = n;
    }
    root = inner.first[LEVEL_OF_ALIAS];
    if (root != NULL)
        path = str_from(path, name.len);
    else if ((root = nearest(&inner, LEVEL_OF_ROOT)) == NULL)
        return;
    if (fixed_len(l, &root->words[1]) != root->words[1].text.len)
        return;
    folder = conf_path_by_prefix(l->conf, root->words[1].text);
    place = add_place(l, DOCTOR_PAGE, node, doctor_text(l->d, "%.*s%.*s", STR_ARG(folder),
                                                        STR_ARG(path)));
    if (place != NULL)
        place->where = mark_of(l, word);
}

static bool
answers_itself(const struct conf_node *server)
{
    for (const struct conf_node *n = server->children; n != NULL; n = n->next)
        if (is_named(n, "return") || is_named(n, "rewrite") || is_named(n, "if"))
            return true;
    return false;
}

/* error_page … /404.html; try_files … /index.html; */
static void
add_pages(const struct looking *l, const struct level *server, const struct conf_node *block)
{
    if (answers_itself(server->node))
        return;
    for (const struct conf_node *n = block->children; n != NULL; n = n->next)
        if ((is_named(n, "error_page") || is_named(n, "try_files")) && n->count > 1)
            add_page(l, server, n, &n->words[n->count - 1]);
}

/* ---- memory -------------------------------------------------------------------------------- */

static uint64_t
size_of(struct str text)
{
    uint64_t bytes;

    return size_parse(text, &bytes) ? bytes : 0;
}

/* "max=N" among the words. */
static uint64_t
max_of(const struct conf_node *node)
{
    uint64_t n = 0;

    for (uint32_t i = 1; i < node->count; i++)
        if (str_starts(node->words[i].text, STR("max=")))
            str_to_uint(str_from(node->words[i].text, 4), UINT32_MAX, &n);
    return n;
}

static void
take_memory(struct doctor_memory *m, const struct conf_node *node)
{
    static const char *const caches[] = {
        "open_file_cache_body_memory", "compress_cache", "compress_memory", "autoindex_memory",
    };
    uint64_t count;

    if (node->count == 2 && is_named(node, "client_header_buffer_size"))
        m->header_bytes = MAX(m->header_bytes, size_of(node->words[1].text));
    if (node->count == 3 && is_named(node, "large_client_header_buffers")
        && str_to_uint(node->words[1].text, UINT32_MAX, &count))
        m->large_bytes = MAX(m->large_bytes, count * size_of(node->words[2].text));
    if (is_named(node, "open_file_cache"))
        m->cached_files = MAX(m->cached_files, max_of(node));
    for (size_t i = 0; node->count == 2 && i < ARRAY_LEN(caches); i++)
        if (is_named(node, caches[i]))
            m->worker_bytes += size_of(node->words[1].text);
}

/* ---- root and alias ------------------------------------------------------------------------ */

static struct str
without_slashes(struct str s)
{
    while (s.len > 0 && s.p[0] == '/')
        s = str_from(s, 1);
    while (s.len > 0 && s.p[s.len - 1] == '/')
        s.len--;
    return s;
}

/* "location /img/ { root /srv/img/; }" looks for /srv/img/img/a.png: "alias" is meant. */
static void
check_repeated(const struct looking *l, const struct conf_node *location,
               const struct conf_node *root)
{
    struct str name = without_slashes(location->words[location->count - 1].text);
    struct str text = conf_path_by_prefix(l->conf, root->words[1].text), path, looked_for;
    const char *slash = str_ends(location->words[location->count - 1].text, STR("/")) ? "/" : "";
    struct doctor_finding *finding;
    struct stat st;

    if (location->count == 3 && !str_eq(location->words[1].text, STR("^~")))
        return;
    path = without_slashes(text);
    if (name.len == 0 || path.len <= name.len || !str_ends(path, name)
        || path.p[path.len - name.len - 1] != '/' || location->words[1].text.p[0] == '~'
        || fixed_len(l, &root->words[1]) != root->words[1].text.len || stat(text.p, &st) != 0)
        return;
    looked_for = doctor_text(l->d, "%.*s%s%.*s", STR_ARG(text), str_ends(text, STR("/")) ? "" : "/",
                             STR_ARG(name));
    if (stat(looked_for.p, &st) == 0 || (finding = VEC_ADD(l->d->arena, &l->d->notes)) == NULL)
        return;
    *finding = (struct doctor_finding){
        .level = DOCTOR_WARNING, .about = doctor_text(l->d, "root %.*s", STR_ARG(text)),
        .text = doctor_text(l->d, "files of \"/%.*s/\" are looked for in %.*s, which is not there",
                            STR_ARG(name), STR_ARG(looked_for)),
        .why = STR("\"root\" is put before the whole path; \"alias\" replaces the location's name"),
        .mend = doctor_text(l->d, "alias %.*s%s;", STR_ARG(text),
                            str_ends(text, STR("/")) ? "" : slash),
        .where = mark_of(l, &root->words[1]),
    };
}

/* ---- the walk ------------------------------------------------------------------------------ */

static void
note_names(struct level *level)
{
    static const char *const names[] = {
#define LEVEL_AS_NAME(id, text) text,
        LEVEL_NAMES(LEVEL_AS_NAME)
#undef LEVEL_AS_NAME
    };

    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next)
        for (size_t i = 0; i < LEVEL_NAME_COUNT; i++)
            if (level->first[i] == NULL && is_named(n, names[i]))
                level->first[i] = n;
}

/* http, server, location, if: depth is that of the conf file, which is bounded. */
static void
walk(const struct looking *l, const struct level *outer, const struct level *server,
     const struct conf_node *block)
{
    struct level level = { .outer = outer, .node = block };

    note_names(&level);
    if (is_named(block, "server")) {
        server = &level;
        add_usual_root(l, &level);
    }
    for (size_t i = LEVEL_OF_ROOT; i <= LEVEL_OF_ALIAS; i++)
        if (level.first[i] != NULL && level.first[i]->count == 2)
            add_root(l, &level, level.first[i]);
    if (is_named(block, "location") && level.first[LEVEL_OF_ROOT] != NULL
        && level.first[LEVEL_OF_ROOT]->count == 2)
        check_repeated(l, block, level.first[LEVEL_OF_ROOT]);
    for (const struct conf_node *n = block->children; n != NULL; n = n->next) {
        take_memory(&l->d->memory, n);
        if (is_named(n, "auth_basic_user_file") && n->count == 2)
            add_users(l, n);
        if (n->is_block && (is_named(n, "server") || is_named(n, "location") || is_named(n, "if")
                            || is_named(n, "limit_except")))
            walk(l, &level, server, n);
    }
    if (server != NULL)
        add_pages(l, server, block);
}

static void
take_files(const struct looking *l)
{
    for (const struct conf_file *f = l->conf->files; f != NULL; f = f->next) {
        struct doctor_line *line = f->is_text ? NULL : VEC_ADD(l->d->arena, &l->d->files);

        if (line != NULL)
            line->text = arena_str(l->d->arena, f->path);
    }
}

/*
 * What is said of roots elsewhere, with more, and what does not hold for whoever starts the
 * server.
 */
static bool
is_beside_the_point(const struct doctor *d, const struct conf_note *note)
{
    return str_ends(note->text, STR("\" is not there"))
           || (!d->starter_is_us
               && str_starts(note->text, STR("the \"user\" directive makes sense")));
}

static void
take_note(void *ctx, const struct conf_note *note)
{
    struct doctor *d = ctx;
    struct doctor_finding *finding;

    if (is_beside_the_point(d, note) || (finding = VEC_ADD(d->arena, &d->notes)) == NULL)
        return;
    *finding = (struct doctor_finding){
        .level = note->level == LEVEL_WARN ? DOCTOR_WARNING : DOCTOR_ERROR,
        .text = arena_str(d->arena, note->text),
        .mend = note->hint.len > 0 ? arena_str(d->arena, note->hint) : STR_NONE,
        .where = { arena_str(d->arena, note->file), note->line },
    };
}

void
doctor_look(struct doctor *d, struct conf *conf)
{
    const struct looking l = { .d = d, .conf = conf };

    for (const struct conf_node *n = conf_tree(conf); d->rt != NULL && n != NULL; n = n->next) {
        d->has_user |= is_named(n, "user");
        d->has_processes |= is_named(n, "worker_processes");
        if (is_named(n, "http"))
            walk(&l, NULL, NULL, n);
    }
    take_files(&l);
    conf_notes_each(conf, take_note, d);
}

/* ---- checks -------------------------------------------------------------------------------- */

static void
check_notes(struct doctor *d)
{
    for (uint32_t i = 0; i < d->notes.len; i++)
        doctor_add(d, &d->notes.items[i]);
}

/* Who may rename there may put another file in its place. */
static void
check_folder_of(struct doctor *d, const char *path)
{
    struct str folder = arena_str(d->arena, (struct str){ path, strlen(path) });
    char *slash = str_is_set(folder) ? strrchr((char *)(uintptr_t)folder.p, '/') : NULL;
    struct stat st;

    if (slash == NULL || slash == folder.p)
        return;
    *slash = '\0';
    if (stat(folder.p, &st) != 0 || !(st.st_mode & S_IWOTH) || (st.st_mode & S_ISVTX))
        return;
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_ERROR, .about = str_of(folder.p),
        .text = doctor_text(d, "everybody on this machine may replace files of the configuration "
                            "in it (mode %04o)", (unsigned)st.st_mode & 07777),
        .why = STR("whoever changes them decides which files are served"),
        .mend = doctor_text(d, "chmod o-w %s", doctor_shell(d, folder.p)),
    });
}

/* Anybody who may write to what the server is made of is the server's master. */
static void
check_owners(struct doctor *d)
{
    for (uint32_t i = 0; i < d->files.len; i++) {
        const char *path = d->files.items[i].text.p;
        struct stat st;

        if (path == NULL || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        if (st.st_mode & S_IWOTH)
            doctor_add(d, &(struct doctor_finding){
                .level = DOCTOR_ERROR, .about = str_of(path),
                .text = doctor_text(d, "everybody on this machine may write to it (mode %04o)",
                                    (unsigned)st.st_mode & 07777),
                .why = STR("whoever changes it decides which files are served"),
                .mend = doctor_text(d, "chmod o-w %s", doctor_shell(d, path)),
            });
        else if (d->starter.uid == 0 && st.st_uid != 0 && st.st_uid == d->worker.uid
                 && d->worker.is_known)
            doctor_add(d, &(struct doctor_finding){
                .level = DOCTOR_WARNING, .about = str_of(path),
                .text = doctor_text(d, "it belongs to the workers' user, %s", d->worker.name),
                .why = STR("who takes over a worker could have root read another configuration"),
                .mend = doctor_text(d, "chown root %s", doctor_shell(d, path)),
            });
        check_folder_of(d, path);
    }
}

static const struct doctor_check conf_checks[] = {
    { "test", check_notes, "the configuration is good, and -t warns of nothing" },
    { "owners", check_owners, "nobody else may write to its files" },
};
const struct doctor_group doctor_conf = DOCTOR_GROUP("conf", conf_checks);
