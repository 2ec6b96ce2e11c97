/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/screen.h"

struct screen {
    unsigned width, height;
    char *text;                 /* width * height */
    unsigned char *style;       /* enum style, likewise */
};

/* Parameters of SGR (ECMA-48 8.3.117). Without colours what matters is told by weight. */
static const char *const looks[STYLES][2] = {
    [STYLE_PLAIN]     = { "", "" },
    [STYLE_LABEL]     = { "", "" },
    [STYLE_VALUE]     = { "1", "1" },
    [STYLE_HEADING]   = { "7", "7" },
    [STYLE_NOTICE]    = { "1;7", "1;37;41" },
    [STYLE_GOOD]      = { "", "32" },
    [STYLE_BAD]       = { "1", "1;31" },
    [STYLE_READING]   = { "1", "33" },
    [STYLE_WRITING]   = { "1", "32" },
    [STYLE_IDLE]      = { "", "36" },
    [STYLE_LINGERING] = { "", "35" },
    [STYLE_FREE]      = { "", "90" },
};

struct screen *
screen_create(struct arena *arena, unsigned width, unsigned height)
{
    struct screen *s = ARENA_NEW(arena, struct screen);
    size_t size = (size_t)width * height;

    if (s == NULL)
        return NULL;
    *s = (struct screen){ width, height, arena_bytes(arena, size), arena_zalloc(arena, size) };
    if (s->text == NULL || s->style == NULL)
        return NULL;
    memset(s->text, ' ', size);
    return s;
}

unsigned
screen_width(const struct screen *screen)
{
    return screen->width;
}

unsigned
screen_height(const struct screen *screen)
{
    return screen->height;
}

static void
put_char(struct screen *screen, unsigned x, unsigned y, enum style style, char c)
{
    size_t at = (size_t)y * screen->width + x;

    if (x >= screen->width || y >= screen->height)
        return;
    screen->text[at] = c >= ' ' && c <= '~' ? c : '?';
    screen->style[at] = (unsigned char)style;
}

unsigned
screen_put(struct screen *screen, unsigned x, unsigned y, enum style style, struct str text)
{
    for (size_t i = 0; i < text.len && x + i < screen->width; i++)
        put_char(screen, x + (unsigned)i, y, style, text.p[i]);
    return x + (unsigned)MIN(text.len, (size_t)SCREEN_SIDE_MAX);
}

unsigned
screen_fmt(struct screen *screen, unsigned x, unsigned y, enum style style, const char *fmt, ...)
{
    char text[SCREEN_SIDE_MAX + 1];
    struct writer w = writer_at(text, sizeof(text));
    va_list args;

    va_start(args, fmt);
    write_vfmt(&w, fmt, args);
    va_end(args);
    return screen_put(screen, x, y, style, (struct str){ w.start, (size_t)(w.p - w.start) });
}

void
screen_repeat(struct screen *screen, unsigned x, unsigned y, enum style style, char c, unsigned n)
{
    for (unsigned i = 0; i < n && x + i < screen->width; i++)
        put_char(screen, x + i, y, style, c);
}

void
screen_line_style(struct screen *screen, unsigned y, enum style style)
{
    if (y < screen->height)
        memset(screen->style + (size_t)y * screen->width, (int)style, screen->width);
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Up to the last that is to be seen. */
static unsigned
line_length(const struct screen *screen, unsigned y)
{
    const char *text = screen->text + (size_t)y * screen->width;
    const unsigned char *style = screen->style + (size_t)y * screen->width;
    unsigned n = screen->width;

    while (n > 0 && text[n - 1] == ' ' && style[n - 1] != STYLE_HEADING
           && style[n - 1] != STYLE_NOTICE)
        n--;
    return n;
}

static void
write_look(struct writer *w, const char *look)
{
    write_fmt(w, "\033[0%s%sm", look[0] != '\0' ? ";" : "", look);
}

static void
draw_line(struct writer *w, const struct screen *screen, unsigned y, enum colours colours)
{
    unsigned len = line_length(screen, y);
    const char *text = screen->text + (size_t)y * screen->width;
    const unsigned char *style = screen->style + (size_t)y * screen->width;
    const char *before = "";

    for (unsigned x = 0; x < len; x++) {
        const char *look = looks[style[x]][colours];

        if (strcmp(look, before) != 0)
            write_look(w, look);
        before = look;
        write_char(w, text[x]);
    }
    if (before[0] != '\0')
        write_look(w, "");
    if (len < screen->width)
        write_str(w, STR("\033[K"));
}

void
screen_draw(struct writer *w, const struct screen *screen, enum colours colours)
{
    for (unsigned y = 0; y < screen->height; y++) {
        write_fmt(w, "\033[%u;1H", y + 1);
        draw_line(w, screen, y, colours);
    }
}

void
screen_write(struct writer *w, const struct screen *screen)
{
    unsigned lines = screen->height;

    while (lines > 0 && line_length(screen, lines - 1) == 0)
        lines--;
    for (unsigned y = 0; y < lines; y++) {
        struct str line = { screen->text + (size_t)y * screen->width, screen->width };

        while (line.len > 0 && line.p[line.len - 1] == ' ')
            line.len--;
        write_str(w, line);
        write_char(w, '\n');
    }
}
