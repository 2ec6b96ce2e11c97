/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_basic: who may, by name and password: "auth_basic "staff"; auth_basic_user_file passwords;"
 *
 * A slow hash is made by a thread (event/offload.h), which has a copy of password and hash and
 * touches nothing else. Whoever is not in the file costs what somebody does who is.
 */
#include "base/clock.h"
#include "base/counters.h"
#include "event/offload.h"
#include "http/access.h"
#include "http/engine.h"
#include "http/grants.h"
#include "http/login.h"
#include "http/password.h"
#include "http/threads.h"
#include "http/user_file.h"
#include "http/verified.h"
#include <errno.h>
#include <stdlib.h>

/* auth_basic_cache */
struct memory {
    uint32_t max;               /* 0: off */
    uint64_t valid_ms;
};

/* auth_basic_user_file: a path, relative to the folder of the conf file. */
struct user_file_path {
    struct http_text text;      /* literal: the whole path */
    struct str folder;          /* of the conf file, with "/" at its end */
};

struct realm {
    struct http_text text;
    const struct conf_word *word;       /* while the file is read */
    struct conf_mark mark;
};

struct auth_basic_conf {
    struct realm realm;
    struct user_file_path file;
    struct thread_limits threads;
    struct memory memory;
};

/* What a worker has of it. */
struct logins {
    struct user_files *files;
    struct verified *verified;  /* NULL: nothing is remembered */
    struct offload *offload;    /* NULL: none was needed yet */
};

/* ---- the conf file ------------------------------------------------------------------------- */

static bool
parse_realm(struct conf *conf, const struct conf_node *node, void *field)
{
    struct realm *realm = field;

    realm->word = &node->words[0];
    realm->mark = conf_mark_of(conf, &node->words[0]);
    return http_text_of_word(conf, &node->words[1], &realm->text);
}

static bool
parse_user_file(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct conf_word *word = &node->words[1];
    struct user_file_path *file = field;
    struct str path;

    if (!http_text_of_word(conf, word, &file->text))
        return false;
    if (!http_text_is_literal(&file->text)) {
        if (file->text.pieces[0].var != NULL)
            http_grant_check(conf, word, &file->text);
        file->folder = conf_path_by_file(conf, STR(""));
        return str_is_set(file->folder) || conf_no_memory(conf);
    }
    path = conf_path_by_file(conf, file->text.source);
    if (!str_is_set(path))
        return conf_no_memory(conf);
    return http_text_compile_after(conf, word, path.len, path, &file->text);
}

static bool
parse_memory_word(struct conf *conf, const struct conf_word *word, struct memory *memory)
{
    enum { MEMORY_MAX = 1000000 };
    uint64_t max;

    if (str_starts(word->text, STR("max="))) {
        if (!word_uint(conf, word, str_from(word->text, sizeof("max=") - 1), MEMORY_MAX, &max))
            return false;
        memory->max = (uint32_t)max;
        return true;
    }
    if (str_starts(word->text, STR("valid=")))
        return word_ms(conf, word, str_from(word->text, sizeof("valid=") - 1), &memory->valid_ms);
    conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
    conf_hint(conf, "known: off, max=NUMBER, valid=TIME");
    return false;
}

static bool
parse_memory(struct conf *conf, const struct conf_node *node, void *field)
{
    struct memory memory = { .max = 1000, .valid_ms = 60000 };

    if (node->count == 2 && str_eq(node->words[1].text, STR("off")))
        memory.max = 0;
    else
        for (uint32_t i = 1; i < node->count; i++)
            if (!parse_memory_word(conf, &node->words[i], &memory))
                return false;
    if (memory.valid_ms == 0)
        memory.max = 0;
    *(struct memory *)field = memory;
    return true;
}

/* "off" among variables is found when a request comes. */
static bool
asks_nobody(const struct auth_basic_conf *ac)
{
    return http_text_is_literal(&ac->realm.text)
           && str_eq(ac->realm.text.source, STR("off"));
}

static bool
has_file(const struct auth_basic_conf *ac)
{
    return str_is_set(ac->file.text.source);
}

/* Without a file nobody is asked, as nginx has it; the operator may think otherwise. */
static bool
auth_basic_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    const struct auth_basic_conf *ac = slot;

    if (scope->where == IN_HTTP || asks_nobody(ac) || has_file(ac))
        return true;
    conf_warn(conf, ac->realm.word, "\"auth_basic\" asks nobody without \"auth_basic_user_file\"");
    return true;
}

static bool
auth_basic_wanted(const void *slot)
{
    const struct auth_basic_conf *ac = slot;

    return !asks_nobody(ac) && has_file(ac);
}

/* ---- a worker's part ----------------------------------------------------------------------- */

static void
stop(struct http_worker *worker)
{
    struct logins *logins = worker->logins;

    if (logins == NULL)
        return;
    worker->logins = NULL;
    offload_destroy(logins->offload);
    verified_destroy(logins->verified);
    user_files_destroy(logins->files);
    free(logins);
}

/* Made when the first password comes; NULL when memory is short. */
static struct logins *
logins_of(struct http_worker *worker, const struct auth_basic_conf *ac)
{
    struct logins *logins = worker->logins;

    if (logins != NULL)
        return logins;
    if ((worker->logins = logins = calloc(1, sizeof(*logins))) == NULL)
        return NULL;
    logins->files = user_files_create();
    if (ac->memory.max > 0)
        logins->verified = verified_create(ac->memory.max, ac->memory.valid_ms);
    if (logins->files != NULL && (logins->verified != NULL || ac->memory.max == 0))
        return logins;
    stop(worker);
    return NULL;
}

/* ---- comparing ----------------------------------------------------------------------------- */

struct job;

/*
 * A password and a hash that were, or are being, compared for a request. Asked again, after it has
 * waited or at another place, the same two are not compared anew.
 */
struct login_check {
    struct http_request *req;
    struct job *job;            /* NULL: it is over */
    struct str hash;
    bool fits;
    int error;                  /* ENOMEM: they could not be compared */
};

/* What a thread gets. The texts and their NULs stand behind it. */
struct job {
    struct offload_job job;
    struct logins *logins;      /* for the loop */
    struct login_check *check;  /* for the loop */
    bool may_be_remembered, fits;
    int error;                  /* of password_fits */
    uint8_t key[VERIFIED_KEY_SIZE];
    struct str password, hash;
    size_t texts_len;
    char texts[];
};

static void
run_job(struct offload_job *oj)
{
    struct job *job = CONTAINER_OF(oj, struct job, job);

    job->fits = password_fits(job->password, job->hash);
    job->error = errno;
}

static void
drop_job(struct offload_job *oj)
{
    struct job *job = CONTAINER_OF(oj, struct job, job);

    explicit_bzero(job, sizeof(*job) + job->texts_len);
    free(job);
}

static void
job_done(struct offload_job *oj)
{
    struct job *job = CONTAINER_OF(oj, struct job, job);
    struct login_check *check = job->check;

    check->job = NULL;
    check->fits = job->fits;
    check->error = job->error;
    if (job->fits && job->may_be_remembered)
        verified_add(job->logins->verified, job->key, now.mono_ms);
    drop_job(oj);
    http_resume(check->req);
}

/* The request ends before the answer is there. */
static void
forget_job(void *data)
{
    struct login_check *check = data;

    if (check->job != NULL)
        offload_forget(check->job->logins->offload, &check->job->job);
}

/* A name, its password, and what to compare it with. */
struct attempt {
    struct http_request *req;
    const struct conf_mark *mark;       /* of auth_basic */
    struct logins *logins;
    const struct http_login *login;
    const struct user_file *file;
    struct str path;            /* of the file */
    bool is_known;              /* the file has the name */
    struct str hash;
    bool is_own;                /* it is the name's hash, not another's that costs the same */
};

static struct job *
make_job(const struct attempt *a)
{
    size_t texts_len = a->login->password.len + a->hash.len + 2;
    struct job *job = calloc(1, sizeof(*job) + texts_len);

    if (job == NULL)
        return NULL;
    job->job.run = run_job;
    job->job.done = job_done;
    job->job.drop = drop_job;
    link_init(&job->job.link);
    job->logins = a->logins;
    job->texts_len = texts_len;
    job->password = (struct str){ job->texts, a->login->password.len };
    job->hash = (struct str){ job->texts + a->login->password.len + 1, a->hash.len };
    memcpy(job->texts, a->login->password.p, a->login->password.len);
    memcpy(job->texts + a->login->password.len + 1, a->hash.p, a->hash.len);
    return job;
}

static struct login_check *
make_check(const struct attempt *a)
{
    struct login_check *check = ARENA_NEW(a->req->arena, struct login_check);

    if (check == NULL)
        return NULL;
    check->req = a->req;
    check->hash = arena_str(a->req->arena, a->hash);
    if (!str_is_set(check->hash) || !arena_defer(a->req->arena, forget_job, check))
        return NULL;
    return check;
}

static bool
have_threads(struct logins *logins, const struct http_request *req,
             const struct auth_basic_conf *ac)
{
    if (logins->offload == NULL)
        logins->offload = offload_create(req->worker->loop, ac->threads.count, ac->threads.queue);
    if (logins->offload == NULL)
        LOG(&req->log, CRIT, errno, "no threads to compare passwords");
    return logins->offload != NULL;
}

static enum http_next
refuse_busy(struct http_request *req)
{
    LOG(&req->log, ERR, 0, "too many passwords wait to be compared");
    stats->auth_basic_rejected++;
    req->error_field = (struct http_field){ STR("Retry-After"), STR("1") };
    return http_fail(req, HTTP_SERVICE_UNAVAILABLE);
}

/* HTTP_AGAIN, or an answer. */
static enum http_next
compare_by_thread(const struct attempt *a, const uint8_t *key)
{
    struct http_request *req = a->req;
    struct login_check *check = make_check(a);
    struct job *job = check != NULL ? make_job(a) : NULL;
    enum offload_put put;

    if (job == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (key != NULL)
        memcpy(job->key, key, sizeof(job->key));
    job->may_be_remembered = key != NULL && a->is_own;
    job->check = check;
    put = offload_put(a->logins->offload, &job->job);
    if (put == OFFLOAD_TAKEN) {
        stats->auth_basic_hashed++;
        check->job = job;
        req->login_check = check;
        return HTTP_AGAIN;
    }
    if (put == OFFLOAD_FAILED)
        LOG(&req->log, CRIT, errno, "pthread_create() failed");
    drop_job(&job->job);
    return refuse_busy(req);
}

/* ---- verdicts ------------------------------------------------------------------------------ */

/* A quoted-string (RFC 9110 5.6.4). */
static struct str
challenge_for(struct http_request *req, struct str realm)
{
    struct writer w = writer_in(req->arena);

    write_str(&w, STR("Basic realm=\""));
    for (size_t i = 0; i < realm.len; i++) {
        if (realm.p[i] == '"' || realm.p[i] == '\\')
            write_char(&w, '\\');
        write_char(&w, realm.p[i]);
    }
    write_char(&w, '"');
    return writer_str(&w);
}

static enum http_next
ask_password(struct http_request *req, struct str realm)
{
    struct str challenge = challenge_for(req, realm);

    if (!str_is_set(challenge))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    access_ask_password(req, challenge);
    return http_fail(req, HTTP_UNAUTHORIZED);
}

/* That the password fits the hash of another counts for nothing. */
static enum http_next
decide(const struct attempt *a, struct str realm, bool fits)
{
    HTTP_TRACE(a->req, a->mark, "auth_basic: user \"%.*s\" %s", STR_ARG(a->login->name),
               a->is_own && fits ? "has this password"
               : a->is_known     ? "has another password"
                                 : "is not in the file");
    if (a->is_own && fits)
        return access_allow(a->req);
    if (a->is_known)
        LOG(&a->req->log, ERR, 0, "user \"%.*s\": password mismatch", STR_ARG(a->login->name));
    else
        LOG(&a->req->log, ERR, 0, "user \"%.*s\" was not found in \"%.*s\"",
            STR_ARG(a->login->name), STR_ARG(a->path));
    return ask_password(a->req, realm);
}

/* Who is told that a right password is wrong is asked for another. */
static enum http_next
fail_comparison(const struct attempt *a, int error)
{
    LOG(&a->req->log, CRIT, error, "user \"%.*s\": the password cannot be compared",
        STR_ARG(a->login->name));
    return http_fail(a->req, HTTP_INTERNAL_ERROR);
}

static enum http_next
try_password(const struct attempt *a, const struct auth_basic_conf *ac, struct str realm)
{
    const struct verified_login vl = { a->login->name, a->login->password, a->hash };
    const struct login_check *check = a->req->login_check;
    uint8_t key[VERIFIED_KEY_SIZE];
    bool has_key;

    if (check != NULL && check->job != NULL)
        return HTTP_AGAIN;
    if (check != NULL && str_eq(check->hash, a->hash))
        return check->error != 0 ? fail_comparison(a, check->error)
                                 : decide(a, realm, check->fits);
    if (a->hash.len == 0)
        return decide(a, realm, false);
    if (!password_is_slow(a->hash)) {
        bool fits = password_fits(a->login->password, a->hash);

        stats->auth_basic_hashed++;
        return errno != 0 ? fail_comparison(a, errno) : decide(a, realm, fits);
    }
    has_key = a->logins->verified != NULL && verified_key(a->logins->verified, &vl, key);
    if (has_key && verified_has(a->logins->verified, key, now.mono_ms)) {
        stats->auth_basic_remembered++;
        return decide(a, realm, true);
    }
    if (!have_threads(a->logins, a->req, ac))
        return refuse_busy(a->req);
    return compare_by_thread(a, has_key ? key : NULL);
}

/* A relative path with variables is below the folder of the conf file. */
static bool
auth_basic_grants(struct conf *conf, const struct location_settings *settings, const void *slot)
{
    const struct auth_basic_conf *ac = slot;
    struct str path;

    (void)settings;
    if (!auth_basic_wanted(slot) || ac->file.text.source.len == 0)
        return true;
    if (http_text_is_literal(&ac->file.text) || ac->file.text.pieces[0].var != NULL
        || str_starts(ac->file.text.source, STR("/")))
        return http_grant_text(conf, &ac->file.text, HTTP_READS);
    path = arena_fmt(conf->arena, "%.*s%.*s", STR_ARG(ac->file.folder),
                     STR_ARG(http_fixed_folder(&ac->file.text)));
    return str_is_set(path) ? http_grant(conf, path, HTTP_READS) : conf_no_memory(conf);
}

/* ---- requests ------------------------------------------------------------------------------ */

/* NUL-terminated; STR_NONE when memory is short. */
static struct str
path_of(struct http_request *req, const struct user_file_path *file)
{
    struct str value = http_text_eval(req, &file->text);
    struct writer w;
    const char *path;

    if (http_text_is_literal(&file->text) || !str_is_set(value))
        return value;
    w = writer_in(req->arena);
    if (!str_starts(value, STR("/")))
        write_str(&w, file->folder);
    write_str(&w, value);
    path = writer_cstr(&w);
    return str_of(path);        /* a NUL in the value ends it, as it does for the system */
}

static enum http_next
look_up(struct attempt *a, const struct auth_basic_conf *ac, struct str realm)
{
    struct http_request *req = a->req;

    a->logins = logins_of(req->worker, ac);
    a->path = path_of(req, &ac->file);
    if (a->logins == NULL || !str_is_set(a->path))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    a->file = user_files_get(a->logins->files, a->path, &req->log);
    if (a->file == NULL)
        return http_fail(req, errno == ENOENT ? HTTP_FORBIDDEN : HTTP_INTERNAL_ERROR);
    a->hash = user_file_find(a->file, a->login->name);
    a->is_known = str_is_set(a->hash);
    a->is_own = a->hash.len > 0;
    if (!a->is_own)
        a->hash = user_file_usual(a->file);
    return try_password(a, ac, realm);
}

static enum http_next
auth_basic_handle(struct http_request *req, const void *slot)
{
    const struct auth_basic_conf *ac = slot;
    struct attempt attempt = { .req = req, .mark = &ac->realm.mark, .login = http_login_of(req) };
    struct str realm = http_text_eval(req, &ac->realm.text);

    if (!str_is_set(realm))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (str_eq(realm, STR("off")))
        return HTTP_PASS;
    if (attempt.login == NULL) {
        HTTP_TRACE(req, attempt.mark, "auth_basic: no name and password were sent");
        LOG(&req->log, INFO, 0, "no user/password was provided for basic authentication");
        return ask_password(req, realm);
    }
    return look_up(&attempt, ac, realm);
}

#define PLACE .where = IN_HTTP_ALL | IN_LIMIT_EXCEPT, .args = { 1, 1 }
#define AUTH_FIELD(member) FIELD(struct auth_basic_conf, member)

static const struct directive auth_basic_directives[] = {
    { "auth_basic", PLACE, .parse = parse_realm, AUTH_FIELD(realm), .initial = "off" },
    { "auth_basic_user_file", PLACE, .parse = parse_user_file, AUTH_FIELD(file) },
    { "auth_basic_threads", .where = IN_HTTP, .args = { 1, 2 }, .parse = parse_threads,
      AUTH_FIELD(threads), .initial = "2 queue=256" },
    { "auth_basic_cache", .where = IN_HTTP, .args = { 1, 2 }, .parse = parse_memory,
      AUTH_FIELD(memory), .initial = "max=1000 valid=60s" },
    { 0 }
};

const struct http_module auth_basic_module = {
    .name = "auth_basic",
    .directives = auth_basic_directives,
    .conf_size = sizeof(struct auth_basic_conf),
    .check = auth_basic_check,
    .phase = PHASE_ACCESS,
    .handle = auth_basic_handle,
    .wanted = auth_basic_wanted,
    .grants = auth_basic_grants,
    .worker_stop = stop,
};
