/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folder_list: what a folder holds as a text: in nginx's forms (html, xml, json, jsonp), and as
 * weir's own page. A head, a piece for each entry, a tail: a large list is written while it is
 * sent.
 */
#ifndef WEIR_HTTP_FOLDER_LIST_H
#define WEIR_HTTP_FOLDER_LIST_H

#include "base/writer.h"
#include "http/folder.h"

enum folder_format { LIST_PAGE, LIST_HTML, LIST_XML, LIST_JSON, LIST_JSONP };

struct folder_list {
    const struct folder *folder;
    struct str path;            /* as clients know it, decoded; begins and ends with "/" */
    struct str host;            /* page: "" where it is not known */
    enum folder_format format;
    bool exact_size;            /* html */
    bool local_time;            /* html, page */
    bool is_utf8;               /* html: the answer says so, and a character counts as one */
    struct str callback;        /* jsonp */
};

/* An entry is never longer: 255 bytes, up to six for each of them, once as text, once as a link. */
enum { LIST_ENTRY_MAX = 4096 };

void folder_list_head(struct writer *w, const struct folder_list *list);
/* Number i of list->folder->entries. */
void folder_list_entry(struct writer *w, const struct folder_list *list, uint32_t i);
void folder_list_tail(struct writer *w, const struct folder_list *list);

/* Without charset, as nginx has it, but for xml and the page. */
struct str folder_list_type(enum folder_format format);

/*
 * What the page's Content-Security-Policy says: nothing but its own style, known by its digest, may
 * have an effect, whatever names and texts hold. False when there is no digest to be had.
 */
bool folder_page_policy(struct writer *w);

/* ---- for the files of lists ---------------------------------------------------------------- */

struct folder_form {
    struct str type;
    void (*head)(struct writer *w, const struct folder_list *list);
    void (*entry)(struct writer *w, const struct folder_list *list, uint32_t i);
    void (*tail)(struct writer *w, const struct folder_list *list);
};
extern const struct folder_form folder_page_form;

#endif
