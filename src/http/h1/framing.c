/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framing: one resumable pass over a request head.
 *
 * Every byte is looked at once. What the next byte belongs to is one state, each state is a
 * function that takes as many bytes as are its own, and a state that runs out of bytes is resumed
 * by the next call.
 */
#include "http/h1/framing.h"
#include "base/compiler.h"
#include "http/h1/scan.h"

#include <arpa/inet.h>
#include <endian.h>

enum {
    EMPTY_LINES_MAX = 64,       /* bytes of them before a request line */
    LENGTH_DIGITS_MAX = 18      /* of a Content-Length: below 2^63 whatever the digits */
};

/* What a byte may be part of: a token (RFC 9110 5.6.2), a reg-name but for %XX (RFC 3986 3.2.2). */
enum { TOKEN = 1, REG = 2, BOTH = TOKEN | REG };

static const uint8_t classes[256] = {
    ['!'] = BOTH,  ['#'] = TOKEN,  ['$'] = BOTH,  ['%'] = TOKEN,  ['&'] = BOTH,
    ['\''] = BOTH, ['('] = REG,    [')'] = REG,    ['*'] = BOTH,  ['+'] = BOTH,
    [','] = REG,    ['-'] = BOTH,  ['.'] = BOTH,  [';'] = REG,    ['='] = REG,
    ['^'] = TOKEN,  ['_'] = BOTH,  ['`'] = TOKEN,  ['|'] = TOKEN,  ['~'] = BOTH,
    ['0' ... '9'] = BOTH, ['A' ... 'Z'] = BOTH, ['a' ... 'z'] = BOTH,
};

/* What the next byte belongs to; zero is where a head begins. The last two are ends. */
enum state {
    AT_START, AT_EMPTY_LINE_LF, IN_METHOD, IN_TARGET, IN_VERSION,
    AT_FIELD, IN_NAME, IN_VALUE, AT_FIELD_LF, AT_END_LF, FINISHED, REFUSED
};

/* The fields that frame a message or name its host; all others are the parser's. */
enum kind { KIND_OTHER, KIND_HOST, KIND_LENGTH, KIND_ENCODING };

/* One call's view of the bytes. */
struct pass {
    struct framing *f;
    const struct framing_limits *limits;
    const char *head, *p;
    const char *end;            /* of the bytes of this line: those there, or those allowed */
    const char *stop;           /* of the head's likewise; never below end */
};

static inline bool
is_in(char c, unsigned class)
{
    return (classes[(unsigned char)c] & class) != 0;
}

static inline bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Always REFUSED, so that a state can return it. */
static COLD enum state
refuse(struct framing *f, uint16_t status, const char *reason)
{
    f->status = status;
    f->reason = reason;
    return REFUSED;
}

static COLD enum state
refuse_size(struct framing *f, const char *reason)
{
    f->head_too_large = true;
    return refuse(f, 431, reason);
}

/* RFC 9112 2.2: a bare LF or CR ends no line here, whatever a peer on the way took it for. */
static COLD enum state
refuse_byte(struct framing *f, char c, const char *reason)
{
    if (c == '\n')
        reason = "bare LF";
    else if (c == '\0')
        reason = "NUL byte";
    return refuse(f, 400, reason);
}

/* The first byte that is not of the class, or end. */
static inline const char *
skip_class(const char *p, const char *end, unsigned class)
{
    for (; end - p >= 4; p += 4) {
        if (!is_in(p[0], class))
            return p;
        if (!is_in(p[1], class))
            return p + 1;
        if (!is_in(p[2], class))
            return p + 2;
        if (!is_in(p[3], class))
            return p + 3;
    }
    while (p != end && is_in(*p, class))
        p++;
    return p;
}

/* A line starts at s->p: at most `max` bytes belong to it. */
static inline void
start_line(struct pass *s, uint32_t max)
{
    s->f->line_start = (uint32_t)(s->p - s->head);
    s->end = (size_t)(s->stop - s->p) > max ? s->p + max : s->stop;
}

/*
 * The states. Each is given at least one byte; it returns the state of the byte at s->p, its own
 * when it has used up what is there.
 *
 * RFC 9112 2.2: empty lines before a request line are ignored; a few of them.
 */
static enum state
take_start(struct pass *s)
{
    struct framing *f = s->f;
    char c = *s->p;

    if (is_in(c, TOKEN)) {
        start_line(s, s->limits->request_line_max);
        f->skipped = f->line_start;
        return IN_METHOD;
    }
    if (c != '\r')
        return refuse_byte(f, c, "a byte that starts no request line");
    if (s->p - s->head >= EMPTY_LINES_MAX)
        return refuse(f, 400, "too many empty lines before the request line");
    s->p++;
    return AT_EMPTY_LINE_LF;
}

static enum state
take_empty_line_lf(struct pass *s)
{
    if (*s->p != '\n')
        return refuse(s->f, 400, "bare CR");
    s->p++;
    return AT_START;
}

/* RFC 9110 9.1: method = token. Whether it is known is for others to say. */
static enum state
take_method(struct pass *s)
{
    struct framing *f = s->f;

    s->p = skip_class(s->p, s->end, TOKEN);
    if (s->p == s->end)
        return IN_METHOD;
    if (*s->p != ' ')
        return refuse_byte(f, *s->p, *s->p == '\r' ? "request line without a target"
                                                   : "bad byte in the method");
    f->method_len = (uint32_t)(s->p - s->head) - f->skipped;
    s->p++;
    f->target_start = (uint32_t)(s->p - s->head);
    return IN_TARGET;
}

static COLD enum state
refuse_target(struct framing *f, char c, bool empty)
{
    if (c == ' ')
        return refuse(f, 400, "two blanks before the target");
    if (c == '\r')      /* RFC 9112 3: HTTP/0.9 had no version, and is not spoken */
        return refuse(f, 400, empty ? "request line without a target"
                                    : "request line without a version");
    return refuse_byte(f, c, "bad byte in the target");
}

/* RFC 9112 3.2, and raw bytes 0x80-0xff, which go to the parser percent-encoded. */
static enum state
take_target(struct pass *s)
{
    struct framing *f = s->f;
    uint32_t len;

    for (;;) {
        s->p = scan(s->head, s->p, s->end, target_stops);
        if (s->p == s->end)
            return IN_TARGET;
        if ((unsigned char)*s->p < 0x80)
            break;
        f->raw_target_bytes++;
        s->p++;
    }
    len = (uint32_t)(s->p - s->head) - f->target_start;
    if (*s->p != ' ' || len == 0)
        return refuse_target(f, *s->p, len == 0);
    f->target_len = len;
    s->p++;
    return IN_VERSION;
}

static inline enum state
end_request_line(struct pass *s)
{
    s->f->request_line_done = true;
    start_line(s, s->limits->field_max);
    return AT_FIELD;
}

/* Byte i of "HTTP/1.x" CRLF (RFC 9112 2.3). */
static enum state
take_version_byte(struct framing *f, size_t i, char c)
{
    bool digit = c >= '0' && c <= '9';

    if (i == 8)
        return c == '\r' ? IN_VERSION : refuse_byte(f, c, "bytes behind the HTTP version");
    if (i == 9)
        return c == '\n' ? AT_FIELD : refuse(f, 400, "bare CR");
    if (i == 5)
        f->major = (uint8_t)(c - '0');
    if (i == 7)
        f->minor = (uint8_t)(c - '0');
    if (i == 5 || i == 7 ? !digit : c != "HTTP/x."[i])
        return refuse_byte(f, c, "not an HTTP version");
    if (i == 7 && f->major != 1)
        return refuse(f, 505, "HTTP version not supported");
    return IN_VERSION;
}

static COLD enum state
take_unusual_version(struct pass *s, const char *start)
{
    enum state next = IN_VERSION;

    while (next == IN_VERSION && s->p != s->end) {
        next = take_version_byte(s->f, (size_t)(s->p - start), *s->p);
        s->p++;
    }
    return next == AT_FIELD ? end_request_line(s) : next;
}

static enum state
take_version(struct pass *s)
{
    static const char usual[] = "HTTP/1.1\r\n";
    const char *start = s->head + s->f->target_start + s->f->target_len + 1;

    if (UNLIKELY(s->p != start || s->end - start < 10 || memcmp(start, usual, 10) != 0))
        return take_unusual_version(s, start);
    s->f->minor = 1;
    s->p += 10;
    return end_request_line(s);
}

static COLD enum state
refuse_field_start(struct framing *f, char c)
{
    if (is_blank(c))    /* RFC 9112 2.2 before the first field, 5.2 behind one */
        return refuse(f, 400, "a line that starts with a blank");
    if (c == ':')
        return refuse(f, 400, "empty field name");
    return refuse_byte(f, c, "bad byte in a field name");
}

static enum state
take_field_start(struct pass *s)
{
    struct framing *f = s->f;
    char c = *s->p;

    if (LIKELY(is_in(c, TOKEN))) {
        if (f->fields == s->limits->fields_max)
            return refuse_size(f, "too many fields");
        f->fields++;
        return IN_NAME;
    }
    if (c != '\r')
        return refuse_field_start(f, c);
    s->p++;
    return AT_END_LF;
}

/* Whether a name is `lower` in any case; both have n bytes, and the name's are token bytes. */
static bool
is_name(const char *name, const char *lower, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((name[i] | 0x20) != lower[i])
            return false;
    }
    return true;
}

/* The same for "host", which every request has, in one step. */
static inline bool
is_host(const char *name)
{
    uint32_t word;

    memcpy(&word, name, sizeof(word));
    return (le32toh(word) | 0x20202020) == ('h' | 'o' << 8 | 's' << 16 | 't' << 24);
}

static inline enum kind
kind_of(const char *name, size_t len)
{
    if (len == 4)
        return is_host(name) ? KIND_HOST : KIND_OTHER;
    if (len == 14)
        return is_name(name, "content-length", 14) ? KIND_LENGTH : KIND_OTHER;
    if (len == 17)
        return is_name(name, "transfer-encoding", 17) ? KIND_ENCODING : KIND_OTHER;
    return KIND_OTHER;
}

static COLD enum state
refuse_name(struct framing *f, char c)
{
    if (is_blank(c))    /* RFC 9112 5.1 */
        return refuse(f, 400, "blank before the colon");
    if (c == '\r')
        return refuse(f, 400, "field line without a colon");
    return refuse_byte(f, c, "bad byte in a field name");
}

/* RFC 9110 5.1: field-name = token, and RFC 9112 5.1: the colon follows at once. */
static enum state
take_name(struct pass *s)
{
    struct framing *f = s->f;
    const char *name = s->head + f->line_start;

    for (;;) {
        s->p = scan(s->head, s->p, s->end, plain_stops);
        if (s->p == s->end)
            return IN_NAME;
        if (!is_in(*s->p, TOKEN))
            break;
        f->odd_names = true;
        s->p++;
    }
    if (*s->p != ':')
        return refuse_name(f, *s->p);
    f->kind = (uint8_t)kind_of(name, (size_t)(s->p - name));
    s->p++;
    f->value_start = (uint32_t)(s->p - s->head);
    return IN_VALUE;
}

/* RFC 9110 5.5: no control byte but HTAB in a value. */
static enum state
take_value(struct pass *s)
{
    s->p = scan(s->head, s->p, s->end, value_stops);
    if (s->p == s->end)
        return IN_VALUE;
    if (*s->p != '\r')
        return refuse_byte(s->f, *s->p, "control byte in a field value");
    s->p++;
    return AT_FIELD_LF;
}

/* RFC 9112 3.2: one Host, and a valid one. */
static enum state
take_host(struct framing *f, struct str value)
{
    if (f->hosts++ > 0)
        return refuse(f, 400, "more than one Host");
    if (LIKELY(value.len > 0 && str_eq(value, f->valid_host)))
        return AT_FIELD;
    if (!framing_host_is_valid(value))
        return refuse(f, 400, "invalid Host");
    return AT_FIELD;
}

/* RFC 9112 6.2, 6.3: a list of equal lengths could be taken as one, and is not. */
static enum state
take_length(struct framing *f, struct str value)
{
    if (f->lengths++ > 0)
        return refuse(f, 400, "more than one Content-Length");
    if (f->encodings > 0)
        return refuse(f, 400, "Content-Length with Transfer-Encoding");
    if (value.len > LENGTH_DIGITS_MAX)
        return refuse(f, 400, "Content-Length too long");
    if (!str_to_uint(value, UINT64_MAX, &f->content_length))
        return refuse(f, 400, "invalid Content-Length");
    return AT_FIELD;
}

static const char *
skip_blanks(const char *p, const char *end)
{
    while (p != end && is_blank(*p))
        p++;
    return p;
}

static const char *
skip_token(const char *p, const char *end)
{
    return skip_class(p, end, TOKEN);
}

/* Behind a token or quoted-string (RFC 9110 5.6.4); NULL when there is none. */
static const char *
skip_word(const char *p, const char *end)
{
    const char *start = p;

    if (p == end || *p != '"') {
        p = skip_token(p, end);
        return p != start ? p : NULL;
    }
    for (p++; p != end && *p != '"'; p++) {
        if (*p == '\\' && ++p == end)
            return NULL;
    }
    return p != end ? p + 1 : NULL;
}

/* Behind *( OWS ";" OWS token BWS "=" BWS word ) OWS; NULL when it is malformed. */
static const char *
skip_parameters(const char *p, const char *end)
{
    p = skip_blanks(p, end);
    while (p != end && *p == ';') {
        const char *name = skip_blanks(p + 1, end);

        p = skip_token(name, end);
        if (p == name)
            return NULL;
        p = skip_blanks(p, end);
        if (p == end || *p != '=')
            return NULL;
        p = skip_word(skip_blanks(p + 1, end), end);
        if (p == NULL)
            return NULL;
        p = skip_blanks(p, end);
    }
    return p;
}

/*
 * Whether a list of transfer codings (RFC 9112 7) is well-formed and has "chunked" once, bare and
 * last: only then would the end of the body be known if the others were spoken (RFC 9112 6.3).
 */
static bool
ends_in_chunked(struct str list)
{
    const char *p = list.p, *end = list.p + list.len;

    for (;;) {
        const char *name = skip_blanks(p, end), *name_end = skip_token(name, end);
        struct str coding = { name, (size_t)(name_end - name) };

        p = skip_parameters(name_end, end);
        if (coding.len == 0 || p == NULL)
            return false;
        if (str_ieq(coding, STR("chunked")))
            return name_end == end;
        if (p == end || *p != ',')
            return false;
        p++;
    }
}

/* RFC 9112 6.1 */
static enum state
take_encoding(struct framing *f, struct str value)
{
    if (f->encodings++ > 0)
        return refuse(f, 400, "more than one Transfer-Encoding");
    if (f->minor == 0)
        return refuse(f, 400, "Transfer-Encoding in HTTP/1.0");
    if (f->lengths > 0)
        return refuse(f, 400, "Transfer-Encoding with Content-Length");
    if (str_ieq(value, STR("chunked")))
        return AT_FIELD;
    if (value.len > 0 && ends_in_chunked(value))
        return refuse(f, 501, "unknown transfer coding");
    return refuse(f, 400, "invalid Transfer-Encoding");
}

/* The value lies between value_start and the CR. */
static enum state
take_framing_field(struct framing *f, const char *head, const char *cr)
{
    const char *start = head + f->value_start, *end = cr;
    struct str value;

    start = skip_blanks(start, end);
    while (end != start && is_blank(end[-1]))
        end--;
    value = (struct str){ start, (size_t)(end - start) };
    if (f->kind == KIND_HOST)
        return take_host(f, value);
    f->blanks_len = (uint32_t)(cr - end);
    f->blanks_start = (uint32_t)(end - head);
    return f->kind == KIND_LENGTH ? take_length(f, value) : take_encoding(f, value);
}

static enum state
take_field_lf(struct pass *s)
{
    struct framing *f = s->f;
    enum state next = AT_FIELD;

    if (*s->p != '\n')
        return refuse(f, 400, "bare CR");
    if (f->kind != KIND_OTHER)
        next = take_framing_field(f, s->head, s->p - 1);
    s->p++;
    start_line(s, s->limits->field_max);
    return next;
}

static enum state
take_end_lf(struct pass *s)
{
    struct framing *f = s->f;

    if (*s->p != '\n')
        return refuse(f, 400, "bare CR");
    if (f->hosts == 0 && f->minor > 0)  /* RFC 9112 3.2 */
        return refuse(f, 400, "no Host");
    s->p++;
    f->head_len = (uint32_t)(s->p - s->head);
    f->body = f->encodings > 0 ? BODY_CHUNKED : f->lengths > 0 ? BODY_LENGTH : BODY_NONE;
    return FINISHED;
}

static inline enum state
take(struct pass *s, enum state state)
{
    switch (state) {
    case AT_START:
        return take_start(s);
    case AT_EMPTY_LINE_LF:
        return take_empty_line_lf(s);
    case IN_METHOD:
        return take_method(s);
    case IN_TARGET:
        return take_target(s);
    case IN_VERSION:
        return take_version(s);
    case AT_FIELD:
        return take_field_start(s);
    case IN_NAME:
        return take_name(s);
    case IN_VALUE:
        return take_value(s);
    case AT_FIELD_LF:
        return take_field_lf(s);
    case AT_END_LF:
        return take_end_lf(s);
    case FINISHED:
    case REFUSED:
        break;
    }
    return state;
}

/* All that is there is sound so far; whether the limits leave room for more. */
static enum state
check_limits(struct framing *f, const struct framing_limits *limits, enum state state)
{
    uint32_t line_len = f->scanned - f->line_start;

    if (!f->request_line_done) {
        if (line_len >= limits->request_line_max || f->scanned >= limits->head_max)
            return refuse(f, 414, "request line too long");
        return state;
    }
    if (line_len >= limits->field_max)
        return refuse_size(f, "field line too long");
    if (f->scanned >= limits->head_max)
        return refuse_size(f, "head too large");
    return state;
}

enum framing_verdict
framing_check(struct framing *f, const char *head, size_t len, const struct framing_limits *limits)
{
    struct pass s = { .f = f, .limits = limits, .head = head };
    enum state state = f->state;
    size_t line_max = f->request_line_done ? limits->field_max : limits->request_line_max;

    s.p = head + f->scanned;
    s.stop = head + MIN(len, (size_t)limits->head_max);
    s.end = (size_t)(s.stop - head) > f->line_start + line_max ? head + f->line_start + line_max
                                                               : s.stop;
    while (state < FINISHED && s.p != s.end)
        state = take(&s, state);
    f->scanned = (uint32_t)(s.p - head);
    if (state < FINISHED)
        state = check_limits(f, limits, state);
    f->state = (uint8_t)state;
    return state < FINISHED ? FRAMING_MORE : state == FINISHED ? FRAMING_DONE : FRAMING_REFUSED;
}

size_t
framing_parser_len(const struct framing *f)
{
    return f->head_len - f->skipped + 2 * (size_t)f->raw_target_bytes;
}

/* Copies a target with its bytes 0x80-0xff as %XX (RFC 3986 2.1); returns where the copy ends. */
static char *
encode_target(const char *target, size_t len, char *to)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)target[i];

        if (c < 0x80) {
            *to++ = target[i];
            continue;
        }
        *to++ = '%';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    return to;
}

size_t
framing_to_parser(const struct framing *f, const char *head, char *to)
{
    size_t target_end = f->target_start + f->target_len;
    char *rest = to + (target_end - f->skipped);        /* where the byte at target_end goes */

    if (LIKELY(f->raw_target_bytes == 0)) {
        memcpy(to, head + f->skipped, f->head_len - f->skipped);
    } else {
        memcpy(to, head + f->skipped, f->target_start - f->skipped);
        rest = encode_target(head + f->target_start, f->target_len,
                             to + (f->target_start - f->skipped));
        memcpy(rest, head + target_end, f->head_len - target_end);
    }
    if (f->minor > 1)   /* RFC 9110 2.5: a higher minor version is handled as the highest known */
        rest[sizeof(" HTTP/1.") - 1] = '1';
    if (f->blanks_len > 0)
        memset(rest + (f->blanks_start - target_end), ' ', f->blanks_len);
    return framing_parser_len(f);
}

/* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool
is_ip_future(struct str s)
{
    size_t i = 1;

    while (i < s.len && hex_digit(s.p[i]) >= 0)
        i++;
    if (i == 1 || i + 1 >= s.len || s.p[i] != '.')
        return false;
    for (i++; i < s.len; i++) {
        if (!is_in(s.p[i], REG) && s.p[i] != ':')
            return false;
    }
    return true;
}

/* What stands between the brackets. */
static bool
is_ip_literal(struct str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;

    if (s.len == 0)
        return false;
    if ((s.p[0] | 0x20) == 'v')
        return is_ip_future(s);
    if (s.len >= sizeof(text) || memchr(s.p, '\0', s.len) != NULL)
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    return inet_pton(AF_INET6, text, &addr) == 1;
}

/* Behind the host at p; NULL when it is none. */
static const char *
skip_host(const char *p, const char *end)
{
    if (p != end && *p == '[') {
        const char *close = memchr(p, ']', (size_t)(end - p));

        if (close == NULL || !is_ip_literal((struct str){ p + 1, (size_t)(close - p - 1) }))
            return NULL;
        return close + 1;
    }
    for (;;) {
        p = skip_class(p, end, REG);
        if (p == end || *p != '%')
            return p;
        if (end - p < 3 || hex_digit(p[1]) < 0 || hex_digit(p[2]) < 0)
            return NULL;
        p += 3;
    }
}

/*
 * "..", or a dot in front: no name has that (RFC 1034 3.1), and a path made of it would lead
 * upwards.
 */
static bool
has_empty_label(const char *p, const char *end)
{
    char before = '.';

    for (; p != end; before = *p++)
        if (*p == '.' && before == '.')
            return true;
    return false;
}

bool
framing_host_is_valid(struct str host)
{
    const char *end, *p;
    unsigned port = 0;

    if (host.len == 0)
        return true;
    end = host.p + host.len;
    p = skip_host(host.p, end);
    if (p == NULL || has_empty_label(host.p, p))
        return false;
    if (p == end)
        return true;
    if (*p != ':')
        return false;
    for (p++; p != end; p++) {
        unsigned digit = (unsigned)*p - '0';

        port = port * 10 + digit;
        if (digit > 9 || port > 65535)
            return false;
    }
    return true;
}

bool
framing_is_token(struct str s)
{
    return s.len > 0 && skip_token(s.p, s.p + s.len) == s.p + s.len;
}
