# SPDX-License-Identifier: BSD-2-Clause
"""split_clients: parts of all clients, by MurmurHash2. test_beside_nginx_maps.py asks nginx the same."""

import pytest

from harness import serving

HTTP = """
    split_clients $arg_k $documented { 0.5% .one; 2.0% .two; * ""; }
    split_clients "${arg_k}AAA" $halves { 50% a; 50% b; }
    split_clients $arg_k $thirds { 33.33% a; 33.3% b; 33% c; }
    split_clients $arg_k $tenths { 10% 0; 10% 1; 10% 2; 10% 3; 10% 4; 10.00% 5; 10% 6; 10% 7; 10% 8; .01% tiny; 9.99% 9; }
    split_clients $arg_k $all { * all; }
    split_clients $arg_k $one { 100% one; }
    split_clients $arg_k $nothing { }
"""
SERVER = 'return 200 "$documented|$halves|$thirds|$tenths|$all|$one|$nothing";'


def murmur2(data):
    """MurmurHash2 of 32 bits with the seed 0, as its author published it."""
    factor, mask = 0x5BD1E995, 0xFFFFFFFF
    h = len(data)
    while len(data) >= 4:
        k = int.from_bytes(data[:4], "little") * factor & mask
        k = (k ^ k >> 24) * factor & mask
        h = (h * factor & mask) ^ k
        data = data[4:]
    if data:
        h = (h ^ int.from_bytes(data, "little")) * factor & mask
    h = (h ^ h >> 13) * factor & mask
    return h ^ h >> 15


def part(text, *parts):
    """parts: (hundredths of a percent, value)"""
    end = 0
    for hundredths, value in parts:
        end += hundredths * 0xFFFFFFFF // 10000
        if murmur2(text.encode()) < end:
            return value
    return ""


def expected(key):
    return "|".join([
        part(key, (50, ".one"), (200, ".two")),
        part(key + "AAA", (5000, "a"), (5000, "b")),
        part(key, (3333, "a"), (3330, "b"), (3300, "c")),
        part(key, *((1000, str(n)) for n in range(9)), (1, "tiny"), (999, "9")),
        "all", "one", ""])


KEYS = [f"{'x' * (n % 7)}{n * 7919}" for n in range(1000)]


@pytest.fixture(scope="module")
def server():
    with serving(http=HTTP, server=SERVER) as weir:
        yield weir


def test_hash_is_murmur2():
    """Known values."""
    assert [murmur2(text) for text in (b"", b"a", b"abcd")] == [0, 0x92685F5E, 0x26873021]


def test_each_key_has_its_part(server):
    with server.connect() as client:
        for key in KEYS:
            assert client.ask(f"GET /?k={key} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).text == expected(key), key


@pytest.mark.parametrize("key", ["", "a", "ab", "abc", "abcd", "abcde", "x" * 5000])
def test_keys_of_each_length(server, key):
    assert server.get(f"/?k={key}").text == expected(key)


def test_parts_are_as_large_as_they_say():
    count = {value: 0 for value in ("a", "b", "c", "")}
    for n in range(20000):
        count[part(str(n), (3333, "a"), (3330, "b"), (3300, "c"))] += 1
    assert all(abs(count[value] - share) < 400 for value, share in (("a", 6666), ("b", 6660), ("c", 6600), ("", 74)))


def unshift(n, by):
    """What n was before n ^= n >> by."""
    found = n
    for _ in range(32 // by + 1):
        found = n ^ found >> by
    return found


def key_of(wanted):
    """The four bytes with that hash."""
    factor, mask = 0x5BD1E995, 0xFFFFFFFF
    back = pow(factor, -1, 1 << 32)
    h = unshift(unshift(wanted, 15) * back & mask, 13)
    k = unshift((h ^ 4 * factor & mask) * back & mask, 24) * back & mask
    return k.to_bytes(4, "little")


def edges():
    """(hundredths, key): the key's hash is the first behind a part of that size."""
    keys = ((share, key_of(share * 0xFFFFFFFF // 10000)) for share in range(1, 10000))
    return [(share, key.decode()) for share, key in keys if key.isalnum() and key.isascii()][:8]


EDGES = edges()
EDGE_HTTP = "".join(f"split_clients $arg_k $v{share} {{ {share / 100:.2f}% in; * behind; }}\n" for share, _ in EDGES)
EDGE_SERVER = 'return 200 "' + "|".join(f"{share}=$v{share}" for share, _ in EDGES) + '";'


def test_part_ends_before_its_end(weir):
    assert len(EDGES) == 8 and all(murmur2(key.encode()) == share * 0xFFFFFFFF // 10000 for share, key in EDGES)
    server = weir(http=EDGE_HTTP, server=EDGE_SERVER)
    for share, key in EDGES:
        assert f"{share}=behind" in server.get(f"/?k={key}").text.split("|")
