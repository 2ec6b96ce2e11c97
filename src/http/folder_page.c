/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folder_page: a list as weir's own page, folder_page.html. It holds no script: its columns are
 * links that ask for another order.
 */
#include "base/base64.h"
#include "base/compiler.h"
#include "base/digest.h"
#include "http/folder_list.h"
#include "http/page.h"

enum { CRUMBS_MAX = 32 };       /* folders above that are named */

/* ---- texts --------------------------------------------------------------------------------- */

/*
 * How many bytes of a character that must not have its effect: it would turn what is behind it
 * round (U+202A to U+202E, U+2066 to U+2069), so that "gpj.exe" looks like a picture. 0: it may.
 */
static size_t
turning_char(struct str s)
{
    unsigned char last;

    if (s.len < 3 || (unsigned char)s.p[0] != 0xe2)
        return 0;
    last = (unsigned char)s.p[2];
    if ((unsigned char)s.p[1] == 0x80)
        return last >= 0xaa && last <= 0xae ? 3 : 0;
    return (unsigned char)s.p[1] == 0x81 && last >= 0xa6 && last <= 0xa9 ? 3 : 0;
}

/* The picture of a control byte: U+2400 and following. */
static void
write_control(struct writer *w, unsigned char c)
{
    write_str(w, STR("\xe2\x90"));
    write_char(w, (char)(c == 0x7f ? 0xa1 : 0x80 + c));
}

/* What is no text shows as such and does no harm. lines: line ends and tabs are what they are. */
static void
write_visible(struct writer *w, struct str s, bool lines)
{
    size_t plain = 0, n;

    for (size_t i = 0; i < s.len; i += n) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_control = (c < 0x20 && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f;
        size_t turning = turning_char(str_from(s, i));

        n = str_utf8_length(str_from(s, i));
        if (n > 0 && !is_control && turning == 0)
            continue;
        n = MAX(n, (size_t)1);
        write_html(w, (struct str){ s.p + plain, i - plain });
        if (!is_control)
            write_str(w, STR("\xef\xbf\xbd"));
        else if (!(lines && c == '\r'))
            write_control(w, c);
        plain = i + n;
    }
    write_html(w, str_from(s, plain));
}

static void
write_count(struct writer *w, uint64_t n, const char *one, const char *many)
{
    write_uint(w, n);
    write_fmt(w, " %s", n == 1 ? one : many);
}

/* ---- places of the page -------------------------------------------------------------------- */

static void
write_title(struct writer *w, const struct folder_list *list)
{
    write_str(w, STR("Index of "));
    write_visible(w, list->path, false);
}

/* How many folders a path has below "/". */
static unsigned
depth_of(struct str path)
{
    unsigned depth = 0;

    for (size_t i = 1; i < path.len; i++)
        depth += path.p[i] == '/';
    return depth;
}

static void
write_crumb(struct writer *w, struct str name, unsigned above)
{
    if (above == 0) {
        write_str(w, STR("<span aria-current=\"page\">"));
        write_visible(w, name, false);
        write_str(w, STR("</span>"));
        return;
    }
    write_str(w, STR("<a href=\""));
    for (unsigned i = 0; i < above; i++)
        write_str(w, STR("../"));
    write_str(w, STR("\">"));
    write_visible(w, name, false);
    write_str(w, STR("</a><i>/</i>"));
}

/*
 * The host stands for "/". Links go up by "../", so that they fit wherever a proxy has put the
 * folder; only the deepest folders are named, lest the links outgrow the list.
 */
static void
write_crumbs(struct writer *w, const struct folder_list *list)
{
    unsigned depth = depth_of(list->path);
    struct str rest = str_from(list->path, 1);
    struct str host = list->host.len > 0 ? list->host : STR("/");

    if (depth <= CRUMBS_MAX)
        write_crumb(w, host, depth);
    else
        write_str(w, STR("<a href=\"/\">/</a><i>…</i>"));
    while (depth-- > 0) {
        struct str name = { rest.p, (size_t)str_find(rest, '/', 0) };

        rest = str_from(rest, name.len + 1);
        if (depth < CRUMBS_MAX)
            write_crumb(w, name, depth);
    }
}

/* A column's link asks for its usual order, and where that is the present one for the reverse. */
static void
write_columns(struct writer *w, const struct folder_list *list)
{
    static const struct {
        enum folder_sort by;
        const char *word, *title;
        bool descending;        /* is what most want first */
    } columns[] = {
        { SORT_NAME, "name", "Name", false },
        { SORT_SIZE, "size", "Size", true },
        { SORT_TIME, "time", "Modified", true },
    };
    struct folder_order order = list->folder->question.order;

    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        bool is_this = columns[i].by == order.by;
        bool next = is_this ? !order.descending : columns[i].descending;

        write_str(w, STR("<th scope=\"col\""));
        if (is_this)
            write_fmt(w, " aria-sort=\"%s\"", order.descending ? "descending" : "ascending");
        write_fmt(w, "><a href=\"?sort=%s&amp;order=%s\">%s</a></th>", columns[i].word,
                  next ? "desc" : "asc", columns[i].title);
    }
}

static void
write_readme(struct writer *w, const struct folder_list *list)
{
    const struct folder *folder = list->folder;

    if (!str_is_set(folder->readme))
        return;
    write_str(w, STR("<section class=\"card\"><h2>"));
    write_visible(w, folder->readme_name, false);
    write_str(w, STR("</h2>\n<pre>\n"));        /* this line end counts for nothing */
    write_visible(w, folder->readme, true);
    write_str(w, STR("</pre>\n"));
    if (folder->readme_is_cut) {
        write_str(w, STR("<p>This is its begin; <a href=\""));
        write_uri_component(w, folder->readme_name);
        write_str(w, STR("\">the whole text</a> is longer.</p>\n"));
    }
    write_str(w, STR("</section>\n"));
}

static void
write_totals(struct writer *w, const struct folder_list *list)
{
    const struct folder *folder = list->folder;

    write_count(w, folder->folders, "folder", "folders");
    write_str(w, STR(", "));
    write_count(w, folder->len - folder->folders, "file", "files");
    write_str(w, STR(", "));
    write_size(w, folder->bytes);
}

static void
write_zone(struct writer *w, const struct folder_list *list)
{
    write_str(w, list->local_time ? STR("Times are the server's own") : STR("Times are UTC"));
}

static const struct {
    struct str name;
    void (*write)(struct writer *w, const struct folder_list *list);
} places[] = {
    { STR_INIT("columns"), write_columns },
    { STR_INIT("crumbs"), write_crumbs },
    { STR_INIT("readme"), write_readme },
    { STR_INIT("title"), write_title },
    { STR_INIT("totals"), write_totals },
    { STR_INIT("zone"), write_zone },
};

static void
write_place(struct writer *w, const struct folder_list *list, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (str_eq(places[i].name, name))
            places[i].write(w, list);
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* The kind of a file by the end of its name: what its icon is called in the page's style. */
static const struct { struct str ends; char icon; } icons[] = {
    { STR_INIT(".7z"), 'z' }, { STR_INIT(".apk"), 'z' }, { STR_INIT(".bz2"), 'z' },
    { STR_INIT(".deb"), 'z' }, { STR_INIT(".gz"), 'z' }, { STR_INIT(".iso"), 'z' },
    { STR_INIT(".jar"), 'z' }, { STR_INIT(".rar"), 'z' }, { STR_INIT(".rpm"), 'z' },
    { STR_INIT(".tar"), 'z' }, { STR_INIT(".tgz"), 'z' }, { STR_INIT(".whl"), 'z' },
    { STR_INIT(".xz"), 'z' }, { STR_INIT(".zip"), 'z' }, { STR_INIT(".zst"), 'z' },
    { STR_INIT(".avif"), 'i' }, { STR_INIT(".bmp"), 'i' }, { STR_INIT(".gif"), 'i' },
    { STR_INIT(".heic"), 'i' }, { STR_INIT(".ico"), 'i' }, { STR_INIT(".jpeg"), 'i' },
    { STR_INIT(".jpg"), 'i' }, { STR_INIT(".png"), 'i' }, { STR_INIT(".svg"), 'i' },
    { STR_INIT(".tif"), 'i' }, { STR_INIT(".tiff"), 'i' }, { STR_INIT(".webp"), 'i' },
    { STR_INIT(".avi"), 'v' }, { STR_INIT(".flv"), 'v' }, { STR_INIT(".m4v"), 'v' },
    { STR_INIT(".mkv"), 'v' }, { STR_INIT(".mov"), 'v' }, { STR_INIT(".mp4"), 'v' },
    { STR_INIT(".mpeg"), 'v' }, { STR_INIT(".ogv"), 'v' }, { STR_INIT(".webm"), 'v' },
    { STR_INIT(".aac"), 'a' }, { STR_INIT(".flac"), 'a' }, { STR_INIT(".m4a"), 'a' },
    { STR_INIT(".mp3"), 'a' }, { STR_INIT(".ogg"), 'a' }, { STR_INIT(".opus"), 'a' },
    { STR_INIT(".wav"), 'a' }, { STR_INIT(".c"), 't' }, { STR_INIT(".conf"), 't' },
    { STR_INIT(".cpp"), 't' }, { STR_INIT(".css"), 't' }, { STR_INIT(".csv"), 't' },
    { STR_INIT(".doc"), 't' }, { STR_INIT(".docx"), 't' }, { STR_INIT(".epub"), 't' },
    { STR_INIT(".go"), 't' }, { STR_INIT(".h"), 't' }, { STR_INIT(".html"), 't' },
    { STR_INIT(".java"), 't' }, { STR_INIT(".js"), 't' }, { STR_INIT(".json"), 't' },
    { STR_INIT(".log"), 't' }, { STR_INIT(".md"), 't' }, { STR_INIT(".odt"), 't' },
    { STR_INIT(".pdf"), 't' }, { STR_INIT(".py"), 't' }, { STR_INIT(".rs"), 't' },
    { STR_INIT(".sh"), 't' }, { STR_INIT(".toml"), 't' }, { STR_INIT(".ts"), 't' },
    { STR_INIT(".txt"), 't' }, { STR_INIT(".xml"), 't' }, { STR_INIT(".yaml"), 't' },
    { STR_INIT(".yml"), 't' },
};

/* '\0': none of them. */
static char
icon_for(struct str name)
{
    size_t dot = name.len;

    while (dot > 0 && name.p[dot - 1] != '.')
        dot--;
    if (dot <= 1)
        return '\0';
    for (size_t i = 0; i < ARRAY_LEN(icons); i++)
        if (str_ieq(icons[i].ends, str_from(name, dot - 1)))
            return icons[i].icon;
    return '\0';
}

static void
write_link(struct writer *w, const struct folder_entry *entry)
{
    struct str name = folder_entry_name(entry);
    bool is_folder = entry->kind == ENTRY_FOLDER;
    char icon = is_folder ? 'd' : icon_for(name);

    write_str(w, STR("<a "));
    if (icon != '\0') {
        write_str(w, STR("class="));
        write_char(w, icon);
        write_char(w, ' ');
    }
    write_str(w, STR("href=\""));
    write_uri_component(w, name);
    write_str(w, is_folder ? STR("/\">") : STR("\">"));
    write_visible(w, name, false);
    write_str(w, is_folder ? STR("/</a>") : STR("</a>"));
}

static void
write_date(struct writer *w, const struct tm *tm)
{
    write_padded(w, (uint64_t)tm->tm_year + 1900, 4);
    write_char(w, '-');
    write_padded(w, (uint64_t)tm->tm_mon + 1, 2);
    write_char(w, '-');
    write_padded(w, (uint64_t)tm->tm_mday, 2);
}

static void
write_hour(struct writer *w, const struct tm *tm)
{
    write_padded(w, (uint64_t)tm->tm_hour, 2);
    write_char(w, ':');
    write_padded(w, (uint64_t)tm->tm_min, 2);
}

/* The hours have an element of their own, that has no place on a narrow screen. */
static void
write_time_of(struct writer *w, const struct folder_list *list, time_t t)
{
    struct tm utc = { .tm_year = 0 }, local = { .tm_year = 0 };
    const struct tm *shown = list->local_time ? &local : &utc;

    gmtime_r(&t, &utc);
    if (list->local_time)
        localtime_r(&t, &local);
    write_str(w, STR("<time datetime=\""));
    write_date(w, &utc);
    write_char(w, 'T');
    write_hour(w, &utc);
    write_str(w, STR("Z\">"));
    write_date(w, shown);
    write_str(w, STR("<i> "));
    write_hour(w, shown);
    write_str(w, STR("</i></time>"));
}

/* "</td>" and "</tr>" may be left out where the next begins (HTML 13.1.2.4): rows are many. */
static void
page_entry(struct writer *w, const struct folder_list *list, uint32_t i)
{
    const struct folder_entry *entry = list->folder->entries[i];

    write_str(w, STR("<tr><td>"));
    if (entry->kind == ENTRY_OTHER) {
        write_str(w, STR("<b title=\"This cannot be sent\">"));
        write_visible(w, folder_entry_name(entry), false);
        write_str(w, STR("</b>"));
    } else {
        write_link(w, entry);
    }
    if (entry->kind == ENTRY_FILE) {
        write_str(w, STR("<td title=\""));
        write_uint(w, entry->size);
        write_str(w, STR(" bytes\">"));
        write_size(w, entry->size);
    } else {
        write_str(w, STR("<td>"));
    }
    write_str(w, STR("<td>"));
    write_time_of(w, list, entry->mtime);
    write_char(w, '\n');
}

static struct str
source_of_page(void)
{
    return (struct str){ (const char *)folder_page_html, folder_page_html_len };
}

static void
page_head(struct writer *w, const struct folder_list *list)
{
    struct str rest = source_of_page(), place;

    for (;;) {
        write_str(w, page_next(&rest, &place));
        if (place.len == 0 || str_eq(place, STR("rows")))
            break;
        write_place(w, list, place);
    }
    if (list->path.len > 1)
        write_str(w, STR("<tr><td><a class=u href=\"../\">Parent folder</a><td><td>\n"));
    if (list->folder->len == 0)
        write_str(w, STR("<tr><td colspan=\"3\">This folder is empty.\n"));
}

static void
page_tail(struct writer *w, const struct folder_list *list)
{
    struct str rest = source_of_page(), place;

    do
        page_next(&rest, &place);
    while (place.len > 0 && !str_eq(place, STR("rows")));
    while (rest.len > 0) {
        write_str(w, page_next(&rest, &place));
        write_place(w, list, place);
    }
}

const struct folder_form folder_page_form = {
    STR_INIT("text/html; charset=utf-8"), page_head, page_entry, page_tail,
};

/* ---- policy -------------------------------------------------------------------------------- */

/* What stands between <style> and </style>. */
static struct str
style_of_page(void)
{
    static const struct str open = STR_INIT("<style>"), close = STR_INIT("</style>");
    struct str page = source_of_page();
    const char *from = memmem(page.p, page.len, open.p, open.len);
    const char *to = memmem(page.p, page.len, close.p, close.len);

    if (from == NULL || to == NULL)
        return STR_NONE;
    return (struct str){ from + open.len, (size_t)(to - from) - open.len };
}

bool
folder_page_policy(struct writer *w)
{
    uint8_t digest[DIGEST_MAX];

    if (!digest_of(DIGEST_SHA256, style_of_page(), digest))
        return false;
    write_str(w, STR("default-src 'none'; img-src data:; style-src 'sha256-"));
    write_base64(w, BASE64_PLAIN, (struct str){ (const char *)digest, digest_size(DIGEST_SHA256) });
    write_str(w, STR("'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"));
    return w->ok;
}
