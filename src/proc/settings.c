/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/settings.h"

#include "conf/log_output.h"
#include "event/thread_pools.h"
#include "net/address.h"
#include "proc/control_server.h"
#include "proc/cpus.h"
#include "proc/runtime.h"

#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

static struct runtime *
runtime_of(const struct conf *conf)
{
    return conf->owner;
}

/* The words of a default stand in no file. */
static bool
is_default(const struct conf_node *node)
{
    return node->words[0].pos.file == NULL;
}

static bool
invalid_value(struct conf *conf, const struct conf_node *node, uint32_t i)
{
    return conf_error(conf, &node->words[i], "invalid value \"%.*s\" in \"%.*s\" directive",
                      STR_ARG(node->words[i].text), STR_ARG(node->words[0].text));
}

/* ---- accepted without effect: the arguments must make sense all the same ------------------- */

static bool
ignore_flag(struct conf *conf, const struct conf_node *node, void *field)
{
    bool value;

    return word_flag(conf, &node->words[1], &value) && parse_ignored(conf, node, field);
}

static bool
ignore_ms(struct conf *conf, const struct conf_node *node, void *field)
{
    uint64_t ms;

    return word_ms(conf, &node->words[1], node->words[1].text, &ms)
        && parse_ignored(conf, node, field);
}

static bool
ignore_uint(struct conf *conf, const struct conf_node *node, void *field)
{
    uint64_t value;

    return word_uint(conf, &node->words[1], node->words[1].text, UINT32_MAX, &value)
        && parse_ignored(conf, node, field);
}

static bool
ignore_debug_points(struct conf *conf, const struct conf_node *node, void *field)
{
    struct str what = node->words[1].text;

    if (str_eq(what, STR("stop")) || str_eq(what, STR("abort")))
        return parse_ignored(conf, node, field);
    invalid_value(conf, node, 1);
    conf_hint(conf, "one of stop, abort");
    return false;
}

/* ---- thread_pool --------------------------------------------------------------------------- */

/* "threads=N", "max_queue=N" */
static bool
parse_pool_word(struct conf *conf, const struct conf_word *word, struct thread_pool *pool)
{
    enum { AT_MOST = 1 << 20 };         /* their sum is a number of jobs */
    bool is_threads = str_starts(word->text, STR("threads="));
    uint64_t n;

    if (!is_threads && !str_starts(word->text, STR("max_queue=")))
        return conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
    if (!str_to_uint(str_from(word->text, is_threads ? 8 : 10), AT_MOST, &n)
        || (is_threads && n == 0))
        return conf_error(conf, word, "invalid %s value \"%.*s\"",
                          is_threads ? "threads" : "max_queue", STR_ARG(word->text));
    *(is_threads ? &pool->threads : &pool->queue) = (uint32_t)n;
    return true;
}

/* "NAME threads=N [max_queue=N]"; the pool called "default" may leave threads to us. */
static bool
parse_thread_pool(struct conf *conf, const struct conf_node *node, void *field)
{
    struct thread_pool **end = &runtime_of(conf)->setup.thread_pools;
    struct thread_pool *pool = ARENA_NEW(conf->arena, struct thread_pool);

    (void)field;
    if (pool == NULL || !str_is_set(pool->name = arena_str(conf->arena, node->words[1].text)))
        return conf_no_memory(conf);
    if (thread_pool_find(*end, pool->name) != NULL)
        return conf_error(conf, &node->words[1], "duplicate thread pool \"%.*s\"",
                          STR_ARG(pool->name));
    pool->threads = str_eq(pool->name, STR("default")) ? POOL_THREADS : 0;
    pool->queue = POOL_QUEUE;
    for (uint32_t i = 2; i < node->count; i++)
        if (!parse_pool_word(conf, &node->words[i], pool))
            return false;
    if (pool->threads == 0)
        return conf_error(conf, &node->words[0], "\"thread_pool\" must have \"threads\" parameter");
    for (; *end != NULL; end = &(*end)->next)
        pool->number++;
    *end = pool;
    return true;
}

/* ---- who the workers are ------------------------------------------------------------------- */

static bool
no_such_name(struct conf *conf, const struct conf_word *word, const char *function,
             struct str name)
{
    conf_error(conf, word, "%s(\"%.*s\") failed", function, STR_ARG(name));
    conf_hint(conf, "there is no such %s", function[3] == 'g' ? "group" : "user");
    return false;
}

/*
 * word: where to complain, NULL when nobody wrote the name. Names are NUL-terminated, as words
 * are.
 */
static bool
resolve_user(struct conf *conf, const struct conf_word *word, struct worker_user *user)
{
    const struct passwd *pw = getpwnam(user->name.p);
    const struct group *gr;

    if (pw == NULL)
        return no_such_name(conf, word, "getpwnam", user->name);
    user->uid = pw->pw_uid;
    user->gid = pw->pw_gid;
    gr = getgrnam(str_is_set(user->group) ? user->group.p : user->name.p);
    if (gr == NULL && str_is_set(user->group))
        return no_such_name(conf, word != NULL ? word + 1 : NULL, "getgrnam", user->group);
    if (gr != NULL)
        user->gid = gr->gr_gid;
    user->resolved = true;
    return true;
}

static bool
parse_user(struct conf *conf, const struct conf_node *node, void *field)
{
    struct worker_user *user = field;

    user->name = arena_str(conf->arena, node->words[1].text);
    if (node->count > 2)
        user->group = arena_str(conf->arena, node->words[2].text);
    if (!str_is_set(user->name) || (node->count > 2 && !str_is_set(user->group)))
        return conf_no_memory(conf);
    if (is_default(node))
        return true;
    if (geteuid() == 0)
        return resolve_user(conf, &node->words[1], user);
    conf_warn(conf, &node->words[0], "the \"user\" directive makes sense only if the master "
              "process runs with super-user privileges, ignored");
    return true;
}

/*
 * The default is looked up only where it is needed: a process that is its own worker stays who it
 * is.
 */
static bool
settle_user(struct conf *conf, struct main_settings *s)
{
    if (s->user.resolved || geteuid() != 0 || !s->master_process)
        return true;
    return resolve_user(conf, NULL, &s->user);
}

/* ---- workers ------------------------------------------------------------------------------- */

enum { WORKERS_MAX = 1024 };

static bool
parse_worker_processes(struct conf *conf, const struct conf_node *node, void *field)
{
    uint32_t *count = field;
    uint64_t n;

    if (str_eq(node->words[1].text, STR("auto"))) {
        *count = MIN(cpus_usable(), (unsigned)WORKERS_MAX);
        return true;
    }
    if (!str_to_uint(node->words[1].text, WORKERS_MAX, &n) || n == 0) {
        invalid_value(conf, node, 1);
        conf_hint(conf, "a number from 1 to %d, or auto", WORKERS_MAX);
        return false;
    }
    *count = (uint32_t)n;
    return true;
}

static bool
parse_priority(struct conf *conf, const struct conf_node *node, void *field)
{
    struct str text = node->words[1].text;
    bool minus = str_starts(text, STR("-"));
    uint64_t n;

    if (!str_to_uint(str_from(text, minus ? 1 : 0), 20, &n)) {
        invalid_value(conf, node, 1);
        conf_hint(conf, "a number from -20 to 20");
        return false;
    }
    *(int32_t *)field = minus ? -(int32_t)n : (int32_t)n;
    return true;
}

static bool
parse_rlimit_core(struct conf *conf, const struct conf_node *node, void *field)
{
    struct core_limit *limit = field;

    limit->given = true;
    return word_size(conf, &node->words[1], node->words[1].text, &limit->bytes);
}

/* "0110": the lowest processor stands last. */
static bool
parse_mask(struct conf *conf, const struct conf_word *word, cpu_set_t *mask)
{
    struct str text = word->text;

    CPU_ZERO(mask);
    if (text.len == 0 || text.len > CPU_SETSIZE)
        return conf_error(conf, word, "\"worker_cpu_affinity\" supports up to %d CPUs only",
                          CPU_SETSIZE);
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '1')
            CPU_SET(text.len - 1 - i, mask);
        else if (text.p[i] != '0')
            return conf_error(conf, word, "invalid character \"%c\" in \"worker_cpu_affinity\"",
                              text.p[i]);
    }
    if (CPU_COUNT(mask) == 0)
        return conf_error(conf, word, "\"%.*s\" leaves a worker no processor", STR_ARG(text));
    return true;
}

/* One mask for each processor of `all`. */
static bool
one_each(struct conf *conf, const cpu_set_t *all, struct cpu_affinity *affinity)
{
    affinity->masks = ARENA_ARRAY(conf->arena, cpu_set_t, (size_t)CPU_COUNT(all));
    if (affinity->masks == NULL)
        return conf_no_memory(conf);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, all))
            CPU_SET(cpu, &affinity->masks[affinity->count++]);
    return true;
}

static bool
parse_affinity(struct conf *conf, const struct conf_node *node, void *field)
{
    struct cpu_affinity *affinity = field;
    cpu_set_t all;

    *affinity = (struct cpu_affinity){ .automatic = str_eq(node->words[1].text, STR("auto")) };
    if (affinity->automatic) {
        if (node->count > 3)
            return conf_error(conf, &node->words[3], "invalid number of arguments in "
                              "\"worker_cpu_affinity\" directive");
        if (node->count == 3)
            return parse_mask(conf, &node->words[2], &all) && one_each(conf, &all, affinity);
        if (sched_getaffinity(0, sizeof(all), &all) != 0)
            return conf_error(conf, &node->words[1], "sched_getaffinity() failed (%d: %s)", errno,
                              strerror(errno));
        return one_each(conf, &all, affinity);
    }
    affinity->masks = ARENA_ARRAY(conf->arena, cpu_set_t, node->count - 1);
    if (affinity->masks == NULL)
        return conf_no_memory(conf);
    for (uint32_t i = 1; i < node->count; i++)
        if (!parse_mask(conf, &node->words[i], &affinity->masks[i - 1]))
            return false;
    affinity->count = node->count - 1;
    return true;
}

/* ---- the rest of the main level ------------------------------------------------------------ */

/* In the place of the default stands what the command line says (-e). */
static bool
add_early_log(struct conf *conf, struct log_output **outputs)
{
    struct runtime *rt = runtime_of(conf);
    struct log_output *output = ARENA_NEW(conf->arena, struct log_output);

    if (output == NULL)
        return conf_no_memory(conf);
    output->level = LEVEL_ERR;
    output->file = log_file_add(&rt->log_files, rt->options->error_log);
    *outputs = output;
    return output->file != NULL || conf_no_memory(conf);
}

static bool
parse_error_log(struct conf *conf, const struct conf_node *node, void *field)
{
    if (is_default(node) && str_is_set(runtime_of(conf)->options->error_log))
        return add_early_log(conf, field);
    return parse_log_output(conf, node, &runtime_of(conf)->log_files, field);
}

static bool
parse_env(struct conf *conf, const struct conf_node *node, void *field)
{
    struct env_names *env = field;
    struct str text = node->words[1].text, *added;

    if (text.len == 0 || text.p[0] == '=') {
        invalid_value(conf, node, 1);
        conf_hint(conf, "a name, or NAME=value");
        return false;
    }
    added = VEC_ADD(conf->arena, &env->list);
    if (added == NULL || !str_is_set(*added = arena_str(conf->arena, text)))
        return conf_no_memory(conf);
    return true;
}

/* Absolute or below the prefix; several words, several times. */
static bool
parse_path_list(struct conf *conf, const struct conf_node *node, void *field)
{
    struct path_list *list = field;

    for (uint32_t i = 1; i < node->count; i++) {
        struct str path = conf_path_by_prefix(conf, node->words[i].text), *added;

        if (node->words[i].text.len == 0)
            return conf_error(conf, &node->words[i], "empty path in \"%.*s\" directive",
                              STR_ARG(node->words[0].text));
        added = VEC_ADD(conf->arena, &list->paths);
        if (added == NULL || !str_is_set(path))
            return conf_no_memory(conf);
        *added = path;
    }
    return true;
}

static bool
parse_control(struct conf *conf, const struct conf_node *node, void *field)
{
    struct control_setting *control = field;

    control->off = str_eq(node->words[1].text, STR("off"));
    if (control->off)
        return true;
    control->path = conf_path_by_prefix(conf, node->words[1].text);
    if (!str_is_set(control->path))
        return conf_no_memory(conf);
    if (node->words[1].text.len > 0 && control->path.len <= CONTROL_PATH_MAX)
        return true;
    invalid_value(conf, node, 1);
    conf_hint(conf, "a path of at most %d bytes with the prefix, or off", (int)CONTROL_PATH_MAX);
    return false;
}

struct str
control_path_by_pid(struct arena *arena, struct str pid_path)
{
    if (str_ends(pid_path, STR(".pid")))
        pid_path.len -= 4;
    return arena_fmt(arena, "%.*s.ctl", STR_ARG(pid_path));
}

static bool
refuse_load_module(struct conf *conf, const struct conf_node *node, void *field)
{
    (void)field;
    conf_error(conf, &node->words[0], "module \"%.*s\" cannot be loaded, modules are part of the program",
               STR_ARG(node->words[1].text));
    conf_hint(conf, "remove the line; \"weir -V\" lists the modules, ./configure chooses them");
    return false;
}

static bool
parse_events(struct conf *conf, const struct conf_node *node, void *field)
{
    struct conf_scope *scope = conf_apply_block(conf, node, IN_EVENTS, NULL, NULL);

    (void)field;
    if (scope == NULL)
        return conf_no_memory(conf);
    runtime_of(conf)->events = conf_settings(conf, scope, &events_module);
    return true;
}

static bool
parse_use(struct conf *conf, const struct conf_node *node, void *field)
{
    if (str_eq(node->words[1].text, STR("epoll")))
        return parse_ignored(conf, node, field);
    conf_error(conf, &node->words[1], "invalid event type \"%.*s\"",
               STR_ARG(node->words[1].text));
    conf_hint(conf, "weir knows epoll, and takes it without being told");
    return false;
}

/* ---- events { } ---------------------------------------------------------------------------- */

/* "1/8", "12%": a part of the slots; where nothing forbids it (data) also "off". */
static bool
parse_fraction(struct conf *conf, const struct conf_node *node, void *field)
{
    struct fraction *fraction = field;
    struct str text = node->words[1].text;
    ptrdiff_t slash = str_find(text, '/', 0);
    bool percent = slash < 0 && str_ends(text, STR("%"));
    size_t num_len = slash >= 0 ? (size_t)slash : text.len - percent;
    uint64_t num, den = 100;

    if (conf->directive->data != NULL && str_eq(text, STR("off"))) {
        *fraction = (struct fraction){ 0, 0 };
        return true;
    }
    if ((slash >= 0 || percent) && str_to_uint((struct str){ text.p, num_len }, 1000000, &num)
        && (percent || str_to_uint(str_from(text, num_len + 1), 1000000, &den))
        && den > 0 && num <= den) {
        *fraction = (struct fraction){ (uint32_t)num, (uint32_t)den };
        return true;
    }
    invalid_value(conf, node, 1);
    conf_hint(conf, "a part of the connections: 1/8 or 12%%%s",
              conf->directive->data != NULL ? ", or off" : "");
    return false;
}

enum { RETRY_MAX_MS = 60000 };

static bool
parse_accept_retry(struct conf *conf, const struct conf_node *node, void *field)
{
    struct retry_times *retry = field;

    if (!word_ms(conf, &node->words[1], node->words[1].text, &retry->first_ms)
        || !word_ms(conf, &node->words[2], node->words[2].text, &retry->most_ms))
        return false;
    if (retry->first_ms >= 1 && retry->most_ms >= retry->first_ms
        && retry->most_ms <= RETRY_MAX_MS)
        return true;
    invalid_value(conf, node, retry->first_ms < 1 ? 1 : 2);
    conf_hint(conf, "the first wait is 1ms at least, the longest not shorter, and 1m at most");
    return false;
}

enum { RETRY_AFTER_MAX_S = 86400 };

/* "wait", or "reject [retry_after=TIME]". */
static bool
parse_overload(struct conf *conf, const struct conf_node *node, void *field)
{
    struct overload *overload = field;
    struct str what = node->words[1].text, after;
    uint64_t seconds;

    *overload = (struct overload){ OVERLOAD_WAIT, 1 };
    if (str_eq(what, STR("reject"))) {
        overload->action = OVERLOAD_REJECT;
    } else if (!str_eq(what, STR("wait"))) {
        invalid_value(conf, node, 1);
        conf_hint(conf, "one of wait, reject");
        return false;
    }
    if (node->count == 2)
        return true;
    after = node->words[2].text;
    if (overload->action == OVERLOAD_WAIT || !str_starts(after, STR("retry_after=")))
        return conf_error(conf, &node->words[2], "invalid parameter \"%.*s\"", STR_ARG(after));
    if (!word_seconds(conf, &node->words[2], str_from(after, 12), &seconds))
        return false;
    if (seconds > RETRY_AFTER_MAX_S) {
        invalid_value(conf, node, 2);
        conf_hint(conf, "a day at most");
        return false;
    }
    overload->retry_after_s = (uint32_t)seconds;
    return true;
}

typedef __typeof__(((struct pool_limits *)0)->debug) network_vec;

static bool
add_network(struct conf *conf, network_vec *list, const struct network *network)
{
    struct network *place = VEC_ADD(conf->arena, list);

    if (place == NULL)
        return conf_no_memory(conf);
    *place = *network;
    return true;
}

/* All addresses of a name. */
static bool
add_name(struct conf *conf, network_vec *list, const struct conf_word *word)
{
    struct address found[16];
    unsigned count;

    if (str_find(word->text, '/', 0) >= 0
        || address_parse(word->text, found, ARRAY_LEN(found), &count) != NULL)
        return conf_error(conf, word, "host not found in debug_connection \"%.*s\"",
                          STR_ARG(word->text));
    for (unsigned i = 0; i < count; i++) {
        struct peer peer = peer_of(&found[i].sa, found[i].len);
        struct network network = network_of(&peer);

        if (!add_network(conf, list, &network))
            return false;
    }
    return true;
}

static bool
parse_debug_connection(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct conf_word *word = &node->words[1];
    struct network network;
    bool low;

    if (!network_parse(word->text, &network, &low))
        return add_name(conf, field, word);
    if (low)
        conf_warn(conf, word, "low address bits of %.*s are meaningless", STR_ARG(word->text));
    return add_network(conf, field, &network);
}

/* Before "http" is applied, whose levels inherit the log. */
static bool
check_main(struct conf *conf, struct conf_scope *scope, void *settings)
{
    struct main_settings *s = settings;

    (void)scope;
    s->log = log_of_outputs(s->error_log);
    runtime_of(conf)->setup.log = &s->log;
    runtime_of(conf)->setup.has_walls = s->sandbox != SANDBOX_OFF;
    if (!s->control.off && !str_is_set(s->control.path)) {
        s->control.path = control_path_by_pid(conf->arena, s->pid_path);
        if (!str_is_set(s->control.path))
            return conf_no_memory(conf);
    }
    if (!s->affinity.automatic && s->affinity.count > 0
        && s->affinity.count != s->worker_processes)
        conf_warn(conf, NULL, "the number of \"worker_processes\" is not equal to the number of "
                  "\"worker_cpu_affinity\" masks, using last mask for remaining worker processes");
    return settle_user(conf, s);
}

/* ---- tables -------------------------------------------------------------------------------- */

static const struct uint_range at_least_one = { 1, INT32_MAX };
static const struct uint_range event_counts = { 1, 65536 };
static const struct uint_range drain_batches = { 1, DRAIN_BATCH_MAX };
static const struct uint_range step_backs = { 0, 65536 };
static const bool may_be_off = true;
static const struct conf_enum unknown_directives[] = { { "error", 0 }, { "warn", 1 }, { NULL, 0 } };
static const struct conf_enum sandboxes[] = {
    { "off", SANDBOX_OFF }, { "on", SANDBOX_ON }, { "report", SANDBOX_REPORT }, { NULL, 0 }
};

#define MAIN(member)  FIELD(struct main_settings, member)
#define LIMIT(member) FIELD(struct events_settings, limits.member)

static bool
parse_pcre_jit(struct conf *conf, const struct conf_node *node, void *field)
{
    struct http_setup *setup = conf->owner;
    bool jit = true;

    (void)field;
    if (!word_flag(conf, &node->words[1], &jit))
        return false;
    setup->no_jit = setup->no_jit || !jit;
    return true;
}

static const struct directive main_directives[] = {
    { "daemon", .where = IN_MAIN, .args = {1, 1}, .parse = parse_flag, MAIN(daemon),
      .initial = "on" },
    { "master_process", .where = IN_MAIN, .args = {1, 1}, .parse = parse_flag,
      MAIN(master_process), .initial = "on" },
    { "user", .where = IN_MAIN, .args = {1, 2}, .parse = parse_user, MAIN(user),
      .initial = WEIR_USER " " WEIR_GROUP },
    { "worker_processes", .where = IN_MAIN, .args = {1, 1}, .parse = parse_worker_processes,
      MAIN(worker_processes), .initial = "1" },
    { "pid", .where = IN_MAIN, .args = {1, 1}, .parse = parse_path, MAIN(pid_path),
      .initial = WEIR_PID_PATH },
    { "control", .where = IN_MAIN, .args = {1, 1}, .parse = parse_control, MAIN(control) },
    { "error_log", .where = IN_MAIN, .args = {1, 5}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_error_log, MAIN(error_log), .initial = WEIR_ERROR_LOG_PATH " error" },
    { "worker_rlimit_nofile", .where = IN_MAIN, .args = {1, 1}, .parse = parse_uint,
      MAIN(rlimit_nofile), .data = &at_least_one },
    { "worker_rlimit_core", .where = IN_MAIN, .args = {1, 1}, .parse = parse_rlimit_core,
      MAIN(rlimit_core) },
    { "worker_priority", .where = IN_MAIN, .args = {1, 1}, .parse = parse_priority,
      MAIN(priority), .initial = "0" },
    { "worker_shutdown_timeout", .where = IN_MAIN, .args = {1, 1}, .parse = parse_ms,
      MAIN(shutdown_timeout_ms), .initial = "5m" },
    { "worker_generations", .where = IN_MAIN, .args = {1, 1}, .parse = parse_uint,
      MAIN(worker_generations), .initial = "8", .data = &at_least_one },
    { "worker_cpu_affinity", .where = IN_MAIN, .args = {1, ARGS_ANY}, .parse = parse_affinity,
      MAIN(affinity) },
    { "working_directory", .where = IN_MAIN, .args = {1, 1}, .parse = parse_path,
      MAIN(working_directory) },
    { "sandbox", .where = IN_MAIN, .args = {1, 1}, .parse = parse_enum, MAIN(sandbox),
      .initial = "on", .data = sandboxes },
    { "sandbox_allow_read", .where = IN_MAIN, .args = {1, ARGS_ANY}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_path_list, MAIN(sandbox_reads) },
    { "sandbox_allow_write", .where = IN_MAIN, .args = {1, ARGS_ANY}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_path_list, MAIN(sandbox_writes) },
    { "env", .where = IN_MAIN, .args = {1, 1}, .flags = DIRECTIVE_REPEAT, .parse = parse_env,
      MAIN(env), .initial = "TZ" },
    { "unknown_directive", .where = IN_MAIN, .args = {1, 1}, .parse = parse_enum,
      MAIN(unknown_directive), .initial = "error", .data = unknown_directives },
    { "events", .where = IN_MAIN, .flags = DIRECTIVE_BLOCK, .parse = parse_events },
    { "lock_file", .where = IN_MAIN, .args = {1, 1}, .parse = parse_ignored },
    { "pcre_jit", .where = IN_MAIN, .args = {1, 1}, .parse = parse_pcre_jit,
      .initial = "on" },
    { "timer_resolution", .where = IN_MAIN, .args = {1, 1}, .parse = ignore_ms },
    { "thread_pool", .where = IN_MAIN, .args = {1, 3}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_thread_pool },
    { "debug_points", .where = IN_MAIN, .args = {1, 1}, .parse = ignore_debug_points },
    { "load_module", .where = IN_MAIN, .args = {1, 1}, .flags = DIRECTIVE_REPEAT,
      .parse = refuse_load_module },
    { 0 }
};

const struct conf_module main_module = {
    .name = "main",
    .directives = main_directives,
    .conf_size = sizeof(struct main_settings),
    .root = IN_MAIN,
    .check = check_main,
};

static const struct directive events_directives[] = {
    { "worker_connections", .where = IN_EVENTS, .args = {1, 1}, .parse = parse_uint,
      FIELD(struct events_settings, worker_connections), .initial = "512",
      .data = &at_least_one },
    { "epoll_events", .where = IN_EVENTS, .args = {1, 1}, .parse = parse_uint,
      FIELD(struct events_settings, epoll_events), .initial = "512", .data = &event_counts },
    { "requests_per_turn", .where = IN_EVENTS, .args = {1, 1}, .parse = parse_uint,
      FIELD(struct events_settings, requests_per_turn), .initial = "20", .data = &at_least_one },
    { "drain_when_free", .where = IN_EVENTS, .args = {1, 1}, .parse = parse_fraction,
      LIMIT(drain_when_free), .initial = "1/16" },
    { "drain_batch", .where = IN_EVENTS, .args = {1, 1}, .parse = parse_uint,
      LIMIT(drain_batch), .initial = "32", .data = &drain_batches },
    { "drain_idle", .where = IN_EVENTS, .args = {1, 1}, .parse = parse_ms,
      LIMIT(drain_idle_ms), .initial = "100ms" },
    { "drain_silent", .where = IN_EVENTS, .args = {1, 1}, .parse = parse_ms,
      LIMIT(drain_silent_ms), .initial = "1s" },
    { "drain_address_share", .where = IN_EVENTS, .args = {1, 1}, .parse = parse_uint,
      LIMIT(drain_address_share), .initial = "8", .data = &at_least_one },
    { "close_when_free", .where = IN_EVENTS, .args = {1, 1}, .parse = parse_fraction,
      LIMIT(close_when_free), .initial = "1/8", .data = &may_be_off },
    { "accept_step_back", .where = IN_EVENTS, .args = {1, 1}, .parse = parse_uint,
      LIMIT(accept_step_back), .initial = "16", .data = &step_backs },
    { "accept_retry", .where = IN_EVENTS, .args = {2, 2}, .parse = parse_accept_retry,
      LIMIT(accept_retry), .initial = "10ms 500ms" },
    { "overload", .where = IN_EVENTS, .args = {1, 2}, .parse = parse_overload,
      LIMIT(overload), .initial = "wait" },
    { "use", .where = IN_EVENTS, .args = {1, 1}, .parse = parse_use },
    { "multi_accept", .where = IN_EVENTS, .args = {1, 1}, .parse = ignore_flag },
    { "accept_mutex", .where = IN_EVENTS, .args = {1, 1}, .parse = ignore_flag },
    { "accept_mutex_delay", .where = IN_EVENTS, .args = {1, 1}, .parse = ignore_ms },
    { "debug_connection", .where = IN_EVENTS, .args = {1, 1}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_debug_connection, LIMIT(debug) },
    { "worker_aio_requests", .where = IN_EVENTS, .args = {1, 1}, .parse = ignore_uint },
    { 0 }
};

const struct conf_module events_module = {
    .name = "events",
    .directives = events_directives,
    .conf_size = sizeof(struct events_settings),
    .root = IN_EVENTS,
};
