/* SPDX-License-Identifier: BSD-2-Clause */
/* explain_parts: what the files of explain share: the question, and what is told of the answer. */
#ifndef WEIR_PROC_EXPLAIN_PARTS_H
#define WEIR_PROC_EXPLAIN_PARTS_H

#include "base/vec.h"
#include "base/writer.h"
#include "conf/conf.h"
#include "http/explain.h"
#include "proc/explain.h"

/* The question in its parts. */
struct explain_question {
    struct str method;
    struct str url;             /* whole, as it is told */
    struct http_asked asked;
};

/* False, told, when it makes no sense. */
bool explain_read(struct arena *arena, const struct explain *explain,
                  struct explain_question *question);

/* What decided ("location"; "" nothing has a name), what was decided, and the line that says so. */
struct explain_step {
    struct str label, text;
    struct conf_mark where;     /* file "": none */
};

/* A line that an access log would get. */
struct explain_log {
    struct str file;
    struct str line;            /* STR_NONE: its condition does not hold */
    struct conf_mark where;
};

struct explain_report {
    struct explain_question question;
    struct str conf_path;
    VEC(struct explain_step) steps;
    VEC(struct explain_log) logs;
    struct http_explained explained;
    struct str file;            /* that is served; STR_NONE: none is */
};

void write_explain_text(struct writer *w, const struct explain_report *report, bool colours);
void write_explain_json(struct writer *w, const struct explain_report *report);

#endif
