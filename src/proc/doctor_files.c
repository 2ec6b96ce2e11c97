/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_files: what the workers open by name, as their user sees it, and what should not lie
 * there.
 */
#include "proc/doctor_parts.h"
#include "proc/doctor_scan.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES_TOLD = 3 };

/* ---- how to open what is closed ------------------------------------------------------------ */

/* Whose bits of the mode are those of the workers. */
static char
class_of(const struct doctor *d, const struct stat *st)
{
    if (st->st_uid == d->worker.uid)
        return 'u';
    for (int i = 0; i < d->worker.group_count; i++)
        if (d->worker.groups[i] == st->st_gid)
            return 'g';
    return 'o';
}

/* Names that nobody but their owner should read. */
static bool
is_secret(const char *path)
{
    static const char *const patterns[] = {
        "*.key", "*.pem", "*.htpasswd", "*passwd*", "*secret*", "*/.env*", "*/id_*", "*/.ssh*",
        "*users*"
    };

    for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
        if (fnmatch(patterns[i], path, 0) == 0)
            return true;
    return false;
}

static struct str
mend_for(const struct doctor *d, const char *path, const char *bits, bool is_private)
{
    const char *quoted = doctor_shell(d, path);
    struct stat st;
    char class = 'o';

    if (stat(path, &st) == 0)
        class = class_of(d, &st);
    if (class == 'o' && is_private)
        return doctor_text(d, "setfacl -m u:%s:%s %s    # not chmod: it is for nobody else",
                           d->worker.name, bits, quoted);
    if (class == 'o')
        return doctor_text(d, "chmod o+%s %s    # or for this user alone: setfacl -m u:%s:%s %s",
                           bits, quoted, d->worker.name, bits, quoted);
    return doctor_text(d, "chmod %c+%s %s", class, bits, quoted);
}

/* "mode 0700, bob:bob" */
static struct str
mode_text(const struct doctor *d, const char *path)
{
    char owner[2 * ACCOUNT_NAME_MAX];
    struct stat st;

    if (stat(path, &st) != 0)
        return STR("not to be seen by us");
    account_write_owner(owner, sizeof(owner), st.st_uid, st.st_gid);
    return doctor_text(d, "mode %04o, %s", (unsigned)st.st_mode & 07777, owner);
}

/* ---- asking -------------------------------------------------------------------------------- */

/* What a question is about, beside it. */
struct asked {
    struct str name;            /* of the directive, or what else wants the file */
    struct conf_mark where;
    bool may_be_missing;
    bool is_private;            /* a file of passwords */
    bool is_page;               /* one that the conf file promises */
    const struct doctor_place *place;   /* at whose top it lies; NULL: it was named */
    enum doctor_level refused;
};

struct asking {
    struct doctor *d;
    struct access_question *questions;
    struct asked asked[ACCESS_QUESTIONS_MAX];
    size_t count;
};

static void
ask(struct asking *a, const char *path, int how, const struct asked *asked)
{
    struct access_question *q = &a->questions[a->count];

    if (a->count == ACCESS_QUESTIONS_MAX || path == NULL || path[0] != '/'
        || strlen(path) >= sizeof(q->path))
        return;
    memcpy(q->path, path, strlen(path) + 1);
    q->how = how;
    a->asked[a->count++] = *asked;
}

static const char *
verb_of(int how)
{
    return how & W_OK ? "write to" : how & R_OK ? "read" : "search";
}

static const char *
bits_of(int how)
{
    return (how & W_OK) && (how & X_OK) ? "rwx" : how & W_OK ? "rw" : how & R_OK ? "r" : "x";
}

/* "/srv/www, index": what is asked for, unless the refusal names it already. */
static struct str
on_the_way(const struct doctor *d, const struct access_question *q)
{
    return q->is_whole ? STR("") : doctor_text(d, ", which is on the way to %s", q->path);
}

static void
tell_refused(struct asking *a, size_t i)
{
    const struct access_question *q = &a->questions[i];
    const struct asked *asked = &a->asked[i];
    struct doctor *d = a->d;
    int how = q->is_whole ? q->how : X_OK;
    struct str way = on_the_way(d, q), mode = mode_text(d, q->at);

    doctor_add(d, &(struct doctor_finding){
        .level = asked->refused, .about = doctor_text(d, "%.*s %s", STR_ARG(asked->name), q->path),
        .text = doctor_text(d, "user %s may not %s %s (%.*s)%.*s%s", d->worker.name, verb_of(how),
                            q->at, STR_ARG(mode), STR_ARG(way), d->method == ACCOUNT_COMPUTE
                            ? "; by its mode, for root alone can try it" : ""),
        .why = str_eq(asked->name, STR("working_directory")) ? STR("no worker starts")
            : how & W_OK ? STR("what clients send, or a log, cannot be written: they get 403 or "
                                "500")
                          : STR("clients get 403 for what lies there"),
        .mend = mend_for(d, q->at, bits_of(how), asked->is_private
                         || (q->is_whole && !(how & X_OK) && is_secret(q->at))),
        .where = asked->where,
    });
}

static void
tell_missing(struct asking *a, size_t i)
{
    const struct access_question *q = &a->questions[i];
    const struct asked *asked = &a->asked[i];
    struct doctor *d = a->d;
    bool is_folder = str_eq(asked->name, STR("root"));

    doctor_add(d, &(struct doctor_finding){
        .level = asked->is_page ? DOCTOR_WARNING : DOCTOR_ERROR,
        .about = doctor_text(d, "%.*s %s", STR_ARG(asked->name), q->path),
        .text = q->err == ENOTDIR ? doctor_text(d, "%s is no folder", q->at)
            : q->err == ELOOP ? doctor_text(d, "%s: links that lead to each other", q->at)
            : strcmp(q->at, q->path) == 0 ? STR("it is not there")
            : doctor_text(d, "%s is not there", q->at),
        .why = str_eq(asked->name, STR("working_directory")) ? STR("no worker starts")
            : asked->is_page ? STR("clients get a page of weir's own, or 500")
            : asked->is_private ? STR("whoever asks gets 500, whatever password he has")
            : STR("clients get 404 for all of it"),
        .mend = q->err == ELOOP || q->err == ENOTDIR ? doctor_text(d, "ls -ld %s",
                                                                  doctor_shell(d, q->at))
            : is_folder ? doctor_text(d, "mkdir -p %s", doctor_shell(d, q->path))
            : asked->is_private ? doctor_text(d, "htpasswd -cB %s NAME", doctor_shell(d, q->path))
            : STR_NONE,
        .where = asked->where,
    });
}

static void
tell_answer(struct asking *a, size_t i)
{
    const struct access_question *q = &a->questions[i];

    if (q->err == 0 || q->is_hidden)
        return;
    if (q->err != ENOENT && q->err != ENOTDIR && q->err != ELOOP)
        tell_refused(a, i);
    else if (!a->asked[i].may_be_missing)
        tell_missing(a, i);
}

/* Whether the very same was told for another line. */
static bool
was_told(const struct asking *a, size_t i)
{
    for (size_t n = 0; n < i; n++)
        if (a->questions[n].err == a->questions[i].err
            && a->questions[n].is_whole == a->questions[i].is_whole
            && strcmp(a->questions[n].at, a->questions[i].at) == 0
            && (!a->questions[i].is_whole || a->questions[n].how == a->questions[i].how))
            return true;
    return false;
}

static size_t
tell_answers(struct asking *a)
{
    size_t seen = 0;

    for (size_t i = 0; i < a->count; i++) {
        seen += !a->questions[i].is_hidden;
        if (!was_told(a, i))
            tell_answer(a, i);
    }
    return seen;
}

/* Whether it is the file itself that is closed, and the folder is not. */
static bool
is_closed(const struct asking *a, size_t i)
{
    return a->questions[i].err == EACCES && a->questions[i].is_whole;
}

/* What lies at the top of one folder: questions [from, to). */
static void
tell_closed(struct asking *a, size_t from, size_t to)
{
    struct doctor *d = a->d;
    const struct doctor_place *place = a->asked[from].place;
    struct writer names = writer_in(d->arena), files = writer_in(d->arena);
    const struct access_question *first = NULL;
    struct str mode;
    unsigned n = 0;

    for (size_t i = from; i < to; i++) {
        const char *path = a->questions[i].path;

        if (!is_closed(a, i) || n++ >= NAMES_TOLD)
            continue;
        if (first == NULL)
            first = &a->questions[i];
        write_fmt(&names, "%s%s", n > 1 ? ", " : "", strrchr(path, '/') + 1);
        write_fmt(&files, "%s%s", n > 1 ? " " : "", doctor_shell(d, path));
    }
    if (first == NULL)
        return;
    if (n > NAMES_TOLD)
        write_fmt(&names, " and %u more", n - NAMES_TOLD);
    mode = mode_text(d, first->at);
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_WARNING, .about = doctor_text(d, "%.*s %s", STR_ARG(place->name),
                                                      place->path.p),
        .text = doctor_text(d, "user %s may not open %.*s (%.*s%s)%s", d->worker.name,
                            STR_ARG(writer_str(&names)), STR_ARG(mode), n > 1 ? " and others" : "",
                            d->method == ACCOUNT_COMPUTE ? "; by modes, for root alone can try it"
                                                         : ""),
        .why = STR("clients get 403 for it"),
        .mend = doctor_text(d, "setfacl -R -m u:%s:rX %.*s%s", d->worker.name,
                            STR_ARG(writer_str(&files)),
                            n > NAMES_TOLD ? "    # and the others" : ""),
        .where = place->where,
    });
}

static size_t
tell_entries(struct asking *a)
{
    size_t seen = 0, from = 0;

    for (size_t i = 0; i < a->count; i++) {
        seen += !a->questions[i].is_hidden;
        if (i + 1 == a->count || a->asked[i + 1].place != a->asked[from].place) {
            tell_closed(a, from, i + 1);
            from = i + 1;
        }
    }
    return seen;
}

/* Gathers questions, has them answered, and tells, which returns how many could be answered. */
static void
ask_all(struct doctor *d, void (*gather)(struct asking *a), size_t (*tell_all)(struct asking *a),
        const char *fine)
{
    struct asking *a = arena_zalloc(d->arena, sizeof(*a));
    size_t seen;

    if (a == NULL)
        return;
    if (!d->worker.is_known) {
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_NOTICE,
            .text = doctor_text(d, "nothing can be said: there is no user \"%s\" here",
                                d->worker.name),
        });
        return;
    }
    a->d = d;
    a->questions = access_create(ACCESS_QUESTIONS_MAX);
    if (a->questions == NULL) {
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_WARNING,
            .text = doctor_text(d, "nothing could be asked (%d: %s)", errno, strerror(errno)),
        });
        return;
    }
    gather(a);
    if (!access_ask(&d->worker, d->method, a->questions, a->count)) {
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_ERROR,
            .text = doctor_text(d, "it was not possible to look as %s does", d->worker.name),
        });
    } else {
        seen = tell_all(a);
        if (d->worst == DOCTOR_FINE)
            doctor_fine(d, "user %s %s: %zu seen%s", d->worker.name, fine, seen,
                        seen < a->count ? doctor_text(d, ", and %zu are not ours to see",
                                                      a->count - seen).p : "");
    }
    access_free(a->questions, ACCESS_QUESTIONS_MAX);
}

/* ---- what is read -------------------------------------------------------------------------- */

static void
gather_index(struct asking *a, const struct doctor_place *place, const char *folder)
{
    const struct asked asked = { .name = STR("index"), .where = place->where,
                                 .may_be_missing = true, .refused = DOCTOR_ERROR };

    for (uint32_t i = 0; i < place->index.len; i++) {
        struct str path = doctor_text(a->d, "%s%s%.*s", folder,
                                      folder[strlen(folder) - 1] == '/' ? "" : "/",
                                      STR_ARG(place->index.items[i]));

        ask(a, path.p, R_OK, &asked);
    }
}

static void
gather_read(struct asking *a)
{
    const struct asked working = { .name = STR("working_directory"), .refused = DOCTOR_ERROR };

    ask(a, a->d->rt->main->working_directory.p, X_OK, &working);
    for (uint32_t i = 0; i < a->d->places.len; i++) {
        const struct doctor_place *place = &a->d->places.items[i];
        struct asked asked = { .name = place->name, .where = place->where,
                               .is_private = place->kind == DOCTOR_USERS,
                               .is_page = place->kind == DOCTOR_PAGE, .refused = DOCTOR_ERROR };
        struct stat st;
        bool is_folder = stat(place->path.p, &st) != 0 ? place->kind == DOCTOR_ROOT
                                                       : S_ISDIR(st.st_mode);

        ask(a, place->path.p, !is_folder ? R_OK : place->lists ? R_OK | X_OK : X_OK, &asked);
        if (place->kind == DOCTOR_ROOT && !place->is_cut && is_folder)
            gather_index(a, place, place->path.p);
    }
}

static void
check_read(struct doctor *d)
{
    ask_all(d, gather_read, tell_answers, "may open what the configuration names");
}

/* A root that is a file gives 404 for all but itself; an alias of one file is usual. */
static void
check_kinds(struct doctor *d)
{
    for (uint32_t i = 0; i < d->places.len; i++) {
        const struct doctor_place *place = &d->places.items[i];
        struct stat st;

        if (place->kind != DOCTOR_ROOT || !str_eq(place->name, STR("root"))
            || stat(place->path.p, &st) != 0 || S_ISDIR(st.st_mode))
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_ERROR, .about = doctor_text(d, "root %s", place->path.p),
            .text = STR("it is no folder"), .why = STR("clients get 404 for all of it"),
            .mend = doctor_text(d, "alias %s;    # in a \"location = …\", for a single file",
                                place->path.p),
            .where = place->where,
        });
    }
}

/* ---- what is written ----------------------------------------------------------------------- */

static bool
gather_grant(void *ctx, struct str path, enum http_access access)
{
    struct asking *a = ctx;
    const struct asked asked = {
        .name = access == HTTP_LOGS ? STR("access_log") : STR("written"), .may_be_missing = true,
        .refused = DOCTOR_ERROR
    };
    struct stat st;

    if (access == HTTP_READS)
        return true;
    for (const struct http_folder *f = a->d->rt->setup.folders; f != NULL; f = f->next)
        if (str_eq(f->path, path))      /* the master makes it, and gives it to them */
            return true;
    if (stat(path.p, &st) == 0)
        ask(a, path.p, S_ISDIR(st.st_mode) ? W_OK | X_OK : W_OK, &asked);
    return true;
}

static void
gather_written(struct asking *a)
{
    http_grants_each(&a->d->rt->setup, gather_grant, a);
}

static void
check_written(struct doctor *d)
{
    ask_all(d, gather_written, tell_answers, "may write where clients and logs want it to");
}

/* ---- who else may write -------------------------------------------------------------------- */

static void
check_open_folders(struct doctor *d)
{
    for (uint32_t i = 0; i < d->places.len; i++) {
        const struct doctor_place *place = &d->places.items[i];
        struct stat st;

        if (stat(place->path.p, &st) != 0 || !(st.st_mode & S_IWOTH) || place->is_cut)
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = place->kind == DOCTOR_USERS ? DOCTOR_ERROR : DOCTOR_WARNING,
            .about = doctor_text(d, "%.*s %s", STR_ARG(place->name), place->path.p),
            .text = doctor_text(d, "everybody on this machine may write to it (mode %04o)",
                                (unsigned)st.st_mode & 07777),
            .why = place->kind == DOCTOR_USERS ? STR("anybody can give himself a password")
                                               : STR("anybody can change what clients are sent"),
            .mend = doctor_text(d, "chmod o-w %s", doctor_shell(d, place->path.p)),
            .where = place->where,
        });
    }
}

static bool
is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    while (len > 1 && folder[len - 1] == '/')
        len--;
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

static bool
is_dotted(const char *path)
{
    return strstr(path, "/.") != NULL;
}

static void
check_exposed_users(struct doctor *d, const struct doctor_place *users)
{
    for (uint32_t i = 0; i < d->places.len; i++) {
        const struct doctor_place *root = &d->places.items[i];

        if (root->kind != DOCTOR_ROOT || root->is_cut || !is_below(users->path.p, root->path.p)
            || (is_dotted(users->path.p + root->path.len) && !root->serves_hidden))
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_ERROR, .about = doctor_text(d, "%.*s %s", STR_ARG(users->name),
                                                        users->path.p),
            .text = doctor_text(d, "it lies below %s, which is served", root->path.p),
            .why = STR("whoever asks for it may get the names and the hashes of all passwords"),
            .mend = doctor_text(d, "mv %s ELSEWHERE    # and change the line",
                                doctor_shell(d, users->path.p)),
            .where = users->where,
        });
        return;
    }
}

static void
check_users(struct doctor *d)
{
    for (uint32_t i = 0; i < d->places.len; i++) {
        const struct doctor_place *place = &d->places.items[i];
        struct stat st;

        if (place->kind != DOCTOR_USERS || stat(place->path.p, &st) != 0)
            continue;
        check_exposed_users(d, place);
        if (!(st.st_mode & S_IROTH))
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_WARNING,
            .about = doctor_text(d, "%.*s %s", STR_ARG(place->name), place->path.p),
            .text = doctor_text(d, "everybody on this machine may read the hashes of passwords "
                                "(mode %04o)", (unsigned)st.st_mode & 07777),
            .why = STR("hashes can be guessed, on a machine of whoever has them"),
            .mend = doctor_text(d, "setfacl -m u:%s:r %s && chmod o-r %s", d->worker.name,
                                doctor_shell(d, place->path.p), doctor_shell(d, place->path.p)),
            .where = place->where,
        });
    }
}

/* ---- what lies in a root ------------------------------------------------------------------- */

/* "a, b, c and 4 more" */
static struct str
names_text(const struct doctor *d, const struct scan_names *names)
{
    struct writer w = writer_in(d->arena);

    for (uint32_t i = 0; i < names->list.len && i < NAMES_TOLD; i++) {
        if (i > 0)
            write_str(&w, STR(", "));
        write_str(&w, names->list.items[i]);
    }
    if (names->list.len > NAMES_TOLD)
        write_fmt(&w, " and %u more", names->list.len - NAMES_TOLD);
    return writer_str(&w);
}

/* What is in a folder and should not be. */
static const struct {
    enum scan_kind kind;
    enum doctor_level level;
    const char *text, *why;
} exposed[] = {
    { SCAN_KEY, DOCTOR_ERROR, "private keys",
      "whoever has such a key can pass for its owner; replace it, too, if it was served" },
    { SCAN_BACKUP, DOCTOR_WARNING, "copies that editors and people leave behind",
      "they are sent as text to whoever guesses the name, with what is secret in them" },
    { SCAN_DUMP, DOCTOR_WARNING, "dumps of databases",
      "they are sent to whoever guesses the name" },
};

static void
tell_exposed(struct doctor *d, const struct doctor_place *place, const struct scan *scan)
{
    for (size_t i = 0; i < ARRAY_LEN(exposed); i++) {
        const struct scan_names *names = &scan->found[exposed[i].kind];
        struct str list = names_text(d, names);

        if (names->list.len == 0)
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = exposed[i].level, .about = doctor_text(d, "%.*s %s", STR_ARG(place->name),
                                                            place->path.p),
            .text = doctor_text(d, "it has %s: %.*s", exposed[i].text, STR_ARG(list)),
            .why = str_of(exposed[i].why),
            .mend = doctor_text(d, "mv %s/%s ELSEWHERE", doctor_shell(d, place->path.p),
                                doctor_shell(d, names->list.items[0].p)),
            .where = place->where,
        });
    }
}

/* Names that begin with a dot are answered with 404, unless the conf file wants them served. */
static void
tell_hidden(struct doctor *d, const struct doctor_place *place, const struct scan *scan)
{
    const struct scan_names *names = &scan->found[SCAN_HIDDEN];
    struct str list = names_text(d, names);

    if (names->list.len == 0)
        return;
    doctor_add(d, &(struct doctor_finding){
        .level = place->serves_hidden ? DOCTOR_ERROR : DOCTOR_NOTICE,
        .about = doctor_text(d, "%.*s %s", STR_ARG(place->name), place->path.p),
        .text = doctor_text(d, "it has %.*s; %s", STR_ARG(list), place->serves_hidden
                            ? "whoever asks gets that, by \"serve_hidden on\""
                            : "whoever asks gets 404, as \"serve_hidden\" is off"),
        .why = place->serves_hidden
            ? STR("sources, their history and passwords lie in such files") : STR_NONE,
        .mend = place->serves_hidden ? STR("serve_hidden off;") : STR_NONE,
        .where = place->where,
    });
}

static void
check_exposed(struct doctor *d)
{
    unsigned folders = 0;

    for (uint32_t i = 0; i < d->places.len; i++) {
        const struct doctor_place *place = &d->places.items[i];
        const struct scan *scan = scan_of(d, place);

        if (scan == NULL)
            continue;
        folders++;
        tell_exposed(d, place, scan);
        tell_hidden(d, place, scan);
    }
    if (d->worst == DOCTOR_FINE && folders > 0)
        doctor_fine(d, "no keys, dumps or copies at the top of %u folder%s that %s served", folders,
                    folders == 1 ? "" : "s", folders == 1 ? "is" : "are");
}

/* Which is asked for by its name. */
static bool
is_index(const struct doctor_place *place, struct str name)
{
    for (uint32_t i = 0; i < place->index.len; i++)
        if (str_eq(place->index.items[i], name))
            return true;
    return false;
}

static void
gather_entries(struct asking *a)
{
    for (uint32_t i = 0; i < a->d->places.len; i++) {
        const struct doctor_place *place = &a->d->places.items[i];
        const struct scan *scan = scan_of(a->d, place);
        const struct asked asked = { .place = place };

        for (uint32_t n = 0; scan != NULL && n < scan->entries.len; n++) {
            const struct scan_entry *e = &scan->entries.items[n];

            if (!is_index(place, e->name))
                ask(a, doctor_text(a->d, "%s/%s", place->path.p, e->name.p).p,
                    e->is_folder ? X_OK : R_OK, &asked);
        }
    }
}

static void
check_entries(struct doctor *d)
{
    ask_all(d, gather_entries, tell_entries, "may open what lies at the top of each folder");
}

static const struct doctor_check checks[] = {
    { "access", check_read, "" },
    { "kinds", check_kinds, "each root is a folder" },
    { "entries", check_entries, "" },
    { "written", check_written, "" },
    { "open", check_open_folders, "nobody else may write to what is served" },
    { "passwords", check_users, "no file of passwords is open to others" },
    { "exposed", check_exposed, "there is no folder to look into" },
};
const struct doctor_group doctor_files = DOCTOR_GROUP("files", checks);
