/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/terminal.h"

#include "base/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LAST_WORD_MS = 500 };

/* A description of its own, so that "non-blocking" is not said to the shell's as well. */
bool
terminal_open(struct terminal *t)
{
    char name[PATH_MAX];
    int error;

    *t = (struct terminal){ .fd = -1, .input = -1 };
    error = ttyname_r(STDOUT_FILENO, name, sizeof(name));
    if (error == 0)
        t->fd = open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    t->input = t->fd;
    if (t->fd < 0 && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO)) {
        t->fd = STDOUT_FILENO;
        t->input = STDIN_FILENO;
    }
    if (t->fd >= 0 && tcgetattr(t->fd, &t->before) == 0)
        return true;
    if (error != 0)
        errno = error;
    terminal_close(t);
    return false;
}

/* A short text that matters; waits a little if need be. */
static void
say(const struct terminal *t, struct str text)
{
    struct pollfd pfd = { .fd = t->fd, .events = POLLOUT };

    while (terminal_write(t, &text) && text.len > 0)
        if (poll(&pfd, 1, LAST_WORD_MS) <= 0)
            return;
}

/* Signals of the keyboard stay signals. */
void
terminal_enter(struct terminal *t)
{
    struct termios raw = t->before;

    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(t->fd, TCSANOW, &raw);
    t->entered = true;
    say(t, STR("\033[?1049h\033[?25l\033[0m\033[2J"));
}

/* CAN ends a sequence that was cut off in its middle. */
void
terminal_leave(struct terminal *t)
{
    if (!t->entered)
        return;
    say(t, STR("\030\033[0m\033[2J\033[?25h\033[?1049l"));
    tcsetattr(t->fd, TCSANOW, &t->before);
    t->entered = false;
}

void
terminal_close(struct terminal *t)
{
    int failure = errno;

    terminal_leave(t);
    if (t->fd > STDERR_FILENO)
        close(t->fd);
    t->fd = t->input = -1;
    errno = failure;
}

void
terminal_size(const struct terminal *t, unsigned *width, unsigned *height)
{
    struct winsize size = { 0 };

    if (ioctl(t->fd, TIOCGWINSZ, &size) != 0)
        size.ws_col = size.ws_row = 0;
    *width = size.ws_col > 0 ? size.ws_col : 80;
    *height = size.ws_row > 0 ? size.ws_row : 24;
}

bool
terminal_write(const struct terminal *t, struct str *text)
{
    while (text->len > 0) {
        ssize_t n = write(t->fd, text->p, text->len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        *text = str_from(*text, (size_t)n);
    }
    return true;
}

/* With VMIN 0 nothing typed and the end of the terminal are both 0: the loop's POLLHUP tells. */
int
terminal_read(const struct terminal *t, char *bytes, size_t size)
{
    ssize_t n = read(t->input, bytes, size);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    return (int)n;
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* ESC [ parameters final, or ESC O final (ECMA-48 5.4, and what keypads send). */
enum { PLAIN, ESCAPE, SEQUENCE, SINGLE };

static int
letter_key(char final)
{
    switch (final) {
    case 'A': return KEY_UP;
    case 'B': return KEY_DOWN;
    case 'C': return KEY_RIGHT;
    case 'D': return KEY_LEFT;
    case 'H': return KEY_HOME;
    case 'F': return KEY_END;
    default:  return KEY_NONE;
    }
}

static int
numbered_key(unsigned char number)
{
    switch (number) {
    case 1:
    case 7:  return KEY_HOME;
    case 4:
    case 8:  return KEY_END;
    case 5:  return KEY_PAGE_UP;
    case 6:  return KEY_PAGE_DOWN;
    default: return KEY_NONE;
    }
}

static int
in_sequence(struct key_reader *r, char byte)
{
    if (byte >= '0' && byte <= '9')
        r->parameter = (unsigned char)MIN(r->parameter * 10 + (byte - '0'), 100);
    if (byte >= ' ' && byte < '@')
        return KEY_NONE;
    r->state = PLAIN;
    return byte == '~' ? numbered_key(r->parameter) : letter_key(byte);
}

int
key_read(struct key_reader *r, char byte)
{
    if (byte == '\033') {
        *r = (struct key_reader){ .state = ESCAPE };
        return KEY_NONE;
    }
    switch (r->state) {
    case ESCAPE:
        r->state = byte == '[' ? SEQUENCE : byte == 'O' ? SINGLE : PLAIN;
        return KEY_NONE;
    case SEQUENCE:
        return in_sequence(r, byte);
    case SINGLE:
        r->state = PLAIN;
        return letter_key(byte);
    default:
        return (unsigned char)byte;
    }
}
