/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/status.h"

#include "base/compiler.h"
#include "http/report.h"
#include "proc/control_server.h"

enum { REPORT_BLOCK = 64 << 10 };

static void
write_metrics(struct writer *w, const struct report *report)
{
    report_metrics(w, report, METRICS_PROMETHEUS);
}

/* "raw" is weir's own, see report_raw. */
static const struct form {
    struct str name;
    void (*write)(struct writer *w, const struct report *report);
} forms[] = {
    { STR_INIT("text"),    report_text },
    { STR_INIT("json"),    report_json },
    { STR_INIT("metrics"), write_metrics },
    { STR_INIT("raw"),     report_raw },
};

static const struct form *
find_form(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (str_eq(forms[i].name, name))
            return &forms[i];
    return NULL;
}

bool
status_knows(struct str form)
{
    return find_form(form) != NULL && !str_eq(form, STR("raw"));
}

/* False when memory is short. */
static bool
say_report(struct control_client *client, const struct form *form)
{
    const struct counters_segment *segment = counters_shared();
    struct arena *arena = arena_create(REPORT_BLOCK, 0);
    const struct report *report;
    struct writer w;
    bool ok = false;

    if (arena == NULL)
        return false;
    report = segment != NULL ? report_take(arena, segment) : NULL;
    if (report != NULL) {
        w = writer_in(arena);
        form->write(&w, report);
        control_say(client, writer_str(&w));
        ok = w.ok;
    }
    arena_destroy(arena);
    return ok;
}

void
status_answer(struct control_client *client, struct str arguments, void *data)
{
    const struct form *form = find_form(arguments.len > 0 ? arguments : STR("text"));
    bool ok = false;

    (void)data;
    if (form == NULL)
        control_say(client, STR("weir: [error] \"status\" takes one of text, json, metrics\n"));
    else if (!(ok = say_report(client, form)))
        control_say(client, STR("weir: [error] memory is short\n"));
    control_end(client, ok);
}
