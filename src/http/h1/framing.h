/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framing: the strict look at a request head before llhttp sees it.
 *
 * One pass over the bytes, resumable, so that every version of llhttp refuses the same requests
 * and nothing that smuggles gets through. It decides how long a head is and how its body is
 * framed, and nothing else: the fields are llhttp's to parse. The rules and the answers are those
 * of HACKING.md, "Framing"; each refusal names its RFC section beside the code.
 */
#ifndef WEIR_HTTP_H1_FRAMING_H
#define WEIR_HTTP_H1_FRAMING_H

#include "base/str.h"

/* Set by the conf file. Bytes, line ends included. */
struct framing_limits {
    uint32_t request_line_max;  /* 414 above */
    uint32_t field_max;         /* one field line; 431 above */
    uint32_t head_max;          /* the whole head with what is skipped before it: a buffer of this
                                 * size holds it; 431 above, 414 while in the request line */
    uint32_t fields_max;        /* number of field lines (max_headers); 431 above */
};

enum framing_verdict {
    FRAMING_MORE,               /* good so far, incomplete */
    FRAMING_DONE,               /* the head is complete and sound */
    FRAMING_REFUSED             /* status and reason say why; the connection is to be closed */
};

/* How the body that follows the head is framed (RFC 9112 6.3). */
enum framing_body { BODY_NONE, BODY_LENGTH, BODY_CHUNKED };

/*
 * Progress and result. All zero: nothing seen yet. Offsets count from the first byte given, leading
 * empty lines included.
 */
struct framing {
    /* given by the caller before each call, or left zero */
    struct str valid_host;      /* a Host value that is known to be valid: need not be looked at */

    /* result, good once DONE (status, reason once REFUSED) */
    uint32_t skipped;           /* bytes of empty lines before the request line, at most 64 */
    uint32_t head_len;          /* with skipped and the empty line at the end */
    uint32_t method_len, target_start, target_len;      /* the method starts at skipped */
    uint32_t raw_target_bytes;  /* bytes 0x80-0xff in the target: the parser wants them as %XX */
    uint32_t blanks_start, blanks_len;  /* behind the value of Content-Length or Transfer-Encoding:
                                         * SP for the parser, that takes HTAB there for a value */
    uint8_t minor;              /* HTTP/1.x: x as sent (0 … 9) */
    bool odd_names;             /* a field name has more than letters, digits and '-' */
    enum framing_body body;
    uint64_t content_length;    /* BODY_LENGTH */
    uint16_t status;            /* REFUSED: what to answer: 400 414 431 501 505 */
    bool head_too_large;        /* REFUSED by a limit on fields or head: 494 in the log */
    const char *reason;         /* REFUSED: for the log, static: "bare LF" … */
    uint32_t fields;            /* field lines seen */

    /* progress */
    uint32_t scanned;           /* bytes that need no second look */
    uint32_t line_start, value_start;
    uint8_t state, kind;        /* what the next byte belongs to; which field the line is */
    uint8_t major;
    uint8_t hosts, lengths, encodings;
    bool request_line_done;
};

/*
 * Looks at the head that starts at `head`; `len` bytes of it are there, of which an earlier call
 * has seen some (the bytes may have moved, not changed). A byte that can be in no sound head is
 * refused at once, before its line is complete; a limit as soon as what is there fills it without
 * an end. The verdict does not depend on how the bytes are spread over calls: the first fault in
 * the stream decides. After DONE or REFUSED the answer stays.
 */
enum framing_verdict framing_check(struct framing *f, const char *head, size_t len,
                                   const struct framing_limits *limits);

/*
 * Copies the head (from skipped on) to `to` in the form the parser takes: target bytes 0x80-0xff as
 * %XX, version 1.2 … 1.9 as 1.1, no HTAB behind what frames the body. Needs framing_parser_len()
 * bytes. Returns the number written. The parser gets no head but in this form.
 */
size_t framing_parser_len(const struct framing *f);
size_t framing_to_parser(const struct framing *f, const char *head, char *to);

/*
 * uri-host [":" port] byte for byte (RFC 9110 7.2, RFC 3986 3.2.2): reg-name, IPv4, IP-literal in
 * brackets. Empty is allowed (RFC 9112 3.2).
 */
bool framing_host_is_valid(struct str host);

/* A token (RFC 9110 5.6.2), not empty. */
bool framing_is_token(struct str s);

#endif
