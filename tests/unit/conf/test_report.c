/* SPDX-License-Identifier: BSD-2-Clause */
/* Each text with all that is told of it, byte for byte. */
#include "base/log.h"
#include "conf/private.h"
#include "run.h"

#define FIVE(s)  s s s s s
#define FIFTY(s) FIVE(s s) FIVE(s s) FIVE(s s) FIVE(s s) FIVE(s s)
#define X50      FIFTY("x")
#define B50      FIFTY(" ")
#define L2500    FIFTY(FIFTY("\n"))

static const struct { struct str text; const char *report; } reports[] = {
    {   /* an unknown name has its nearest */
        STR_INIT("rot /srv;\n"),
        "weir: [emerg] unknown directive \"rot\" in toy.conf:1\n"
        "   1 | rot /srv;\n"
        "     | ^~~ did you mean \"root\"? it belongs in http, server or location\n"
    },
    {   /* case is no excuse */
        STR_INIT("Daemon on;\n"),
        "weir: [emerg] unknown directive \"Daemon\" in toy.conf:1\n"
        "   1 | Daemon on;\n"
        "     | ^~~~~~ did you mean \"daemon\"?\n"
    },
    {   /* a name of nginx says so */
        STR_INIT("proxy_pass http://a;\n"
        "proxy_pas x;\n"
        "zzzzzz;\n"),
        "weir: [emerg] unknown directive \"proxy_pass\" in toy.conf:1\n"
        "   1 | proxy_pass http://a;\n"
        "     | ^~~~~~~~~~ nginx has this directive, weir does not yet\n"
        "weir: [emerg] unknown directive \"proxy_pas\" in toy.conf:2\n"
        "   2 | proxy_pas x;\n"
        "     | ^~~~~~~~~ did you mean \"proxy_pass\"? nginx has that directive, weir does not "
        "yet\n"
        "weir: [emerg] unknown directive \"zzzzzz\" in toy.conf:3\n"
        "   3 | zzzzzz;\n"
        "     | ^~~~~~\n"
    },
    {   /* tabs keep the caret in place */
        STR_INIT("http {\n"
        "\tserver {\n"
        "\t\tgzip\tyes;\r\n"
        "\t}\n"
        "}\n"),
        "weir: [emerg] invalid value \"yes\" in \"gzip\" directive, it must be \"on\" or \"off\" "
        "in toy.conf:3\n"
        "   3 | \t\tgzip\tyes;\n"
        "     | \t\t    \t^~~\n"
    },
    {   /* a wrong place names the right ones */
        STR_INIT("http { workers 3; server { server { } } }\n"
        "gzip on;\n"
        "weight 1;\n"),
        "weir: [emerg] \"workers\" directive is not allowed here in toy.conf:1\n"
        "   1 | http { workers 3; server { server { } } }\n"
        "     |        ^~~~~~~ it belongs in main\n"
        "weir: [emerg] \"server\" directive is not allowed here in toy.conf:1\n"
        "   1 | http { workers 3; server { server { } } }\n"
        "     |                            ^~~~~~ it belongs in http\n"
        "weir: [emerg] \"gzip\" directive is not allowed here in toy.conf:2\n"
        "   2 | gzip on;\n"
        "     | ^~~~ it belongs in http, server or location\n"
        "weir: [emerg] \"weight\" directive is not allowed here in toy.conf:3\n"
        "   3 | weight 1;\n"
        "     | ^~~~~~ it belongs in server or location\n"
    },
    {   /* arguments are counted */
        STR_INIT("http { root; padding a b c d; index; }\n"
        "user a b c;\n"
        "events x { }\n"),
        "weir: [emerg] invalid number of arguments in \"root\" directive in toy.conf:1\n"
        "   1 | http { root; padding a b c d; index; }\n"
        "     |        ^~~~ it takes 1 argument\n"
        "weir: [emerg] invalid number of arguments in \"padding\" directive in toy.conf:1\n"
        "   1 | http { root; padding a b c d; index; }\n"
        "     |                            ^ it takes 1 to 3 arguments\n"
        "weir: [emerg] invalid number of arguments in \"index\" directive in toy.conf:1\n"
        "   1 | http { root; padding a b c d; index; }\n"
        "     |                               ^~~~~ it takes at least 1 argument\n"
        "weir: [emerg] invalid number of arguments in \"user\" directive in toy.conf:2\n"
        "   2 | user a b c;\n"
        "     |          ^ it takes 1 or 2 arguments\n"
        "weir: [emerg] invalid number of arguments in \"events\" directive in toy.conf:3\n"
        "   3 | events x { }\n"
        "     |        ^ it takes no argument\n"
    },
    {   /* what stands twice names the first */
        STR_INIT("daemon on;\n"
        "daemon off;\n"
        "events { }\n"
        "events { }\n"),
        "weir: [emerg] \"daemon\" directive is duplicate in toy.conf:2\n"
        "   2 | daemon off;\n"
        "     | ^~~~~~ the first is in line 1\n"
        "weir: [emerg] \"events\" directive is duplicate in toy.conf:4\n"
        "   4 | events { }\n"
        "     | ^~~~~~ the first is in line 3\n"
    },
    {   /* what sets the same is a duplicate */
        STR_INIT("http { server { location / {\n"
        "  root /a;\n"
        "  alias /b;\n"
        "} } }\n"),
        "weir: [emerg] \"alias\" directive is duplicate, \"root\" directive was specified "
        "earlier in toy.conf:3\n"
        "   3 |   alias /b;\n"
        "     |   ^~~~~ the first is in line 2\n"
    },
    {   /* what has no effect may not stand twice either */
        STR_INIT("http { padding a; padding b; }"),
        "weir: [emerg] \"padding\" directive is duplicate in toy.conf:1\n"
        "   1 | http { padding a; padding b; }\n"
        "     |                   ^~~~~~~ the first is in line 1\n"
    },
    {   /* a block needs its brace */
        STR_INIT("http;\n"),
        "weir: [emerg] directive \"http\" has no opening \"{\" in toy.conf:1\n"
        "   1 | http;\n"
        "     |     ^ it is a block: { ... } instead of \";\"\n"
    },
    {   /* what is no block has none */
        STR_INIT("workers 3 { gzip x; }\n"),
        "weir: [emerg] directive \"workers\" is not terminated by \";\" in toy.conf:1\n"
        "   1 | workers 3 { gzip x; }\n"
        "     |          ^ a \";\" is missing here, or the { ... } is too much\n"
    },
    {   /* a forgotten ; before another directive */
        STR_INIT("http {\n"
        "  root /srv/www\n"
        "  gzip on;\n"
        "}\n"),
        "weir: [emerg] directive \"root\" is not terminated by \";\" in toy.conf:2\n"
        "   2 |   root /srv/www\n"
        "     |                ^ a \";\" is missing here\n"
    },
    {   /* a forgotten ; before a block */
        STR_INIT("http {\n"
        "  root /srv/www # here\n"
        "  server {\n"
        "    gzip yes;\n"
        "  }\n"
        "}\n"),
        "weir: [emerg] directive \"root\" is not terminated by \";\" in toy.conf:2\n"
        "   2 |   root /srv/www # here\n"
        "     |                ^ a \";\" is missing here\n"
        "weir: [emerg] invalid value \"yes\" in \"gzip\" directive, it must be \"on\" or \"off\" "
        "in toy.conf:4\n"
        "   4 |     gzip yes;\n"
        "     |          ^~~\n"
    },
    {   /* a forgotten ; before } */
        STR_INIT("http {\n"
        "  gzip on\n"
        "}\n"),
        "weir: [emerg] directive \"gzip\" is not terminated by \";\" in toy.conf:2\n"
        "   2 |   gzip on\n"
        "     |          ^ a \";\" is missing here\n"
    },
    {   /* a forgotten ; before } and earlier */
        STR_INIT("http {\n"
        "  root /srv\n"
        "  gzip on\n"
        "}\n"),
        "weir: [emerg] directive \"root\" is not terminated by \";\" in toy.conf:2\n"
        "   2 |   root /srv\n"
        "     |            ^ a \";\" is missing here\n"
        "weir: [emerg] directive \"gzip\" is not terminated by \";\" in toy.conf:3\n"
        "   3 |   gzip on\n"
        "     |          ^ a \";\" is missing here\n"
    },
    {   /* a forgotten ; at the end */
        STR_INIT("user a\n"
        "workers 3"),
        "weir: [emerg] directive \"user\" is not terminated by \";\" in toy.conf:1\n"
        "   1 | user a\n"
        "     |       ^ a \";\" is missing here\n"
        "weir: [emerg] unexpected end of file, expecting \";\" or \"}\" in toy.conf:2\n"
        "   2 | workers 3\n"
        "     |          ^ a \";\" is missing here\n"
    },
    {   /* a } glued to a word */
        STR_INIT("http { gzip on}"),
        "weir: [emerg] invalid value \"on}\" in \"gzip\" directive, it must be \"on\" or \"off\" "
        "in toy.conf:1\n"
        "   1 | http { gzip on}\n"
        "     |             ^~~\n"
        "weir: [emerg] unexpected end of file, expecting \";\" or \"}\" in toy.conf:1\n"
        "   1 | http { gzip on}\n"
        "     |                ^ the \"}\" is part of the word: write \";\" before it\n"
    },
    {   /* a list that may have run on is a warning */
        STR_INIT("http {\n"
        "  index a.html\n"
        "    b.html\n"
        "  gzip on;\n"
        "}\n"),
        "weir: [warn] \"gzip\" is an argument of \"index\" in toy.conf:4\n"
        "   4 |   gzip on;\n"
        "     |   ^~~~ was a \";\" forgotten in line 3?\n"
    },
    {   /* a list that ran on and was refused for it */
        STR_INIT("http {\n"
        "  tags a b\n"
        "  gzip on;\n"
        "}\n"),
        "weir: [emerg] directive \"tags\" is not terminated by \";\" in toy.conf:2\n"
        "   2 |   tags a b\n"
        "     |           ^ a \";\" is missing here\n"
    },
    {   /* blocks that stay open */
        STR_INIT("http {\n"
        "  server {\n"
        "\n"),
        "weir: [emerg] unexpected end of file, expecting \"}\" in toy.conf:2\n"
        "   2 |   server {\n"
        "     |           ^ the block \"server\" that line 2 opens is not closed\n"
    },
    {   /* brackets and semicolons of nobody */
        STR_INIT("}\n"
        ";\n"
        "{ a; }\n"),
        "weir: [emerg] unexpected \"}\" in toy.conf:1\n"
        "   1 | }\n"
        "     | ^ no block is open here\n"
        "weir: [emerg] unexpected \";\" in toy.conf:2\n"
        "   2 | ;\n"
        "     | ^ none is needed behind a block\n"
        "weir: [emerg] unexpected \"{\" in toy.conf:3\n"
        "   3 | { a; }\n"
        "     | ^ no directive stands before it\n"
    },
    {   /* a word glued to a quote */
        STR_INIT("user \"a\"b;\n"),
        "weir: [emerg] unexpected \"b\" in toy.conf:1\n"
        "   1 | user \"a\"b;\n"
        "     |         ^ a closing quote is followed by a blank, \";\", \"{\" or \")\"\n"
    },
    {   /* a quote that stays open */
        STR_INIT("http {\n"
        "  root \"/srv;\n"
        "}\n"),
        "weir: [emerg] unexpected end of file, expecting \";\" or \"}\" in toy.conf:2\n"
        "   2 |   root \"/srv;\n"
        "     |        ^ this quote is not closed\n"
    },
    {   /* flags */
        STR_INIT("http { gzip yes; etag \"\"; }\n"),
        "weir: [emerg] invalid value \"yes\" in \"gzip\" directive, it must be \"on\" or \"off\" "
        "in toy.conf:1\n"
        "   1 | http { gzip yes; etag \"\"; }\n"
        "     |             ^~~\n"
        "weir: [emerg] invalid value \"\" in \"etag\" directive, it must be \"on\" or \"off\" in "
        "toy.conf:1\n"
        "   1 | http { gzip yes; etag \"\"; }\n"
        "     |                       ^~\n"
    },
    {   /* choices */
        STR_INIT("http { mode slow; }\n"),
        "weir: [emerg] invalid value \"slow\" in \"mode\" directive, it must be \"fast\", "
        "\"safe\" or \"lazy\" in toy.conf:1\n"
        "   1 | http { mode slow; }\n"
        "     |             ^~~~\n"
    },
    {   /* times */
        STR_INIT("http { timeout 5x; expires 5ms; }\n"),
        "weir: [emerg] invalid value \"5x\" in \"timeout\" directive in toy.conf:1\n"
        "   1 | http { timeout 5x; expires 5ms; }\n"
        "     |                ^~ a time is a number of seconds, or with units: 500ms, 30s, "
        "1h30m\n"
        "weir: [emerg] invalid value \"5ms\" in \"expires\" directive in toy.conf:1\n"
        "   1 | http { timeout 5x; expires 5ms; }\n"
        "     |                            ^~~ a time is a number of whole seconds, or with "
        "units: 30s, 1h30m, 7d\n"
    },
    {   /* sizes */
        STR_INIT("http { buffer 1t; }\n"),
        "weir: [emerg] invalid value \"1t\" in \"buffer\" directive in toy.conf:1\n"
        "   1 | http { buffer 1t; }\n"
        "     |               ^~ a size is a number of bytes, or with k, m or g behind it: 8k\n"
    },
    {   /* numbers */
        STR_INIT("workers 65;\n"),
        "weir: [emerg] invalid value \"65\" in \"workers\" directive in toy.conf:1\n"
        "   1 | workers 65;\n"
        "     |         ^~ a whole number from 1 to 64\n"
    },
    {   /* a refusal without a word */
        STR_INIT("mute;\n"),
        "weir: [emerg] \"mute\" directive is invalid in toy.conf:1\n"
        "   1 | mute;\n"
        "     | ^~~~\n"
    },
    {   /* checks of a level */
        STR_INIT("http { buffer 13; server { buffer 13; } }\n"),
        "weir: [emerg] 13 bytes bring bad luck in toy.conf:1\n"
        "   1 | http { buffer 13; server { buffer 13; } }\n"
        "     | ^~~~\n"
        "weir: [emerg] 13 bytes bring bad luck in toy.conf:1\n"
        "   1 | http { buffer 13; server { buffer 13; } }\n"
        "     |                   ^~~~~~\n"
    },
    {   /* no check where a directive failed already */
        STR_INIT("http { buffer 13; gzip x; }\n"),
        "weir: [emerg] invalid value \"x\" in \"gzip\" directive, it must be \"on\" or \"off\" in "
        "toy.conf:1\n"
        "   1 | http { buffer 13; gzip x; }\n"
        "     |                        ^\n"
    },
    {   /* of two names as near, the one that may stand there */
        STR_INIT("mude;\n"
        "http { mude; }\n"),
        "weir: [emerg] unknown directive \"mude\" in toy.conf:1\n"
        "   1 | mude;\n"
        "     | ^~~~ did you mean \"mute\"?\n"
        "weir: [emerg] unknown directive \"mude\" in toy.conf:2\n"
        "   2 | http { mude; }\n"
        "     |        ^~~~ did you mean \"mode\"?\n"
    },
    {   /* a short name is near to none but by one letter */
        STR_INIT("ind;\n"),
        "weir: [emerg] unknown directive \"ind\" in toy.conf:1\n"
        "   1 | ind;\n"
        "     | ^~~\n"
    },
    {   /* data blocks */
        STR_INIT("http { types { a b; c; } }\n"),
        "weir: [emerg] no ending for \"c\" in toy.conf:1\n"
        "   1 | http { types { a b; c; } }\n"
        "     |                     ^\n"
    },
    {   /* the unprintable */
        STR_INIT("user \"a\\t\001\377\303\251\" b c; # \002\n"),
        "weir: [emerg] invalid number of arguments in \"user\" directive in toy.conf:1\n"
        "   1 | user \"a\\t\\x01\\xFF\303\251\" b c; # \\x02\n"
        "     |                       ^ it takes 1 or 2 arguments\n"
    },
    {   /* a word over several lines */
        STR_INIT("http { mode \"a\n"
        " b\";\n"
        "}\n"),
        "weir: [emerg] invalid value \"a\\x0A b\" in \"mode\" directive, it must be \"fast\", "
        "\"safe\" or \"lazy\" in toy.conf:1\n"
        "   1 | http { mode \"a\n"
        "     |             ^~\n"
    },
    {   /* a long line, its begin */
        STR_INIT("usr a; # " X50 X50 X50 X50 "\n"),
        "weir: [emerg] unknown directive \"usr\" in toy.conf:1\n"
        "   1 | usr a; # " X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\n"
        "     | ^~~ did you mean \"user\"?\n"
    },
    {   /* a long line, its end */
        STR_INIT("# \n"
        "daemon on; " B50 B50 B50 B50 "usr a;\n"),
        "weir: [emerg] unknown directive \"usr\" in toy.conf:2\n"
        "   2 | ...                                        usr a;\n"
        "     |                                            ^~~ did you mean \"user\"?\n"
    },
    {   /* a long line, its middle */
        STR_INIT(B50 B50 B50 "usr " X50 X50 X50 X50 ";\n"),
        "weir: [emerg] unknown directive \"usr\" in toy.conf:1\n"
        "   1 | ...                                        usr " X50 "xxxxxx...\n"
        "     |                                            ^~~ did you mean \"user\"?\n"
    },
    {   /* a high line */
        STR_INIT(L2500 L2500 L2500 L2500 "usr a;\n"),
        "weir: [emerg] unknown directive \"usr\" in toy.conf:10001\n"
        "10001 | usr a;\n"
        "      | ^~~ did you mean \"user\"?\n"
    },
    {   /* a BOM */
        STR_INIT("\357\273\277usr a;\n"),
        "weir: [emerg] unknown directive \"usr\" in toy.conf:1\n"
        "   1 | usr a;\n"
        "     | ^~~ did you mean \"user\"?\n"
    },
    {   /* a regular expression without quotes */
        STR_INIT("http { server { location ~ ^/\\d{3}$ { gzip on; } } }\n"
        "events { if ($a ~ [a-f]{2,}) { root yes; } }\n"),
        "weir: [emerg] unexpected \"{\" in toy.conf:1\n"
        "   1 | http { server { location ~ ^/\\d{3}$ { gzip on; } } }\n"
        "     |                                ^ a word with a \"{\" in it needs quotes: "
        "\"^/\\d{3}$\"\n"
        "weir: [emerg] unexpected \"{\" in toy.conf:2\n"
        "   2 | events { if ($a ~ [a-f]{2,}) { root yes; } }\n"
        "     |                        ^ a word with a \"{\" in it needs quotes: \"[a-f]{2,}\"\n"
    },
    {   /* one with a ";" */
        STR_INIT("http { server { location ~ ^/a;b$ { rot x; } location /a; } }\n"),
        "weir: [emerg] directive \"location\" has no opening \"{\" in toy.conf:1\n"
        "   1 | http { server { location ~ ^/a;b$ { rot x; } location /a; } }\n"
        "     |                               ^ the \";\" ends the word: one that has it in it "
        "needs quotes\n"
        "weir: [emerg] directive \"location\" has no opening \"{\" in toy.conf:1\n"
        "   1 | http { server { location ~ ^/a;b$ { rot x; } location /a; } }\n"
        "     |                                                         ^ it is a block: "
        "{ ... } instead of \";\"\n"
    },
    {   /* wide and narrow characters keep the caret in place */
        STR_INIT("user \346\274\242\345\255\227 e\314\201 \360\237\230\200x; # \303\244\n"),
        "weir: [emerg] invalid number of arguments in \"user\" directive in toy.conf:1\n"
        "   1 | user \346\274\242\345\255\227 e\314\201 \360\237\230\200x; # \303\244\n"
        "     |             ^~~ it takes 1 or 2 arguments\n"
    },
    {   /* what looks like a blank */
        STR_INIT("daemon\302\240on;\n"),
        "weir: [emerg] unknown directive \"daemon\\xC2\\xA0on\" in toy.conf:1\n"
        "   1 | daemon\\xC2\\xA0on;\n"
        "     | ^~~~~~~~~~~~~~~~ there is a no-break space (U+00A0) in it, which is no blank\n"
    },
    {   /* what would turn the line around */
        STR_INIT("usr \342\200\256a;\n"),
        "weir: [emerg] unknown directive \"usr\" in toy.conf:1\n"
        "   1 | usr \\xE2\\x80\\xAEa;\n"
        "     | ^~~ did you mean \"user\"?\n"
    },
    {   /* the "}" that is missing, by the indentation */
        STR_INIT("http {\n"
        "  server {\n"
        "    location / {\n"
        "      gzip on;\n"
        "  }\n"
        "}\n"),
        "weir: [emerg] unexpected end of file, expecting \"}\" in toy.conf:3\n"
        "   3 |     location / {\n"
        "     |     ^~~~~~~~ this block seems not to be closed before line 5\n"
    },
    {   /* tabs and blanks cannot be compared */
        STR_INIT("http {\n"
        "  server {\n"
        "\t}\n"),
        "weir: [emerg] unexpected end of file, expecting \"}\" in toy.conf:3\n"
        "   3 | \t}\n"
        "     | \t ^ the block \"http\" that line 1 opens is not closed\n"
    },
    {   /* the "}" that is too much, by the indentation */
        STR_INIT("http {\n"
        "  server {\n"
        "    gzip on;\n"
        "    }\n"
        "  }\n"
        "}\n"),
        "weir: [emerg] unexpected \"}\" in toy.conf:6\n"
        "   6 | }\n"
        "     | ^ no block is open here; the \"}\" of line 4 may be one too many\n"
    },
    {   /* a "}" that is missing, by a statement further out */
        STR_INIT("events {\n"
        "  padding a;\n"
        "http {\n"
        "  gzip on;\n"
        "}\n"),
        "weir: [emerg] unexpected end of file, expecting \"}\" in toy.conf:1\n"
        "   1 | events {\n"
        "     | ^~~~~~ this block seems not to be closed before line 3\n"
        "weir: [emerg] \"padding\" directive is not allowed here in toy.conf:2\n"
        "   2 |   padding a;\n"
        "     |   ^~~~~~~ it belongs in http, server or location\n"
        "weir: [emerg] \"http\" directive is not allowed here in toy.conf:3\n"
        "   3 | http {\n"
        "     | ^~~~ it belongs in main\n"
    },
    {   /* what is not indented at all shows nothing */
        STR_INIT("http {\n"
        "server {\n"
        "gzip on;\n"
        "}\n"),
        "weir: [emerg] unexpected end of file, expecting \"}\" in toy.conf:4\n"
        "   4 | }\n"
        "     |  ^ the block \"http\" that line 1 opens is not closed\n"
    },
    {   /* a "{" that is missing */
        STR_INIT("http\n"
        "server {\n"
        "location /a\n"
        "gzip on;\n"
        "} } }\n"),
        "weir: [emerg] directive \"http\" has no opening \"{\" in toy.conf:1\n"
        "   1 | http\n"
        "     |     ^ a \"{\" is missing here\n"
        "weir: [emerg] directive \"location\" has no opening \"{\" in toy.conf:3\n"
        "   3 | location /a\n"
        "     |            ^ a \"{\" is missing here\n"
    },
    {   /* a "}" in a word would have closed the block */
        STR_INIT("http { server { root on} }\n"),
        "weir: [emerg] directive \"root\" is not terminated by \";\" in toy.conf:1\n"
        "   1 | http { server { root on} }\n"
        "     |                         ^ the \"}\" is part of the word: write \";\" before it\n"
    },
    {   /* other languages */
        STR_INIT("// x;\n"
        "http { else { } root/srv; }\n"
        "user = a b;\n"
        "daemon = on;\n"
        "daemon o n;\n"),
        "weir: [emerg] unknown directive \"//\" in toy.conf:1\n"
        "   1 | // x;\n"
        "     | ^~ a comment begins with \"#\"\n"
        "weir: [emerg] unknown directive \"else\" in toy.conf:2\n"
        "   2 | http { else { } root/srv; }\n"
        "     |        ^~~~ there is no \"else\": write a second \"if\"\n"
        "weir: [emerg] unknown directive \"root/srv\" in toy.conf:2\n"
        "   2 | http { else { } root/srv; }\n"
        "     |                 ^~~~~~~~ a blank is missing behind \"root\"\n"
        "weir: [emerg] invalid number of arguments in \"user\" directive in toy.conf:3\n"
        "   3 | user = a b;\n"
        "     |          ^ it takes 1 or 2 arguments\n"
        "weir: [emerg] invalid number of arguments in \"daemon\" directive in toy.conf:4\n"
        "   4 | daemon = on;\n"
        "     |          ^~ no \"=\" stands before its argument\n"
        "weir: [emerg] invalid number of arguments in \"daemon\" directive in toy.conf:5\n"
        "   5 | daemon o n;\n"
        "     |          ^ it takes 1 argument; quote one with blanks in it\n"
    },
    {   /* a quote that the next one closes */
        STR_INIT("user \"a;\n"
        "http { root \"b\"; }\n"),
        "weir: [emerg] unexpected \"b\" in toy.conf:2\n"
        "   2 | http { root \"b\"; }\n"
        "     |              ^ the quote that line 1 opens ends here: was it not closed there?\n"
    },
};

START_TEST(text_of_two_bytes_a_character_is_told)
{
    struct run run;

    run_text(&run, STR("\xFF\xFE" "d\0a\0e\0"));
    ck_assert_ptr_nonnull(strstr(run_report(&run), "this file is UTF-16: save it as UTF-8"));
    run_end(&run);
}
END_TEST

START_TEST(text_is_told_so)
{
    struct run run;

    run_text(&run, reports[_i].text);
    ck_assert_str_eq(run_report(&run), reports[_i].report);
    run_end(&run);
}
END_TEST

START_TEST(errors_come_in_order_of_place)
{
    struct run run;
    struct conf_word first, second;
    struct conf *conf;

    run_text(&run, STR("user a;\nhttp { }\n"));
    conf = run.conf;
    first = conf->priv->first->words[0];
    second = conf->priv->first->next->words[0];
    conf_error(conf, NULL, "nowhere");
    conf_hint(conf, "a mend of \"%s\"", "it");
    conf_error(conf, &second, "second");
    conf_warn(conf, &first, "first");
    conf_error(conf, &second, "second too");
    conf_error(conf, &second, "second");            /* the same again: once is enough */
    conf_hint(conf, "and its mend goes nowhere");
    ck_assert_uint_eq(conf->errors, 4);
    ck_assert_uint_eq(conf->warnings, 1);
    ck_assert_str_eq(run_report(&run),
        "weir: [warn] first in toy.conf:1\n"
        "   1 | user a;\n"
        "     | ^~~~\n"
        "weir: [emerg] second in toy.conf:2\n"
        "   2 | http { }\n"
        "     | ^~~~\n"
        "weir: [emerg] second too in toy.conf:2\n"
        "   2 | http { }\n"
        "     | ^~~~\n"
        "weir: [emerg] nowhere\n"
        "     a mend of \"it\"\n");
    run_end(&run);
}
END_TEST

START_TEST(command_line_has_no_line_number)
{
    struct run run;

    run_begin(&run);
    ck_assert(!conf_read_text(run.conf, STR("command line"), STR("daemon offf; user a")));
    ck_assert_ptr_null(conf_apply(run.conf));
    ck_assert_str_eq(run_report(&run),
        "weir: [emerg] invalid value \"offf\" in \"daemon\" directive, it must be \"on\" or \"off\""
        " in command line\n"
        "   1 | daemon offf; user a\n"
        "     |        ^~~~\n"
        "weir: [emerg] unexpected end of parameter, expecting \";\" in command line\n"
        "   1 | daemon offf; user a\n"
        "     |                    ^ a \";\" is missing here\n");
    run_end(&run);
}
END_TEST

START_TEST(too_many_errors_are_counted)
{
    struct run run;
    struct writer w;
    const char *report;

    run_begin(&run);
    w = writer_in(run.arena);
    for (unsigned i = 0; i < 1500; i++)
        write_str(&w, STR("bad;\n"));
    conf_read_text(run.conf, STR("toy.conf"), writer_str(&w));
    ck_assert_ptr_null(conf_apply(run.conf));
    ck_assert_uint_eq(run.conf->errors, 1500);
    report = run_report(&run);
    ck_assert_ptr_nonnull(strstr(report, " in toy.conf:1000\n"));
    ck_assert_ptr_null(strstr(report, " in toy.conf:1001\n"));
    ck_assert_ptr_nonnull(strstr(report, "weir: [emerg] 500 more errors and warnings are not "
                                         "shown\n"));
    run_end(&run);
}
END_TEST

START_TEST(huge_word_is_cut)
{
    struct run run;
    struct writer w;

    run_begin(&run);
    w = writer_in(run.arena);
    for (unsigned i = 0; i < 100000; i++)
        write_char(&w, 'a');
    write_char(&w, ';');
    conf_read_text(run.conf, STR("toy.conf"), writer_str(&w));
    ck_assert_ptr_null(conf_apply(run.conf));
    ck_assert_uint_lt(strlen(run_report(&run)), 1500);
    ck_assert_ptr_nonnull(strstr(run_report(&run), "aaa... in toy.conf:1\n"));
    run_end(&run);
}
END_TEST

START_TEST(short_memory_is_told)
{
    struct run run;

    run_text(&run, STR("user a;"));
    ck_assert(!conf_no_memory(run.conf));
    ck_assert_str_eq(run_report(&run), "weir: [emerg] out of memory\n");
    run_end(&run);
}
END_TEST

/* What conf_report writes, on the console or to a log, without the log's time and number. */
static void
assert_told(const struct conf *conf, bool to_log, bool with_warnings, const char *expected)
{
    char got[4096];
    FILE *file = tmpfile();
    struct log_file sink = { .path = STR("sink"), .fd = fileno(file) };
    struct log_output output = { .file = &sink, .level = LEVEL_WARN };
    struct log log = { .outputs = &output, .level = LEVEL_WARN };
    struct log_context ctx = { .log = to_log ? &log : NULL };
    int console_fd = console_redirect(fileno(file));
    char *out = got;

    conf_report(conf, &ctx, with_warnings);
    console_redirect(console_fd);
    rewind(file);
    while (fgets(out, (int)(got + sizeof(got) - out), file) != NULL) {
        char *text = to_log ? strstr(out, "#") : NULL;

        if (text != NULL) {
            text = strstr(text, ": ") + 2;
            memmove(out, text, strlen(text) + 1);
        }
        out += strlen(out);
    }
    *out = '\0';
    fclose(file);
    ck_assert_str_eq(got, expected);
}

START_TEST(console_and_log_are_told_the_same)
{
    struct run run;

    run_text(&run, STR("user\ndaemon;\n\trot\tx;\n"));
    assert_told(run.conf, false, false,
        "weir: [emerg] unknown directive \"rot\" in toy.conf:3\n"
        "   3 | \trot\tx;\n"
        "     | \t^~~ did you mean \"root\"? it belongs in http, server or "
        "location\n");
    assert_told(run.conf, false, true,
        "weir: [warn] \"daemon\" is an argument of \"user\" in toy.conf:2\n"
        "   2 | daemon;\n"
        "     | ^~~~~~ was a \";\" forgotten in line 1?\n"
        "weir: [emerg] unknown directive \"rot\" in toy.conf:3\n"
        "   3 | \trot\tx;\n"
        "     | \t^~~ did you mean \"root\"? it belongs in http, server or "
        "location\n");
    assert_told(run.conf, true, false,
        "unknown directive \"rot\" in toy.conf:3\n"
        "   3 |  rot x;\n"
        "     |  ^~~ did you mean \"root\"? it belongs in http, server or "
        "location\n");
    run_end(&run);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("conf/report");

    unit_add(suite, text_of_two_bytes_a_character_is_told, 1);
    unit_add(suite, text_is_told_so, ARRAY_LEN(reports));
    unit_add(suite, errors_come_in_order_of_place, 1);
    unit_add(suite, command_line_has_no_line_number, 1);
    unit_add(suite, too_many_errors_are_counted, 1);
    unit_add(suite, huge_word_is_cut, 1);
    unit_add(suite, short_memory_is_told, 1);
    unit_add(suite, console_and_log_are_told_the_same, 1);
    return unit_run(suite);
}
