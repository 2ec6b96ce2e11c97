/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_control: a line of the control socket is split into words that stand within it, says the
 * same whatever follows it, and ends the waiting for more exactly when it ought to.
 */
#include "fuzz.h"

#include "proc/control_server.h"

/* The bytes in a block of their own, so that a read beyond them is found. */
static enum control_line
parse(const uint8_t *data, size_t size, struct str *name, struct str *arguments, char **block)
{
    *block = malloc(size + (size == 0));
    require(*block != NULL);
    memcpy(*block, data, size);
    *name = *arguments = STR("");
    return control_line_parse((struct str){ *block, size }, name, arguments);
}

static void
require_within(struct str word, const char *block, size_t len)
{
    require(word.p >= block && word.p + word.len <= block + len);
    for (size_t i = 0; i < word.len; i++)
        require((unsigned char)word.p[i] >= ' ' && word.p[i] != 0x7f);
}

static void
require_words(struct str name, struct str arguments, const char *block, size_t len)
{
    require_within(name, block, len);
    require_within(arguments, block, len);
    require(memchr(name.p, ' ', name.len) == NULL);
    require(arguments.len == 0 || (arguments.p[0] != ' ' && arguments.p > name.p + name.len));
    require(name.len > 0 || arguments.len == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t bounded = MIN(size, (size_t)CONTROL_LINE_MAX);
    const uint8_t *newline = memchr(data, '\n', bounded);
    size_t len = newline == NULL ? bounded : (size_t)(newline - data) + 1;
    struct str name, arguments, same_name, same_arguments;
    char *all, *line;
    enum control_line verdict = parse(data, bounded, &name, &arguments, &all);

    if (newline == NULL) {
        require(verdict == (bounded < CONTROL_LINE_MAX ? LINE_INCOMPLETE : LINE_TOO_LONG));
    } else {
        require(verdict == LINE_WHOLE || verdict == LINE_MALFORMED);
        require(parse(data, len, &same_name, &same_arguments, &line) == verdict);
        require(str_eq(name, same_name) && str_eq(arguments, same_arguments));
        free(line);
    }
    if (verdict == LINE_WHOLE)
        require_words(name, arguments, all, len);
    free(all);
    return 0;
}
