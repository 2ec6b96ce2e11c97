/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fmt: "weir fmt FILE…", conf files laid out anew (conf/format.h). Each file is taken by itself:
 * what it includes is not looked at.
 */
#ifndef WEIR_PROC_FMT_H
#define WEIR_PROC_FMT_H

enum fmt_output {
    FMT_PRINT,                  /* to standard output */
    FMT_WRITE,                  /* back into the file */
    FMT_CHECK                   /* the names of those that would change */
};

struct fmt {
    char *const *files;         /* as given, NULL-terminated; none: standard input */
    enum fmt_output output;
};

/*
 * The process's exit status: failure when a file has errors, or cannot be read or written, or, with
 * FMT_CHECK, would change. A file that has errors stays as it is, and the others are done.
 */
int fmt_run(const struct fmt *fmt);

#endif
