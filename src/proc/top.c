/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/top.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "proc/ask.h"
#include "proc/tell.h"
#include "proc/terminal.h"
#include "proc/top_frame.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    READING_BLOCK = 64 << 10,
    PATIENCE_MS = 3000,         /* for an answer */
    ONCE_WIDTH = 80,
    SIDE_STEP = 8               /* columns */
};

/* One answer of the master, and what is in it. */
struct reading {
    struct arena *arena;        /* NULL: there is none */
    struct report *report;
};

/*
 * Invariants: while call.open, `coming` is the arena of the call, which ends at deadline_ms at the
 * latest; otherwise the master is asked at next_ms. While unsent.len > 0 the arena `picture` holds
 * it.
 */
struct top {
    const struct options *options;
    struct top_options want;
    enum colours colours;
    struct terminal terminal;
    int signals;
    struct key_reader keys;
    struct reading before, latest;
    struct reading list;        /* of connections: its text is list_text */
    struct str list_text;
    struct ask_place place;
    struct control_call call;
    struct arena *coming;
    bool coming_list;           /* the call is for connections */
    uint64_t next_ms, deadline_ms;
    char notice[160];
    bool paused, listing, stale;        /* stale: what is on the screen */
    unsigned first_line, first_column;
    enum top_order order;
    struct arena *picture;
    struct str unsent;
    bool over;
    int signal;                 /* that ended it, 0: none */
};

static uint64_t
mono_ms(void)
{
    return clock_mono_us() / 1000;
}

static void
forget(struct reading *reading)
{
    arena_destroy(reading->arena);
    *reading = (struct reading){ 0 };
}

/* ---- asking -------------------------------------------------------------------------------- */

static void
note(struct top *t, const char *what, int err)
{
    if (err != 0)
        snprintf(t->notice, sizeof(t->notice), "%s, trying again (%d: %s)", what, err,
                 strerror(err));
    else
        snprintf(t->notice, sizeof(t->notice), "%s, trying again", what);
    t->stale = true;
}

/* Whatever came of it, the next comes an interval after the last one began. */
static void
end_call(struct top *t)
{
    control_call_end(&t->call);
    arena_destroy(t->coming);
    t->coming = NULL;
}

static void
begin_call(struct top *t)
{
    struct str command = t->listing ? STR("connections") : STR("status raw");
    uint64_t ms = mono_ms();

    t->next_ms = ms + t->want.interval_ms;
    t->deadline_ms = ms + PATIENCE_MS;
    t->coming_list = t->listing;
    t->coming = arena_create(READING_BLOCK, 0);
    if (t->coming != NULL && ask_begin(t->options, &t->place, command, t->coming, &t->call))
        return;
    note(t, errno == EAGAIN ? "the master process does not answer" : "no master process answers",
         errno);
    end_call(t);
}

static bool
take_report(struct top *t, struct str text)
{
    struct report *report = report_read(t->coming, text);

    if (report == NULL)
        return false;
    forget(&t->before);
    t->before = t->latest;
    t->latest = (struct reading){ t->coming, report };
    t->coming = NULL;
    return true;
}

static bool
take_list(struct top *t, struct str text)
{
    forget(&t->list);
    t->list.arena = t->coming;
    t->list_text = text;
    t->coming = NULL;
    return true;
}

static void
on_answer(struct top *t)
{
    enum control_answer answer;
    struct str text;
    bool ok;

    if (!control_call_read(&t->call, &answer, &text))
        return;
    ok = answer == ANSWER_OK && (t->coming_list ? take_list(t, text) : take_report(t, text));
    if (ok) {
        t->notice[0] = '\0';
        t->stale = true;
    } else if (answer == ANSWER_FAILED) {
        note(t, "the master process knows no such question", 0);
    } else {
        note(t, answer == ANSWER_OK ? "the master process is of another version"
                                    : "the master process broke off its answer", 0);
    }
    end_call(t);
}

/* ---- drawing ------------------------------------------------------------------------------- */

static void
fill_view(struct top *t, struct arena *arena, struct top_view *view)
{
    *view = (struct top_view){
        .report = t->latest.report, .notice = str_of(t->notice),
        .listing = t->listing ? t->list_text : STR_NONE,
        .first_line = t->first_line, .first_column = t->first_column,
        .interval_ms = t->want.interval_ms, .order = t->order, .is_paused = t->paused,
        .has_keys = !t->want.once,
    };
    if (t->listing && !str_is_set(view->listing))
        view->listing = STR("");
    if (view->report != NULL)
        view->numbers = top_compare(arena, t->before.report, view->report, t->order);
    if (view->numbers == NULL)
        view->report = NULL;
}

static void
draw(struct top *t)
{
    struct top_view view;
    struct screen *screen;
    struct writer w;
    unsigned width, height;

    arena_reset(t->picture);
    terminal_size(&t->terminal, &width, &height);
    screen = screen_create(t->picture, MIN(width, (unsigned)SCREEN_SIDE_MAX),
                           MIN(height, (unsigned)SCREEN_SIDE_MAX));
    fill_view(t, t->picture, &view);
    t->stale = false;
    if (screen == NULL)
        return;
    if (t->listing)
        t->first_line = view.first_line
            = MIN(t->first_line, top_frame_last_line(view.listing, height));
    top_frame(screen, &view);
    w = writer_in(t->picture);
    screen_draw(&w, screen, t->colours);
    t->unsent = writer_str(&w);
}

/* ---- keys ---------------------------------------------------------------------------------- */

static void
set_interval(struct top *t, uint64_t ms)
{
    ms = MIN(MAX(ms, (uint64_t)TOP_INTERVAL_LEAST_MS), (uint64_t)TOP_INTERVAL_MOST_MS);
    t->next_ms = t->next_ms - t->want.interval_ms + ms;
    t->want.interval_ms = ms;
}

/* From 0 to `most`. */
static unsigned
moved(unsigned from, int by, unsigned most)
{
    if (by < 0)
        return from - MIN(from, (unsigned)-by);
    return MIN(from + (unsigned)by, most);
}

static void
scroll(struct top *t, int lines)
{
    t->first_line = moved(t->first_line, lines, INT_MAX);
}

static void
scroll_side(struct top *t, int columns)
{
    t->first_column = moved(t->first_column, columns, SCREEN_SIDE_MAX);
}

static void
toggle_list(struct top *t)
{
    t->listing = !t->listing;
    t->first_line = t->first_column = 0;
    forget(&t->list);
    t->list_text = STR_NONE;
    if (t->call.open)
        end_call(t);
    t->next_ms = 0;
}

/* Keys of the list. */
static void
on_scroll_key(struct top *t, int key)
{
    unsigned width, height;
    int page;

    terminal_size(&t->terminal, &width, &height);
    page = (int)MAX(MIN(height, (unsigned)SCREEN_SIDE_MAX), 6U) - 5;
    switch (key) {
    case KEY_UP:        scroll(t, -1);                  break;
    case KEY_DOWN:      scroll(t, 1);                   break;
    case KEY_PAGE_UP:   scroll(t, -page);               break;
    case KEY_PAGE_DOWN: scroll(t, page);                break;
    case KEY_HOME:      t->first_line = 0;              break;
    case KEY_END:       t->first_line = INT_MAX;        break;
    case KEY_RIGHT:     scroll_side(t, SIDE_STEP);      break;
    case KEY_LEFT:      scroll_side(t, -SIDE_STEP);     break;
    default:                                            break;
    }
}

static void
on_key(struct top *t, int key)
{
    t->stale = t->stale || key != KEY_NONE;
    switch (key) {
    case 'q':
    case 'Q': t->over = true;                                                           break;
    case 'p':
    case ' ': t->paused = !t->paused;                                                   break;
    case '+': set_interval(t, t->want.interval_ms * 2);                                 break;
    case '-': set_interval(t, t->want.interval_ms / 2);                                 break;
    case 's': t->order = (enum top_order)(((unsigned)t->order + 1) % TOP_ORDERS);       break;
    case 'c': toggle_list(t);                                                           break;
    default:  on_scroll_key(t, key);                                                    break;
    }
}

static void
on_typed(struct top *t)
{
    char bytes[64];
    int n = terminal_read(&t->terminal, bytes, sizeof(bytes));

    t->over = t->over || n < 0;
    for (int i = 0; i < n; i++)
        on_key(t, key_read(&t->keys, bytes[i]));
}

/* ---- signals ------------------------------------------------------------------------------- */

static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT };

/* Blocked, so that none comes but when it is asked for. A descriptor, or -1 with errno. */
static int
catch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(caught); i++)
        sigaddset(&set, caught[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void
redraw(struct top *t)
{
    t->unsent = STR("");
    t->stale = true;
}

/* The shell has the terminal until SIGCONT. */
static void
stop(struct top *t)
{
    terminal_leave(&t->terminal);
    raise(SIGSTOP);
}

static void
on_signal(struct top *t, int number)
{
    switch (number) {
    case SIGTSTP:
        stop(t);
        break;
    case SIGCONT:
        terminal_enter(&t->terminal);
        redraw(t);
        break;
    case SIGWINCH:
        t->stale = true;
        break;
    default:
        t->over = true;
        t->signal = number;
    }
}

static void
on_signals(struct top *t)
{
    struct signalfd_siginfo info;

    while (read(t->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        on_signal(t, (int)info.ssi_signo);
}

/* ---- the loop ------------------------------------------------------------------------------ */

/* Whether the next question is only a matter of time. A list that was asked for comes in any case. */
static bool
wants_more(const struct top *t)
{
    return !t->call.open && (!t->paused || (t->listing && t->list.arena == NULL));
}

/* Milliseconds until there is something to do. -1: there is nothing. */
static int
time_left(const struct top *t)
{
    uint64_t at = t->call.open ? t->deadline_ms : t->next_ms, ms = mono_ms();

    if (!t->call.open && !wants_more(t))
        return -1;
    return at > ms ? (int)MIN(at - ms, (uint64_t)INT_MAX) : 0;
}

static void
wait_for_something(struct top *t)
{
    struct pollfd fds[] = {
        { .fd = t->signals, .events = POLLIN },
        { .fd = t->terminal.input, .events = POLLIN },
        { .fd = t->unsent.len > 0 ? t->terminal.fd : -1, .events = POLLOUT },
        { .fd = t->call.open ? t->call.fd : -1, .events = POLLIN },
    };

    if (poll(fds, ARRAY_LEN(fds), time_left(t)) <= 0)
        return;
    if (fds[0].revents != 0)
        on_signals(t);
    if (fds[1].revents != 0)
        on_typed(t);
    if ((fds[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
        t->over = true;
    if (fds[3].revents != 0 && t->call.open && t->call.fd == fds[3].fd)
        on_answer(t);
}

static void
turn(struct top *t)
{
    uint64_t ms = mono_ms();

    if (t->call.open && ms >= t->deadline_ms) {
        note(t, "the master process does not answer", 0);
        end_call(t);
    }
    if (wants_more(t) && ms >= t->next_ms)
        begin_call(t);
    if (t->stale && t->unsent.len == 0)
        draw(t);
    if (t->unsent.len > 0 && !terminal_write(&t->terminal, &t->unsent))
        t->over = true;
    if (!t->over)
        wait_for_something(t);
}

/* ---- from begin to end --------------------------------------------------------------------- */

/* The first answer is waited for: who names a wrong conf file wants to hear it at once. */
static bool
first_reading(struct top *t, struct reading *reading)
{
    enum control_answer answer;
    struct str text;

    reading->arena = arena_create(READING_BLOCK, 0);
    if (reading->arena == NULL) {
        tell(LEVEL_ERR, ENOMEM, "the master cannot be asked");
        return false;
    }
    answer = ask_master(t->options, STR("status raw"), PATIENCE_MS, reading->arena, &text);
    if (answer == ANSWER_NOBODY) {
        ask_complain(t->options);
    } else if (answer != ANSWER_OK) {
        tell(LEVEL_ERR, 0, "the master process does not answer");
    } else {
        reading->report = report_read(reading->arena, text);
        if (reading->report == NULL)
            tell(LEVEL_ERR, 0, "the master process is of another version");
    }
    return reading->report != NULL;
}

static bool
print_picture(struct top *t)
{
    struct top_view view;
    struct screen *screen;
    struct writer w;
    struct str text;

    fill_view(t, t->picture, &view);
    if (view.report == NULL)
        return false;
    screen = screen_create(t->picture, ONCE_WIDTH, top_frame_height(&view));
    if (screen == NULL)
        return false;
    top_frame(screen, &view);
    w = writer_in(t->picture);
    screen_write(&w, screen);
    text = writer_str(&w);
    return fwrite(text.p, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
}

static int
run_once(struct top *t)
{
    bool ok = first_reading(t, &t->before);

    if (ok)
        poll(NULL, 0, (int)MIN(t->want.interval_ms, (uint64_t)INT_MAX));
    if (!ok || !first_reading(t, &t->latest))
        return EXIT_FAILURE;
    if (print_picture(t))
        return EXIT_SUCCESS;
    tell(LEVEL_ERR, errno, "the standard output cannot be written");
    return EXIT_FAILURE;
}

static bool
can_draw(struct top *t)
{
    const char *kind = getenv("TERM");

    if (!terminal_open(&t->terminal)) {
        tell(LEVEL_ERR, errno, "standard output is no terminal, \"weir top --once\" writes text");
        return false;
    }
    if (kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0)
        return true;
    tell(LEVEL_ERR, 0, "the terminal cannot be drawn on (TERM is \"%s\"), \"weir top --once\" "
         "writes text", kind != NULL ? kind : "");
    terminal_close(&t->terminal);
    return false;
}

/* What ended it ends the process, so that whoever waits for it knows. */
static int
end_by(int number)
{
    sigset_t set;

    if (number == 0 || number == SIGINT)
        return EXIT_SUCCESS;
    sigemptyset(&set);
    sigaddset(&set, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return EXIT_FAILURE;
}

static int
run_live(struct top *t)
{
    if (!can_draw(t) || !first_reading(t, &t->latest))
        return EXIT_FAILURE;
    t->signals = catch_signals();
    if (t->signals < 0) {
        tell(LEVEL_ERR, errno, "signalfd() failed");
        return EXIT_FAILURE;
    }
    t->stale = true;
    t->next_ms = mono_ms() + t->want.interval_ms;
    terminal_enter(&t->terminal);
    while (!t->over)
        turn(t);
    terminal_close(&t->terminal);
    close(t->signals);
    return end_by(t->signal);
}

static bool
wants_colours(const struct top_options *want)
{
    const char *no = getenv("NO_COLOR");

    return !want->no_colour && (no == NULL || no[0] == '\0');
}

int
top_run(const struct options *options, const struct top_options *want)
{
    struct top t = {
        .options = options, .want = *want, .terminal = { .fd = -1 },
        .colours = wants_colours(want) ? COLOURS_ANSI : COLOURS_NONE,
        .picture = arena_create(READING_BLOCK, 0),
    };
    int status = EXIT_FAILURE;

    if (t.picture == NULL)
        tell(LEVEL_ERR, ENOMEM, "there is no picture");
    else
        status = want->once ? run_once(&t) : run_live(&t);
    terminal_close(&t.terminal);
    if (t.coming != NULL)
        end_call(&t);
    forget(&t.before);
    forget(&t.latest);
    forget(&t.list);
    arena_destroy(t.picture);
    return status;
}
