/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/title.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *area, *area_end;
static char **arguments, **environment;         /* the copies */

static size_t
count_strings(char *const *strings)
{
    size_t n = 0;

    while (strings[n] != NULL)
        n++;
    return n;
}

/* One block holds the pointers and their texts. */
static char **
copy_strings(char *const *strings)
{
    size_t n = count_strings(strings), bytes = 0;
    char **copy, *text;

    for (size_t i = 0; i < n; i++)
        bytes += strlen(strings[i]) + 1;
    copy = malloc((n + 1) * sizeof(*copy) + bytes);
    if (copy == NULL)
        return NULL;
    text = (char *)(copy + n + 1);
    for (size_t i = 0; i < n; i++) {
        copy[i] = text;
        text = stpcpy(text, strings[i]) + 1;
    }
    copy[n] = NULL;
    return copy;
}

/* The area goes on as long as one string follows the other without a gap. */
static void
take_area(char *const *strings)
{
    for (; *strings != NULL && (area_end == NULL || *strings == area_end); strings++) {
        if (area == NULL)
            area = *strings;
        area_end = *strings + strlen(*strings) + 1;
    }
}

char **
title_init(int argc, char **argv)
{
    arguments = copy_strings(argv);
    environment = copy_strings(environ);
    if (arguments == NULL || environment == NULL) {
        free(arguments);
        free(environment);
        return NULL;
    }
    if (argc > 0)
        take_area(argv);
    if (area != NULL)
        take_area(environ);
    environ = environment;
    return arguments;
}

void
title_set(const char *text)
{
    if (area == NULL)
        return;
    memset(area, 0, (size_t)(area_end - area));
    snprintf(area, (size_t)(area_end - area), "weir: %s", text);
}

char **
title_environ(void)
{
    return environment != NULL ? environment : environ;
}

const char *
title_getenv(const char *name)
{
    size_t len = strlen(name);

    for (char **v = title_environ(); v != NULL && *v != NULL; v++)
        if (strncmp(*v, name, len) == 0 && (*v)[len] == '=')
            return *v + len + 1;
    return NULL;
}
