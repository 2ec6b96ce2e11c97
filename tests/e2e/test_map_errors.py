# SPDX-License-Identifier: BSD-2-Clause
"""What is wrong in a block of data (map, geo, split_clients), in valid_referers and secure_link, and how to mend it."""

import re

import pytest

from harness import check_conf, run_weir

MAP, GEO, SPLIT = "map $uri $a {{ {} }}", "geo $a {{ {} }}", "split_clients $uri $a {{ {} }}"


def in_server(text):
    return f"server {{ listen 127.0.0.1:8080; {text} }}"


def in_map(text):
    return MAP.format(text)


def in_geo(text):
    return GEO.format(text)


def in_split(text):
    return SPLIT.format(text)


BAD_NAME = '"$", then letters, digits and "_": $name'
TAKEN = "weir itself gives it its value: choose another name"
KEY_TAKEN = "the key has a value already; capitals do not matter"
WILDCARDS = "*.example.com, .example.com or www.example.*"
NETWORKS = "an address, or a block of them like 192.0.2.0/24 or 2001:db8::/32"
RANGES = "two addresses, the lower one first: 192.0.2.1-192.0.2.9"
PERCENTS = "from 0.01% to 100%, with two decimals at most, or * for the rest"
FIRST = "write it before the first address and before default"
VALUE = "a value is missing behind it"
QUOTES = "a value with blanks is to be written in quotes"
NAMES = "a name such as example.com, *.example.com or www.example.*, and a path behind it at most"
MIXED = "they are two ways: the second can end links, and is the one to choose"

# http { }: message, mend; the word between « and » is where the caret stands
ERRORS = {
    in_map("a 1; «a» 2;"): ('conflicting parameter "a"', KEY_TAKEN),
    in_map("a 1; «A» 2;"): ('conflicting parameter "A"', KEY_TAKEN),
    in_map('"" 1; «""» 2;'): ('conflicting parameter ""', KEY_TAKEN),
    in_map("default 1; «default» 2;"): ("duplicate default map parameter", "a key of that name is written \\default"),
    in_map("hostnames; *.a.com 1; «.a.com» 2;"): ('conflicting parameter ".a.com"', KEY_TAKEN),
    in_map("hostnames; .a.com 1; «a.com» 2;"): ('conflicting parameter "a.com"', KEY_TAKEN),
    in_map("hostnames; a.* 1; «A.*» 2;"): ('conflicting parameter "A.*"', KEY_TAKEN),
    **{in_map(f"hostnames; «{name}» 1;"): (f'invalid hostname or wildcard "{name}"', WILDCARDS)
       for name in ("a*b.com", "*.*.com", "*.a.*", "*a.com", "*", "*.", "a..com", "**", "a.*.com", ".", ".*", ".a.*")},
    in_map("«a»;"): ("invalid number of the map parameters", VALUE),
    in_map("«hostname»;"): ("invalid number of the map parameters", VALUE),
    in_map("a «1» 2;"): ("invalid number of the map parameters", QUOTES),
    in_map("a «1»\n b 2;"): ("invalid number of the map parameters", 'a ";" is missing here'),
    in_map("a 1; «server» { listen 80; }"): ('unexpected block "server" in "map"', 'was the "}" of "map" forgotten before it?'),
    in_map("«~(» 1;"): ('pcre2_compile() failed: missing closing parenthesis in "("', "an expression that holds { } or ; is to be written in quotes"),
    in_map("default «$nix»;"): ('unknown "nix" variable', None),
    in_map("a «$arg_x$reques_uri»;"): ('unknown "reques_uri" variable', 'did you mean "$request_uri"?'),
    in_map("a «${x»;"): ('the closing bracket in "x" variable is missing', None),
    in_map("a «x$»;"): ('invalid variable name in "x$"', None),
    "map «$nix» $a { }": ('unknown "nix" variable', None),
    "map $uri «a» { }": ('invalid variable name "a"', BAD_NAME),
    "map $uri «$» { }": ('invalid variable name "$"', BAD_NAME),
    "map $uri «$a-b» { }": ('invalid variable name "$a-b"', BAD_NAME),
    "map $arg_a «$uri» { }": ('the duplicate "uri" variable', TAKEN),
    "«map» $uri { a 1; }": ('invalid number of arguments in "map" directive', "it takes 2 arguments"),
    in_geo("«1.2.3.4/33» 1;"): ('invalid network "1.2.3.4/33"', NETWORKS),
    in_geo("«1.2.3» 1;"): ('invalid network "1.2.3"', NETWORKS),
    in_geo("«localhost» 1;"): ('invalid network "localhost"', NETWORKS),
    in_geo("«1.2.3.4-1.2.3.5» 1;"): ('invalid network "1.2.3.4-1.2.3.5"', 'ranges want "ranges;" at the begin of the block'),
    in_geo("«unix:» 1;"): ('invalid network "unix:"', NETWORKS),
    in_geo("«::1/129» 1;"): ('invalid network "::1/129"', NETWORKS),
    in_geo("«[::1]» 1;"): ('invalid network "[::1]"', NETWORKS),
    in_geo("«1.2.3.0/255.255.255.0» 1;"): ('invalid network "1.2.3.0/255.255.255.0"', NETWORKS),
    in_geo("delete «x»;"): ('invalid network "x"', NETWORKS),
    in_geo("proxy «x»;"): ('invalid network "x"', NETWORKS),
    in_geo("proxy «unix:»;"): ('invalid network "unix:"', NETWORKS),
    in_geo("1.2.3.4 1; «ranges»;"): ('the "ranges" directive must be the first directive inside "geo" block', FIRST),
    in_geo("default 1; «ranges»;"): ('the "ranges" directive must be the first directive inside "geo" block', FIRST),
    in_geo("ranges; «1.2.3.4» 1;"): ('invalid range "1.2.3.4"', RANGES),
    in_geo("ranges; «1.2.3.0/24» 1;"): ('invalid range "1.2.3.0/24"', RANGES),
    in_geo("ranges; «1.2.3.4-1.2.3.3» 1;"): ('invalid range "1.2.3.4-1.2.3.3"', RANGES),
    in_geo("ranges; «1.2.3.4-::1» 1;"): ('invalid range "1.2.3.4-::1"', RANGES),
    in_geo("ranges; 1.0.0.0-1.0.0.20 a; «1.0.0.10-1.0.0.40» b;"):
        ('range "1.0.0.10-1.0.0.40" overlaps "1.0.0.0-1.0.0.20"', "a range lies within another, or apart from it"),
    in_geo("«1.2.3.4»;"): ("invalid number of the geo parameters", VALUE),
    in_geo("«proxy»;"): ("invalid number of the geo parameters", VALUE),
    in_geo("1.2.3.4 «1» 2;"): ("invalid number of the geo parameters", QUOTES),
    in_geo("1.2.3.4 «1»\n 1.2.3.5 1;"): ("invalid number of the geo parameters", 'a ";" is missing here'),
    "geo «x» $a { }": ('invalid variable name "x"', "the variable that has the address: geo $http_x_client $name { }"),
    "geo «$nix» $a { }": ('unknown "nix" variable', None),
    "geo «a» { }": ('invalid variable name "a"', BAD_NAME),
    "geo «$args» { }": ('the duplicate "args" variable', TAKEN),
    in_split("50% a; «50.01%» b;"): ("percent total is greater than 100%", "50.00% are left"),
    in_split("«100.01%» a;"): ("percent total is greater than 100%", "100.00% are left"),
    in_split("* a; «5%» b;"): ("percent total is greater than 100%", "* stands for all that is left: write it last"),
    **{in_split(f"«{word}» a;"): (f'invalid percent value "{word}"', PERCENTS)
       for word in ("0%", "0.00%", "0.001%", "1", "%", ".%", "-5%", "5,5%", "1.2.3%", "x%", "99999999999999999999%", "*%")},
    in_split("«5%»;"): ("invalid number of the split_clients parameters", VALUE),
    in_split("5% «a» b;"): ("invalid number of the split_clients parameters", QUOTES),
    "split_clients $uri «a» { }": ('invalid variable name "a"', BAD_NAME),
    "split_clients «$nix» $a { }": ('unknown "nix" variable', None),
    in_server("valid_referers a.com «a.com»;"): ('conflicting parameter "a.com"', "the name is there already; a regular expression can have many paths"),
    in_server("valid_referers a.com/x «a.com/y»;"): ('conflicting parameter "a.com/y"', "the name is there already; a regular expression can have many paths"),
    in_server("valid_referers «a*b.com»;"): ('invalid hostname or wildcard "a*b.com"', NAMES),
    in_server('valid_referers «""»;'): ('invalid referer ""', None),
    in_server("valid_referers «~»;"): ('empty regex in "~"', "the expression follows the ~ without a blank: ~\\.example\\."),
    in_server("valid_referers «~(»;"): ('pcre2_compile() failed: missing closing parenthesis in "("',
                                        "an expression that holds { } or ; is to be written in quotes"),
    in_server("«valid_referers»;"): ('invalid number of arguments in "valid_referers" directive', "it takes at least 1 argument"),
    "«valid_referers» none;": ('"valid_referers" directive is not allowed here', None),
    in_server("«secure_link_secret» a;"): ('"secure_link_secret" directive is not allowed here', None),
    in_server("«location» / { secure_link_secret a; secure_link b; }"):
        ('"secure_link_secret" cannot be mixed with "secure_link" and "secure_link_md5"', MIXED),
    in_server("«location» / { secure_link_md5 b; secure_link_secret a; }"):
        ('"secure_link_secret" cannot be mixed with "secure_link" and "secure_link_md5"', MIXED),
    in_server("secure_link a; «secure_link» b;"): ('"secure_link" directive is duplicate', None),
    in_server("secure_link «$nix»;"): ('unknown "nix" variable', None),
}

WARNINGS = {
    in_map("«*.a.com» 1; hostnames;"): ('"*.a.com" is plain text: "hostnames" comes behind it', "write hostnames; before the keys"),
    in_geo("default 1; «default» 2;"): ('duplicate network "default", value: "2", old value: "1"', "the last one counts"),
    in_geo("1.2.3.4 1; «1.2.3.4/32» 2;"): ('duplicate network "1.2.3.4/32", value: "2", old value: "1"', "the last one counts"),
    in_geo("«1.2.3.4/24» 1;"): ("low address bits of 1.2.3.4/24 are meaningless", None),
    in_geo("proxy «1.2.3.4/24»;"): ("low address bits of 1.2.3.4/24 are meaningless", None),
    in_geo("1.2.3.0/24 1; delete «1.2.3.4»;"): ('no network "1.2.3.4" to delete', "what is deleted must have been written just so before"),
    in_geo("1.2.3.4 «$uri»;"): ('"$uri" is plain text in "geo"', "a map of $a can have variables in its values"),
    in_geo("ranges; default 1; «default» 2;"): ('duplicate default geo range value: "2", old value: "1"', "the last one counts"),
    in_geo("ranges; 1.0.0.0-1.0.0.1 1; «1.0.0.0-1.0.0.1» 2;"):
        ('duplicate range "1.0.0.0-1.0.0.1", value: "2", old value: "1"', "the last one counts"),
    in_geo("ranges; 1.0.0.0-1.0.0.9 1; delete «1.0.0.0-1.0.0.1»;"):
        ('no address range "1.0.0.0-1.0.0.1" to delete', "what is deleted must have been written just so before"),
    in_split("5% «$uri»;"): ('"$uri" is plain text in "split_clients"', "a map of $a can have variables in its values"),
    in_split("* a; «*» b;"): ('"*" is there already, this one is never reached', None),
    in_server("valid_referers «http://a.com/»;"): ('"http://a.com/" is no referer that can be met', "write it without the scheme"),
    in_server("valid_referers «a.com:80»;"): ('"a.com:80" is no referer that can be met', "write it without the port: any port will do"),
}

GOOD = [
    in_map(""), in_map("~a 1; ~a 2;"), in_map("hostnames 1; volatile 2;"), in_map("hostnames; hostnames; volatile; volatile;"), "map $uri $http_x { a 1; }",
    "map $uri $a { a 1; } map $uri $a { a 2; }", in_geo(""), in_geo("ranges; ranges;"), in_geo("proxy 1.2.3.4; proxy_recursive; ranges; volatile;"),
    in_geo("ranges; 1.0.0.5-1.0.0.6 a; 1.0.0.0-1.0.0.9 b; ::1-::9 c;"), in_geo("ranges; 0.0.0.0-255.255.255.255 a;"),
    "geo $remote_addr $a { }", in_split(""), in_split("50% a; 50% b; * c;"), in_split(".5% a; 5.% b; 05% c; 0.01% d;"),
    in_server("valid_referers none; valid_referers blocked;"), in_server("server_name a.com; valid_referers server_names a.com;"),
    in_server("server_name ~a; valid_referers server_names; referer_hash_max_size 1; referer_hash_bucket_size 1;"),
    in_server("secure_link b; location / { secure_link_secret a; }"), "map_hash_max_size 1; map_hash_bucket_size 64;",
]


def told(folder, text):
    """(level, message, line, column and length of the caret, mend) of each thing told of."""
    done, _ = check_conf(folder, "events { }\nhttp {\n" + text.replace("«", "").replace("»", "") + "\n}\n")
    found = []
    for part in re.split(r"^weir: (?=\[)", done.stderr, flags=re.M)[1:]:
        first, *rest = part.splitlines()
        if first.startswith("[notice] sandbox: "):
            continue
        head = re.fullmatch(r"\[(\w+)\] (.*) in \S+:(\d+)", first)
        caret = re.match(r"( +\| )( *)(\^~*) ?(.*)", rest[1]) if len(rest) > 1 else None
        found.append((head[1], head[2], int(head[3]), (len(caret[2]), len(caret[3]), caret[4] or None) if caret else None))
    return done.returncode, found


def expected(level, text, message, mend):
    before = text[:text.index("«")]
    word = text[text.index("«") + 1:text.index("»")]
    return level, message, 3 + before.count("\n"), (len(before.rsplit("\n", 1)[-1]), len(word), mend)


@pytest.mark.parametrize("text", list(ERRORS))
def test_error(folder, text):
    message, mend = ERRORS[text]
    status, found = told(folder, text)
    if mend is None and found:
        mend = found[0][3][2]
    assert (status, found) == (1, [expected("emerg", text, message, mend)])


@pytest.mark.parametrize("text", list(WARNINGS))
def test_warning(folder, text):
    message, mend = WARNINGS[text]
    status, found = told(folder, text)
    assert (status, found) == (0, [expected("warn", text, message, mend)])


@pytest.mark.parametrize("text", GOOD)
def test_good(folder, text):
    assert told(folder, text) == (0, [])


def test_all_lines_of_a_block_are_looked_at(folder):
    status, found = told(folder, in_map("a 1; «a» 2; b; ~( 1;") + in_geo("x 1; y 2;"))
    assert status == 1 and [message for _, message, _, _ in found] == [
        'conflicting parameter "a"', "invalid number of the map parameters", 'pcre2_compile() failed: missing closing parenthesis in "("',
        'invalid network "x"', 'invalid network "y"']


def test_file_that_is_included_is_named(folder):
    (folder / "bad.map").write_text("a 1;\nb 2\nc 3;\n")
    (folder / "weir.conf").write_text("events { }\nhttp { map $uri $a { include bad.map; } }\n")
    done = run_weir(folder, "-p", f"{folder}/", "-c", f"{folder}/weir.conf", "-t")
    assert f"invalid number of the map parameters in {folder}/bad.map:2" in done.stderr and 'a ";" is missing here' in done.stderr
