/* SPDX-License-Identifier: BSD-2-Clause */
/* ssi_time: see ssi_time.h. */
#include "http/ssi_time.h"
#include "base/writer.h"

/*
 * "%s", seconds since the epoch, means the same in all zones: strftime would think otherwise. NULL
 * when memory is short.
 */
static const char *
with_seconds(struct arena *arena, struct str format, time_t seconds)
{
    struct writer w = writer_in(arena);

    for (size_t i = 0; i < format.len; i++) {
        bool is_pair = format.p[i] == '%' && i + 1 < format.len;

        if (is_pair && format.p[i + 1] == 's') {
            write_int(&w, (int64_t)seconds);
            i++;
            continue;
        }
        write_char(&w, format.p[i]);
        if (is_pair)
            write_char(&w, format.p[++i]);
    }
    return writer_cstr(&w);
}

/* The format is the author's: strftime has no use for more than its time, and stays in bounds. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static size_t
write_time(char *room, size_t size, const char *format, const struct tm *tm)
{
    return strftime(room, size, format, tm);
}
#pragma GCC diagnostic pop

struct str
ssi_time(struct arena *arena, struct str form, time_t seconds, const struct tm *tm)
{
    const char *format = "%A, %d-%b-%Y %H:%M:%S %Z";
    char text[1001];
    size_t n;

    if (str_is_set(form))
        format = with_seconds(arena, form, seconds);
    if (format == NULL || (n = write_time(text, sizeof(text), format, tm)) == 0)
        return STR_NONE;
    return arena_str(arena, (struct str){ text, n });
}
