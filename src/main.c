/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weir: the command line. What it asks for is done in proc/.
 */
#include "http/http.h"
#include "proc/ask.h"
#include "proc/conf_answer.h"
#include "proc/control.h"
#include "proc/doctor.h"
#include "proc/explain.h"
#include "proc/fmt.h"
#include "proc/inherit.h"
#include "proc/list.h"
#include "proc/options.h"
#include "proc/serve.h"
#include "proc/start.h"
#include "proc/status.h"
#include "proc/title.h"
#include "proc/top.h"

#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

static const char usage[] =
    "Usage: weir [options]\n"
    "       weir ctl command [options]\n"
    "       weir serve [options] [PATH | NAME=PATH]...\n"
    "       weir fmt [-w | --check] [FILE...]\n"
    "       weir explain URL [-H field] [-X method] [--from ADDRESS] [--to ADDRESS] [--json]\n"
    "                    [-c filename] [-g directives] [-p prefix] [--no-color]\n"
    "       weir doctor [-q] [--json] [-c filename] [-g directives] [-p prefix] [--no-color]\n"
    "       weir top [-c filename] [-g directives] [-p prefix] [--interval time] [--once]\n"
    "                [--no-color]\n"
    "\n"
    "Options:\n"
    "  -?,-h,--help  : this help\n"
    "  -v,--version  : show version and exit\n"
    "  -V            : show version, libraries, modules and configure options and exit\n"
    "  -t            : test configuration and exit; creates and changes nothing\n"
    "  --bind        : with -t: try to bind the addresses as well\n"
    "  -T            : test configuration, dump it and exit\n"
    "  -q            : suppress the good news of a configuration test\n"
    "  -s signal     : send signal to a master process: stop, quit, reopen, reload,\n"
    "                  upgrade; or a question: status (what it and its workers do), connections,\n"
    "                  conf (the configuration that is loaded)\n"
    "  --format form : with a question: text (default), json; status: metrics, too\n"
    "  --no-wait     : with -s: do not wait for the end, or for the verdict of reload and upgrade\n"
    "  --timeout time : with -s: wait so long at most (reload: 60s, upgrade: 90s)\n"
    "  -p prefix     : set prefix path (default: " WEIR_PREFIX "/)\n"
    "  -e filename   : set error log file (default: " WEIR_ERROR_LOG_PATH "); stderr is allowed\n"
    "  -c filename   : set configuration file (default: " WEIR_CONF_PATH ")\n"
    "  -g directives : set global directives out of configuration file\n"
    "  --list-directives : list all directives with their contexts and defaults\n"
    "\n"
    "  ctl command   : the same as -s command\n"
    "\n"
    "  serve [PATH]  : serve a folder (default: the current one) without a configuration;\n"
    "                  \"weir serve --help\" lists its options\n"
    "\n"
    "  fmt [FILE...] : lay out conf files (default: standard input) to standard output\n"
    "  -w            : with fmt: write them back\n"
    "  --check       : with fmt: name those that would change; status 1 if there are any\n"
    "\n"
    "  explain URL   : tell how a request would be answered, and why, without serving it\n"
    "  -H field      : with explain: the request has \"Name: value\"\n"
    "  -X method     : with explain: instead of GET\n"
    "  --from ADDRESS : with explain: who asks (default: this machine)\n"
    "  --to ADDRESS  : with explain: where the client comes to (default: as the URL says)\n"
    "  --json        : with explain: for programs\n"
    "\n"
    "  doctor        : check the machine around the configuration: limits, files, addresses,\n"
    "                  logs, clock; status 1 with problems, 3 with warnings\n"
    "  -q            : with doctor: problems and warnings alone\n"
    "  --json        : with doctor: for programs\n"
    "\n"
    "  top           : show in the terminal what the server does; q ends it\n"
    "  --interval time : with top: between two looks (default: 1s)\n"
    "  --once        : with top: one look, as text\n"
    "  --no-color    : with top, explain and doctor: no colours\n";

/* What was asked for, as given. */
struct command {
    bool help, version, build, test, dump, quiet, bind, list;
    const char *prefix, *conf_file, *error_log, *directives, *signal;
    const char *format;
    struct control_patience patience;
    bool is_ctl;
    bool is_serve;
    struct serve serve;
    bool is_fmt;
    struct fmt fmt;
    bool is_explain;
    struct explain explain;
    bool is_doctor;
    struct doctor_options doctor;
    bool is_top;
    struct top_options top;
};

/* ---- reading ------------------------------------------------------------------------------- */

/* Letters that take a value, and what it is called when it is missing. */
static const struct {
    char letter;
    const char *wants;
    size_t offset;              /* in struct command */
} valued[] = {
    { 'p', "directory name", offsetof(struct command, prefix) },
    { 'c', "file name",      offsetof(struct command, conf_file) },
    { 'e', "file name",      offsetof(struct command, error_log) },
    { 'g', "parameter",      offsetof(struct command, directives) },
    { 's', "parameter",      offsetof(struct command, signal) },
};

static bool
set_flag(struct command *command, char letter)
{
    switch (letter) {
    case '?':
    case 'h': return command->help = true;
    case 'v': return command->version = true;
    case 'V': return command->build = true;
    case 't': return command->test = true;
    case 'T': return command->test = command->dump = true;
    case 'q': return command->quiet = true;
    default:  return false;
    }
}

/* "-g" and its value, glued or the next argument. False, told, when there is none. */
static bool
set_value(struct command *command, size_t i, const char *glued, char ***arguments)
{
    const char **field = (const char **)(void *)((char *)command + valued[i].offset);

    if (*glued != '\0') {
        *field = glued;
        return true;
    }
    *field = *++*arguments;
    if (*field != NULL && **field != '\0')
        return true;
    console("option \"-%c\" requires %s", valued[i].letter, valued[i].wants);
    return false;
}

/* One argument that begins with "-": letters in a row, the last of which may take a value. */
static bool
read_letters(struct command *command, char ***arguments)
{
    for (const char *p = **arguments + 1; *p != '\0'; p++) {
        size_t i = 0;

        while (i < ARRAY_LEN(valued) && valued[i].letter != *p)
            i++;
        if (i < ARRAY_LEN(valued))
            return set_value(command, i, p + 1, arguments);
        if (!set_flag(command, *p)) {
            console("invalid option: \"%c\"", *p);
            return false;
        }
    }
    return true;
}

static bool
read_timeout(struct command *command, const char *text)
{
    if (text == NULL) {
        console("option \"--timeout\" requires a time");
        return false;
    }
    if (ms_parse(str_of(text), &command->patience.timeout_ms) && command->patience.timeout_ms > 0)
        return true;
    console("invalid time \"%s\" for option \"--timeout\"", text);
    return false;
}

/*
 * "--name=value" or "--name value". False when the argument is not of that name; *value NULL: there
 * is none.
 */
static bool
takes_value(const char *name, char ***arguments, const char **value)
{
    size_t len = strlen(name);

    if (strncmp(**arguments, name, len) != 0)
        return false;
    if ((**arguments)[len] == '=') {
        *value = **arguments + len + 1;
        return true;
    }
    if ((**arguments)[len] != '\0')
        return false;
    *value = (*arguments)[1];
    if (*value != NULL)
        ++*arguments;
    return true;
}

static bool
read_interval(struct command *command, const char *text)
{
    uint64_t ms;

    if (text == NULL) {
        console("option \"--interval\" requires a time");
        return false;
    }
    if (ms_parse(str_of(text), &ms) && ms >= TOP_INTERVAL_LEAST_MS && ms <= TOP_INTERVAL_MOST_MS) {
        command->top.interval_ms = ms;
        return true;
    }
    console("invalid time \"%s\" for option \"--interval\", it must be from 100ms to 1h", text);
    return false;
}

static bool
read_format(struct command *command, const char *text)
{
    if (text == NULL) {
        console("option \"--format\" requires a form");
        return false;
    }
    command->format = text;
    if (status_knows(str_of(text)))
        return true;
    console("invalid form \"%s\" for option \"--format\", it must be text, json or metrics", text);
    return false;
}

static bool
read_long(struct command *command, char ***arguments)
{
    const char *argument = **arguments;
    const char *value;

    static const struct { const char *name; size_t offset; } flags[] = {
        { "--help",            offsetof(struct command, help) },
        { "--version",         offsetof(struct command, version) },
        { "--bind",            offsetof(struct command, bind) },
        { "--list-directives", offsetof(struct command, list) },
        { "--no-wait",         offsetof(struct command, patience.none) },
        { "--once",            offsetof(struct command, top.once) },
        { "--no-color",        offsetof(struct command, top.no_colour) },
    };

    if (takes_value("--timeout", arguments, &value))
        return read_timeout(command, value);
    if (takes_value("--format", arguments, &value))
        return read_format(command, value);
    if (takes_value("--interval", arguments, &value))
        return read_interval(command, value);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (strcmp(argument, flags[i].name) != 0)
            continue;
        *(bool *)(void *)((char *)command + flags[i].offset) = true;
        return true;
    }
    console("invalid option: \"%s\"", argument);
    return false;
}

static bool
read_fmt_option(struct command *command, const char *argument)
{
    static const struct { const char *name; enum fmt_output output; } outputs[] = {
        { "-w",      FMT_WRITE },
        { "--check", FMT_CHECK },
    };
    enum fmt_output *output = &command->fmt.output;

    for (size_t i = 0; i < ARRAY_LEN(outputs); i++) {
        if (strcmp(argument, outputs[i].name) != 0)
            continue;
        if (*output != FMT_PRINT && *output != outputs[i].output) {
            console("options \"-w\" and \"--check\" do not go together");
            return false;
        }
        *output = outputs[i].output;
        return true;
    }
    if (strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0)
        return command->help = true;
    console("invalid option: \"%s\"", argument);
    return false;
}

/*
 * weir fmt [-w | --check] [FILE...]: what is left of the arguments are the names. After "--" all
 * are.
 */
static bool
read_fmt(struct command *command, char **arguments)
{
    char **file = arguments;
    bool has_options = true;

    command->is_fmt = true;
    command->fmt.files = arguments;
    for (; *arguments != NULL; arguments++) {
        if (!has_options || **arguments != '-')
            *file++ = *arguments;
        else if (strcmp(*arguments, "--") == 0)
            has_options = false;
        else if (!read_fmt_option(command, *arguments))
            return false;
    }
    *file = NULL;
    if (command->fmt.output != FMT_WRITE || command->fmt.files[0] != NULL || command->help)
        return true;
    console("option \"-w\" requires file name");
    return false;
}

/* ---- weir explain -------------------------------------------------------------------------- */

/* "-X" and its value, glued or the next argument. NULL, told, when there is none. */
static const char *
explain_value(const char *wants, char ***arguments)
{
    const char *argument = **arguments;

    if (argument[2] != '\0')
        return argument + 2;
    if ((*arguments)[1] != NULL)
        return *++*arguments;
    console("option \"%s\" requires %s", argument, wants);
    return NULL;
}

static bool
read_explain_field(struct explain *explain, char ***arguments)
{
    const char *field = explain_value("field", arguments);

    if (field == NULL)
        return false;
    if (explain->fields_len == EXPLAIN_FIELDS_MAX) {
        console("more than %d fields", EXPLAIN_FIELDS_MAX);
        return false;
    }
    explain->fields[explain->fields_len++] = field;
    return true;
}

static bool
read_explain_long(struct command *command, char ***arguments)
{
    struct explain *explain = &command->explain;
    const char *argument = **arguments;
    bool is_from = takes_value("--from", arguments, &explain->from);

    if (is_from || takes_value("--to", arguments, &explain->to)) {
        if ((is_from ? explain->from : explain->to) != NULL)
            return true;
        console("option \"--%s\" requires an address", is_from ? "from" : "to");
        return false;
    }
    if (strcmp(argument, "--json") == 0)
        return explain->json = true;
    if (strcmp(argument, "--no-color") == 0)
        return explain->no_colour = true;
    if (strcmp(argument, "--help") == 0)
        return command->help = true;
    console("invalid option: \"%s\"", argument);
    return false;
}

static bool
read_explain_argument(struct command *command, char ***arguments)
{
    const char *argument = **arguments;

    if (strncmp(argument, "--", 2) == 0)
        return read_explain_long(command, arguments);
    if (strncmp(argument, "-H", 2) == 0)
        return read_explain_field(&command->explain, arguments);
    if (strncmp(argument, "-X", 2) == 0)
        return (command->explain.method = explain_value("method", arguments)) != NULL;
    if (argument[0] == '-')
        return read_letters(command, arguments);
    if (command->explain.url != NULL) {
        console("more than one URL: \"%s\"", argument);
        return false;
    }
    command->explain.url = argument;
    return true;
}

/* weir explain URL [options] */
static bool
read_explain(struct command *command, char **arguments)
{
    command->is_explain = true;
    for (; *arguments != NULL; arguments++)
        if (!read_explain_argument(command, &arguments))
            return false;
    if (command->help)
        return true;
    if (command->test || command->quiet || command->version || command->build
        || command->signal != NULL || command->error_log != NULL) {
        console("only -c, -p, -g, -H, -X, --from, --to, --json and --no-color go with "
                "\"explain\"");
        return false;
    }
    if (command->explain.url == NULL)
        console("\"explain\" requires a URL, or a path");
    return command->explain.url != NULL;
}

/* ---- weir doctor --------------------------------------------------------------------------- */

static bool
read_doctor_argument(struct command *command, char ***arguments)
{
    const char *argument = **arguments;

    if (strcmp(argument, "--json") == 0)
        return command->doctor.json = true;
    if (strcmp(argument, "--no-color") == 0)
        return command->doctor.no_colour = true;
    if (strcmp(argument, "--help") == 0)
        return command->help = true;
    if (argument[0] == '-' && argument[1] != '-' && argument[1] != '\0')
        return read_letters(command, arguments);
    console("invalid option: \"%s\"", argument);
    return false;
}

/* weir doctor [options] */
static bool
read_doctor(struct command *command, char **arguments)
{
    command->is_doctor = true;
    for (; *arguments != NULL; arguments++)
        if (!read_doctor_argument(command, &arguments))
            return false;
    if (command->help)
        return true;
    command->doctor.quiet = command->quiet;
    if (command->test || command->version || command->build || command->signal != NULL
        || command->error_log != NULL) {
        console("only -c, -p, -g, -q, --json and --no-color go with \"doctor\"");
        return false;
    }
    return true;
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* Words of -s that are questions: the answer goes to standard output. */
static bool
is_question_word(const char *word)
{
    return strcmp(word, "status") == 0 || strcmp(word, "connections") == 0
           || strcmp(word, "conf") == 0;
}

static bool
is_question(const struct command *command)
{
    return command->signal != NULL && is_question_word(command->signal);
}

static bool
check_format(const struct command *command)
{
    if (command->format == NULL)
        return true;
    if (!is_question(command) || strcmp(command->signal, "conf") == 0) {
        console("option \"--format\" goes with \"-s status\" and \"-s connections\"");
        return false;
    }
    if (strcmp(command->format, "metrics") != 0 || strcmp(command->signal, "status") == 0)
        return true;
    console("\"-s connections\" has the forms text and json");
    return false;
}

/* weir top knows few of the options, and has some that nobody else knows. */
static bool
check_top(const struct command *command)
{
    bool has_others = command->test || command->quiet || command->bind || command->list
        || command->build || command->signal != NULL || command->error_log != NULL;
    bool has_own = command->top.interval_ms != 0 || command->top.once || command->top.no_colour;

    if (command->is_top && has_others)
        console("only -c, -p, -g, --interval, --once and --no-color go with \"top\"");
    if (!command->is_top && has_own)
        console("options \"--interval\", \"--once\" and \"--no-color\" go with \"top\"");
    return command->is_top ? !has_others : !has_own;
}

/* weir ctl: another spelling of -s. */
static bool
check_ctl(const struct command *command)
{
    static const char known[] = "stop, quit, reopen, reload, upgrade, status, connections, conf";

    if (!command->is_ctl || command->help)
        return true;
    if (command->signal == NULL) {
        console("\"ctl\" requires a command: %s", known);
        return false;
    }
    if (!is_question(command) && !control_knows(str_of(command->signal))) {
        console("unknown command \"%s\", known are: %s", command->signal, known);
        return false;
    }
    if (command->test || command->quiet || command->list || command->bind
        || command->error_log != NULL) {
        console("only -c, -p, -g, --format, --no-wait and --timeout go with \"ctl\"");
        return false;
    }
    return true;
}

static bool
check_command(const struct command *command)
{
    if (!check_top(command) || !check_ctl(command))
        return false;
    if (command->signal != NULL && !is_question(command)
        && !control_knows(str_of(command->signal))) {
        console("invalid option: \"-s %s\"", command->signal);
        return false;
    }
    if (command->bind && !command->test) {
        console("option \"--bind\" goes with \"-t\"");
        return false;
    }
    if ((command->patience.none || command->patience.timeout_ms != 0) && command->signal == NULL) {
        console("option \"%s\" goes with \"-s\"",
                command->patience.none ? "--no-wait" : "--timeout");
        return false;
    }
    return check_format(command);
}

/* A word that is no option: mostly a command, written in another way than it is to be. */
static void
refuse_word(const struct command *command, const char *word)
{
    static const char *const commands[] = { "ctl", "serve", "fmt", "explain", "doctor", "top" };
    size_t i = 0;

    if (command->is_top || command->is_ctl) {
        console("invalid option: \"%s\"", word);
        return;
    }
    while (i < ARRAY_LEN(commands) && strcmp(word, commands[i]) != 0)
        i++;
    if (i < ARRAY_LEN(commands))
        console("invalid option: \"%s\", it stands before all others: \"weir %s ...\"", word,
                word);
    else if (is_question_word(word) || control_knows(str_of(word)))
        console("invalid option: \"%s\", did you mean \"weir ctl %s\"?", word, word);
    else
        console("invalid option: \"%s\", \"weir -h\" lists those that there are", word);
}

static bool
read_command(struct arena *arena, struct command *command, char **arguments)
{
    command->is_serve = arguments[0] != NULL && strcmp(arguments[0], "serve") == 0;
    if (command->is_serve)
        return serve_read(arena, arguments + 1, &command->serve);
    if (arguments[0] != NULL && strcmp(arguments[0], "fmt") == 0)
        return read_fmt(command, arguments + 1);
    if (arguments[0] != NULL && strcmp(arguments[0], "explain") == 0)
        return read_explain(command, arguments + 1);
    if (arguments[0] != NULL && strcmp(arguments[0], "doctor") == 0)
        return read_doctor(command, arguments + 1);
    command->is_top = arguments[0] != NULL && strcmp(arguments[0], "top") == 0;
    command->is_ctl = arguments[0] != NULL && strcmp(arguments[0], "ctl") == 0;
    arguments += command->is_top || command->is_ctl;
    for (; *arguments != NULL; arguments++) {
        struct str text = str_of(*arguments);
        bool ok;

        if (str_starts(text, STR("--"))) {
            ok = read_long(command, &arguments);
        } else if (text.len > 1 && text.p[0] == '-') {
            ok = read_letters(command, &arguments);
        } else if (command->is_ctl && command->signal == NULL) {
            ok = true;
            command->signal = *arguments;
        } else {
            refuse_word(command, *arguments);
            ok = false;
        }
        if (!ok)
            return false;
    }
    return check_command(command);
}

/* ---- paths --------------------------------------------------------------------------------- */

/* `path`, or base + path when it is not absolute. Base ends with "/". */
static struct str
below(struct arena *arena, struct str base, const char *path)
{
    return arena_fmt(arena, "%.*s%s", path[0] == '/' ? 0 : (int)base.len, base.p, path);
}

static struct str
absolute_prefix(struct arena *arena, const char *given)
{
    char cwd[PATH_MAX] = "";
    struct str here = STR("/");
    struct str path;

    if (given[0] != '/') {
        if (getcwd(cwd, sizeof(cwd)) == NULL) {
            console("[emerg] getcwd() failed (%d: %s)", errno, strerror(errno));
            return STR_NONE;
        }
        here = arena_fmt(arena, "%s/", strcmp(cwd, "/") == 0 ? "" : cwd);
        while (strncmp(given, "./", 2) == 0)
            given += 2;
        if (strcmp(given, ".") == 0)
            given = "";
    }
    path = below(arena, here, given);
    return str_ends(path, STR("/")) ? path : arena_fmt(arena, "%.*s/", STR_ARG(path));
}

static bool
make_options(struct arena *arena, const struct command *command, struct options *options)
{
    const char *prefix = command->prefix != NULL ? command->prefix : WEIR_PREFIX;
    const char *conf = command->conf_file != NULL ? command->conf_file : WEIR_CONF_PATH;

    options->dump = command->dump;
    options->test = command->test;
    options->prefix = absolute_prefix(arena, prefix);
    if (!str_is_set(options->prefix))
        return false;
    options->conf_path = below(arena, options->prefix, conf);
    if (command->directives != NULL)
        options->directives = str_of(command->directives);
    if (command->error_log != NULL)
        options->error_log = strcmp(command->error_log, "stderr") == 0
            ? STR("stderr") : below(arena, options->prefix, command->error_log);
    return !arena_failed(arena);
}

/* ---- doing --------------------------------------------------------------------------------- */

static void
show(const char *text)
{
    if (dprintf(STDERR_FILENO, "%s", text) < 0)
        exit(EXIT_FAILURE);
}

static void
show_build(struct arena *arena)
{
    struct writer w = writer_in(arena);
    const char *text;

    write_fmt(&w, "built by %s\n", WEIR_COMPILER);
    write_fmt(&w, "libraries: llhttp %s, PCRE2 %s, libcrypto %s, zlib %s, crypt %s\n",
              WEIR_LLHTTP_VERSION, WEIR_PCRE2_VERSION, WEIR_LIBCRYPTO_VERSION, WEIR_ZLIB_VERSION,
              WEIR_CRYPT_VERSION);
    write_fmt(&w, "optional libraries: ISA-L %s, libdeflate %s, brotli %s, zstd %s, "
              "libseccomp %s\n", WEIR_ISAL_VERSION, WEIR_LIBDEFLATE_VERSION, WEIR_BROTLI_VERSION,
              WEIR_ZSTD_VERSION, WEIR_SECCOMP_VERSION);
    write_fmt(&w, "configure arguments: %s\n", WEIR_CONFIGURE_ARGS);
    write_str(&w, STR("modules: "));
    write_http_modules(&w);
    write_char(&w, '\n');
    text = writer_cstr(&w);
    if (text != NULL)
        show(text);
}

static int
show_answer(struct arena *arena, const struct command *command, const struct options *options)
{
    struct str line;

    if (strcmp(command->signal, "conf") == 0)
        return conf_show(options, command->patience.timeout_ms);
    line = arena_fmt(arena, "%s %s", command->signal,
                     command->format != NULL ? command->format : "text");
    return ask_and_print(options, line, command->patience.timeout_ms);
}

static int
show_top(const struct command *command, const struct options *options)
{
    struct top_options top = command->top;

    if (top.interval_ms == 0)
        top.interval_ms = TOP_INTERVAL_MS;
    return top_run(options, &top);
}

static int
run_serve(struct arena *arena, const struct command *command, char *const *arguments)
{
    struct serve serve = command->serve;
    struct writer w = writer_in(arena);
    const char *help;

    serve.arguments = arguments;
    if (!serve.help)
        return serve_run(&serve);
    write_serve_help(&w);
    help = writer_cstr(&w);
    if (help != NULL)
        show(help);
    return EXIT_SUCCESS;
}

static int
run(struct arena *arena, const struct command *command, char *const *arguments)
{
    struct options options = { 0 };
    const struct test test = { .bind = command->bind, .quiet = command->quiet };

    if (command->help || command->version || command->build) {
        show("weir version: weir/" WEIR_VERSION WEIR_BUILD "\n");
        if (command->help)
            show(usage);
        if (command->build)
            show_build(arena);
        return EXIT_SUCCESS;
    }
    if (command->list) {
        if (list_directives(STDOUT_FILENO))
            return EXIT_SUCCESS;
        console("[emerg] the directives cannot be listed (%d: %s)", errno, strerror(errno));
        return EXIT_FAILURE;
    }
    if (command->is_serve)
        return run_serve(arena, command, arguments);
    if (command->is_fmt)
        return fmt_run(&command->fmt);
    if (!make_options(arena, command, &options))
        return EXIT_FAILURE;
    if (command->is_explain) {
        options.no_warnings = true;
        return explain_run(&options, &command->explain);
    }
    if (command->is_doctor)
        return doctor_run(&options, &command->doctor);
    if (command->is_top)
        return show_top(command, &options);
    if (command->test)
        return start_test(&options, &test);
    if (is_question(command))
        return show_answer(arena, command, &options);
    if (command->signal != NULL)
        return control_send(&options, str_of(command->signal), &command->patience);
    options.inherited = inherit_listeners(arena);
    return start_server(&options, arguments, NULL);
}

int
main(int argc, char **argv)
{
    char **arguments = title_init(argc, argv);
    struct arena *arena = arena_create(4096, 0);
    struct command command = { 0 };
    int status = EXIT_FAILURE;
    uint64_t seed;

    if (arguments == NULL || arena == NULL) {
        console("[emerg] out of memory");
        arena_destroy(arena);
        return EXIT_FAILURE;
    }
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
        str_hash_seed(seed);
    if (argc > 0 && read_command(arena, &command, arguments + 1))
        status = run(arena, &command, arguments);
    arena_destroy(arena);
    return status;
}
