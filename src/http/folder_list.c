/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/folder_list.h"
#include "base/clock.h"
#include "base/compiler.h"

static const char *const kinds[] = {
    [ENTRY_FOLDER] = "directory", [ENTRY_FILE] = "file", [ENTRY_OTHER] = "other",
};

static const struct folder_entry *
entry_of(const struct folder_list *list, uint32_t i)
{
    return list->folder->entries[i];
}

/* As nginx has it: an apostrophe stays one. */
static void
write_markup(struct writer *w, struct str s)
{
    while (s.len > 0) {
        ptrdiff_t at = str_find(s, '\'', 0);
        struct str before = { s.p, at < 0 ? s.len : (size_t)at };

        write_html(w, before);
        if (at >= 0)
            write_char(w, '\'');
        s = str_from(s, before.len + 1);
    }
}

/* ---- html ---------------------------------------------------------------------------------- */

enum {
    NAME_SHOWN = 50,            /* characters of a name */
    NAME_CUT = 47,              /* of one that is longer */
    EXACT_WIDTH = 20, ROUNDED_WIDTH = 8
};

/* A name as it is shown: how many characters, and how many bytes of it are. */
struct shown_name {
    size_t characters, bytes;
};

/* Where a name is no UTF-8 its bytes count. */
static struct shown_name
measure(const struct folder_list *list, struct str name)
{
    size_t characters = 0, cut = 0;

    for (size_t i = 0, n; i < name.len; i += n) {
        n = list->is_utf8 ? str_utf8_length(str_from(name, i)) : 1;
        if (n == 0)
            return (struct shown_name){ name.len, MIN(name.len, (size_t)NAME_CUT) };
        if (characters++ == NAME_CUT)
            cut = i;
    }
    return (struct shown_name){ characters, characters > NAME_CUT ? cut : name.len };
}

static void
html_head(struct writer *w, const struct folder_list *list)
{
    write_str(w, STR("<html>\r\n<head><title>Index of "));
    write_markup(w, list->path);
    write_str(w, STR("</title></head>\r\n<body>\r\n<h1>Index of "));
    write_markup(w, list->path);
    write_str(w, STR("</h1><hr><pre><a href=\"../\">../</a>\r\n"));
}

static void
write_blanks(struct writer *w, size_t n)
{
    static const char blanks[] = "                                                   ";

    write_bytes(w, blanks, MIN(n, sizeof(blanks) - 1));
}

/* A number and its unit, '\0': none, at the right end of a column. */
static void
write_right(struct writer *w, uint64_t n, char unit, size_t width)
{
    char text[24];
    char *end = put_uint(text, n);
    size_t len;

    if (unit != '\0')
        *end++ = unit;
    len = (size_t)(end - text);
    write_blanks(w, width > len ? width - len : 0);
    write_bytes(w, text, len);
}

/* The name, a folder's "/" where there is room for it, and blanks up to the column of times. */
static void
html_name(struct writer *w, const struct folder_list *list, const struct folder_entry *entry)
{
    struct str name = folder_entry_name(entry);
    struct shown_name shown = measure(list, name);
    size_t width = shown.characters;

    if (width > NAME_SHOWN) {
        write_markup(w, (struct str){ name.p, shown.bytes });
        write_str(w, STR("..&gt;"));
        width = NAME_SHOWN;
    } else {
        write_markup(w, name);
        if (entry->kind == ENTRY_FOLDER && width < NAME_SHOWN) {
            write_char(w, '/');
            width++;
        }
    }
    write_str(w, STR("</a>"));
    write_blanks(w, NAME_SHOWN + 1 - width);
}

static void
html_time(struct writer *w, const struct folder_list *list, time_t mtime)
{
    static const char months[12][6] = {
        "-Jan-", "-Feb-", "-Mar-", "-Apr-", "-May-", "-Jun-", "-Jul-", "-Aug-", "-Sep-", "-Oct-",
        "-Nov-", "-Dec-",
    };
    struct tm tm = { .tm_year = 0 };

    if (list->local_time)
        localtime_r(&mtime, &tm);
    else
        gmtime_r(&mtime, &tm);
    write_padded(w, (uint64_t)tm.tm_mday, 2);
    write_str(w, str_of(months[tm.tm_mon]));
    write_padded(w, (uint64_t)tm.tm_year + 1900, 4);
    write_char(w, ' ');
    write_padded(w, (uint64_t)tm.tm_hour, 2);
    write_char(w, ':');
    write_padded(w, (uint64_t)tm.tm_min, 2);
}

/* Rounded, a half up. */
static void
html_rounded(struct writer *w, uint64_t size)
{
    static const struct { uint64_t least, unit; char name; } units[] = {
        { UINT64_C(1) << 30, UINT64_C(1) << 30, 'G' },
        { UINT64_C(1) << 20, UINT64_C(1) << 20, 'M' },
        { 10000, 1024, 'K' },
    };

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (size >= units[i].least) {
            write_right(w, size / units[i].unit + (size % units[i].unit >= units[i].unit / 2),
                        units[i].name, ROUNDED_WIDTH);
            return;
        }
    write_right(w, size, '\0', ROUNDED_WIDTH);
}

static void
html_entry(struct writer *w, const struct folder_list *list, uint32_t i)
{
    const struct folder_entry *entry = entry_of(list, i);
    bool is_folder = entry->kind == ENTRY_FOLDER;

    write_str(w, STR("<a href=\""));
    write_uri_component(w, folder_entry_name(entry));
    write_str(w, is_folder ? STR("/\">") : STR("\">"));
    html_name(w, list, entry);
    html_time(w, list, entry->mtime);
    if (is_folder) {
        write_blanks(w, (list->exact_size ? EXACT_WIDTH : ROUNDED_WIDTH) - 1);
        write_char(w, '-');
    } else if (list->exact_size) {
        write_right(w, entry->size, '\0', EXACT_WIDTH);
    } else {
        html_rounded(w, entry->size);
    }
    write_str(w, STR("\r\n"));
}

static void
html_tail(struct writer *w, const struct folder_list *list)
{
    (void)list;
    write_str(w, STR("</pre><hr></body>\r\n</html>\r\n"));
}

/* ---- xml ----------------------------------------------------------------------------------- */

/* How many bytes the character at the begin of s has; 0: XML has none such (XML 1.0 2.2). */
static size_t
xml_char(struct str s)
{
    size_t n = str_utf8_length(s);
    unsigned char c = (unsigned char)s.p[0];

    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
        return 0;
    if (n == 3 && (memcmp(s.p, "\xef\xbf\xbe", 3) == 0 || memcmp(s.p, "\xef\xbf\xbf", 3) == 0))
        return 0;
    return n;
}

/* What XML cannot say becomes U+FFFD: a list with it in it would be none. */
static void
xml_name(struct writer *w, struct str name)
{
    size_t plain = 0, n;

    for (size_t i = 0; i < name.len; i += n) {
        n = xml_char(str_from(name, i));
        if (n > 0)
            continue;
        n = 1;
        write_markup(w, (struct str){ name.p + plain, i - plain });
        write_str(w, STR("\xef\xbf\xbd"));
        plain = i + 1;
    }
    write_markup(w, str_from(name, plain));
}

static void
write_utc(struct writer *w, time_t t)
{
    struct tm tm = { .tm_year = 0 };

    gmtime_r(&t, &tm);
    write_fmt(w, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
              tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void
xml_head(struct writer *w, const struct folder_list *list)
{
    (void)list;
    write_str(w, STR("<?xml version=\"1.0\"?>\r\n<list>\r\n"));
}

static void
xml_entry(struct writer *w, const struct folder_list *list, uint32_t i)
{
    const struct folder_entry *entry = entry_of(list, i);
    const char *kind = kinds[entry->kind];

    write_fmt(w, "<%s mtime=\"", kind);
    write_utc(w, entry->mtime);
    if (entry->kind == ENTRY_FILE)
        write_fmt(w, "\" size=\"%ju", (uintmax_t)entry->size);
    write_str(w, STR("\">"));
    xml_name(w, folder_entry_name(entry));
    write_fmt(w, "</%s>\r\n", kind);
}

static void
xml_tail(struct writer *w, const struct folder_list *list)
{
    (void)list;
    write_str(w, STR("</list>\r\n"));
}

/* ---- json, jsonp --------------------------------------------------------------------------- */

static void
json_head(struct writer *w, const struct folder_list *list)
{
    (void)list;
    write_str(w, STR("[\r\n"));
}

static void
json_entry(struct writer *w, const struct folder_list *list, uint32_t i)
{
    const struct folder_entry *entry = entry_of(list, i);
    char date[29];

    http_date_format(date, entry->mtime);
    write_str(w, STR("{ \"name\":"));
    write_json_string(w, folder_entry_name(entry));
    write_fmt(w, ", \"type\":\"%s\", \"mtime\":\"%.*s\"", kinds[entry->kind],
              (int)sizeof(date), date);
    if (entry->kind == ENTRY_FILE)
        write_fmt(w, ", \"size\":%ju", (uintmax_t)entry->size);
    write_str(w, i + 1 < list->folder->len ? STR(" },\r\n") : STR(" }\r\n"));
}

static void
json_tail(struct writer *w, const struct folder_list *list)
{
    (void)list;
    write_str(w, STR("]"));
}

static void
jsonp_head(struct writer *w, const struct folder_list *list)
{
    write_str(w, STR("/* callback */\r\n"));
    write_str(w, list->callback);
    write_str(w, STR("([\r\n"));
}

static void
jsonp_tail(struct writer *w, const struct folder_list *list)
{
    (void)list;
    write_str(w, STR("]);"));
}

/* ---- all ----------------------------------------------------------------------------------- */

static const struct folder_form html = {
    STR_INIT("text/html"), html_head, html_entry, html_tail,
};
static const struct folder_form xml = {
    STR_INIT("text/xml; charset=utf-8"), xml_head, xml_entry, xml_tail,
};
static const struct folder_form json = {
    STR_INIT("application/json"), json_head, json_entry, json_tail,
};
static const struct folder_form jsonp = {
    STR_INIT("application/javascript"), jsonp_head, json_entry, jsonp_tail,
};

static const struct folder_form *const forms[] = {
    [LIST_PAGE] = &folder_page_form, [LIST_HTML] = &html, [LIST_XML] = &xml,
    [LIST_JSON] = &json, [LIST_JSONP] = &jsonp,
};

void
folder_list_head(struct writer *w, const struct folder_list *list)
{
    forms[list->format]->head(w, list);
}

void
folder_list_entry(struct writer *w, const struct folder_list *list, uint32_t i)
{
    forms[list->format]->entry(w, list, i);
}

void
folder_list_tail(struct writer *w, const struct folder_list *list)
{
    forms[list->format]->tail(w, list);
}

struct str
folder_list_type(enum folder_format format)
{
    return forms[format]->type;
}
