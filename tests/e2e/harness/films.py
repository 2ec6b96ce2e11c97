# SPDX-License-Identifier: BSD-2-Clause
"""Films in the format of mp4, small and of any shape, and a reader of such films that knows nothing of the writer."""

import random
import struct
from dataclasses import dataclass, field


def box(kind, *content, wide=False):
    body = b"".join(content)
    if wide:
        return struct.pack(">I4sQ", 1, kind, len(body) + 16) + body
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full(kind, version, *content, flags=0):
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


@dataclass
class Sample:
    data: bytes
    duration: int
    shift: int = 0              # from when it is decoded to when it is shown
    is_key: bool = True


@dataclass
class Track:
    samples: list
    timescale: int
    chunks: list = None         # samples of each chunk, repeated to the end; None: one each
    wide: bool = False          # co64
    uniform: bool = False       # one size for all in stsz
    edits: list = field(default_factory=list)   # (duration, media time)
    version: int = 0            # of tkhd and mdhd
    stsd: bytes = full(b"stsd", 0, struct.pack(">I", 1), box(b"mp4v", bytes(78)))
    tkhd: bytes = bytes(60)     # from its reserved bytes on
    stbl: bytes = b""           # other boxes there
    trak: bytes = b""

    @property
    def duration(self):
        return sum(sample.duration for sample in self.samples)


def table(kind, entries, form, version=0):
    return full(kind, version, struct.pack(">I", len(entries)), *(struct.pack(form, *entry) for entry in entries))


def runs(values):
    found = []
    for value in values:
        if found and found[-1][1] == value:
            found[-1][0] += 1
        else:
            found.append([1, value])
    return found


def chunks_of(track):
    """Lists of samples."""
    sizes, found, at = track.chunks or [1], [], 0
    while at < len(track.samples):
        size = sizes[len(found) % len(sizes)]
        found.append(track.samples[at:at + size])
        at += size
    return found


def times(version, *values):
    return struct.pack(">QQ" if version else ">II", 0, 0) + b"".join(values)


def number(version, value):
    return struct.pack(">Q" if version else ">I", value)


def trak_of(index, track, offsets, timescale):
    samples = track.samples
    length = track.duration * timescale // track.timescale
    tkhd = full(b"tkhd", track.version, times(track.version, struct.pack(">II", index + 1, 0), number(track.version, length)),
                track.tkhd, flags=7)
    mdhd = full(b"mdhd", track.version, times(track.version, struct.pack(">I", track.timescale), number(track.version, track.duration)),
                struct.pack(">HH", 0x55c4, 0))
    per_chunk = runs([len(chunk) for chunk in chunks_of(track)])
    stsc, first = [], 1
    for count, size in per_chunk:
        stsc.append((first, size, 1))
        first += count
    sizes = [len(sample.data) for sample in samples]
    stsz = (full(b"stsz", 0, struct.pack(">II", sizes[0] if sizes else 1, len(sizes))) if track.uniform
            else full(b"stsz", 0, struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes)))
    stbl = [track.stsd, table(b"stts", runs([s.duration for s in samples]), ">II")]
    if not all(s.is_key for s in samples):
        stbl.append(table(b"stss", [(i + 1,) for i, s in enumerate(samples) if s.is_key], ">I"))
    if any(s.shift for s in samples):
        stbl.append(table(b"ctts", runs([s.shift for s in samples]), ">II"))
    stbl += [table(b"stsc", stsc, ">III"), stsz,
             table(b"co64", [(o,) for o in offsets], ">Q") if track.wide else table(b"stco", [(o,) for o in offsets], ">I"), track.stbl]
    minf = box(b"minf", full(b"vmhd", 0, bytes(8), flags=1), box(b"dinf", full(b"dref", 0, struct.pack(">I", 1), full(b"url ", 0, flags=1))), box(b"stbl", *stbl))
    mdia = box(b"mdia", mdhd, full(b"hdlr", 0, bytes(4), b"vide", bytes(12), b"\0"), minf)
    edits = box(b"edts", table(b"elst", [(d, t, 1, 0) for d, t in track.edits], ">IiHH")) if track.edits else b""
    return box(b"trak", tkhd, edits, mdia, track.trak)


def make_film(tracks, *, timescale=1000, moov_last=False, version=0, wide_moov=False, wide_mdat=False, between=b"", moov_more=b"", ftyp=True):
    """The bytes of the film. Chunks of the tracks take turns."""
    queues = [chunks_of(track) for track in tracks]
    order, data = [], []        # (track, bytes before it)
    position = 0
    for turn in range(max((len(queue) for queue in queues), default=0)):
        for i, queue in enumerate(queues):
            if turn < len(queue):
                chunk = b"".join(sample.data for sample in queue[turn])
                order.append((i, position))
                data.append(chunk)
                position += len(chunk)
    head = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isommp41") if ftyp else b""
    length = max((track.duration * timescale // track.timescale for track in tracks), default=0)
    mvhd = full(b"mvhd", version, times(version, struct.pack(">I", timescale), number(version, length)), struct.pack(">I", 0x10000), bytes(76))

    def moov(begin):
        traks = [trak_of(i, track, [begin + at for j, at in order if j == i], timescale) for i, track in enumerate(tracks)]
        return box(b"moov", mvhd, *traks, moov_more, wide=wide_moov)

    mdat = box(b"mdat", *data, wide=wide_mdat)
    mdat_head = len(mdat) - position
    if moov_last:
        return head + between + mdat + moov(len(head) + len(between) + mdat_head)
    return head + moov(len(head) + len(moov(0)) + len(between) + mdat_head) + between + mdat


# ---- reading

def boxes(data):
    """(kind, content) of each box, and each must fit."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        assert head <= size <= len(data) - at, (kind, size, len(data) - at)
        yield kind, data[at + head:at + size]
        at += size


def one(data, kind):
    found = [content for name, content in boxes(data) if name == kind]
    assert len(found) == 1, f"{kind} stands {len(found)} times"
    return found[0]


def entries(content, form):
    count, = struct.unpack_from(">I", content, 4)
    size = struct.calcsize(form)
    assert len(content) == 8 + count * size
    return [struct.unpack_from(form, content, 8 + i * size) for i in range(count)]


def duration_of(content, at):
    return struct.unpack_from(">Q", content, at + 8)[0] if content[0] else struct.unpack_from(">I", content, at)[0]


@dataclass
class Found:
    """A track that was read: its samples, and what its edit list and its boxes say."""
    samples: list
    edits: list
    timescale: int
    duration: int               # in its units
    shown: int                  # in the film's


def read_trak(film, trak):
    mdia = one(trak, b"mdia")
    stbl = one(one(mdia, b"minf"), b"stbl")
    parts = dict(boxes(stbl))
    durations = [d for count, d in entries(parts[b"stts"], ">II") for _ in range(count)]
    shifts = [s for count, s in entries(parts[b"ctts"], ">II") for _ in range(count)] if b"ctts" in parts else [0] * len(durations)
    keys = {n for n, in entries(parts[b"stss"], ">I")} if b"stss" in parts else set(range(1, len(durations) + 1))
    assert all(1 <= n <= len(durations) for n in keys)
    size, count = struct.unpack_from(">II", parts[b"stsz"], 4)
    sizes = [size] * count if size else list(struct.unpack(f">{count}I", parts[b"stsz"][12:]))
    assert len(sizes) == len(durations) == len(shifts)
    offsets = [o for o, in (entries(parts[b"co64"], ">Q") if b"co64" in parts else entries(parts[b"stco"], ">I"))]
    stsc = entries(parts[b"stsc"], ">III")
    samples, at = [], 0
    for chunk, offset in enumerate(offsets, 1):
        for _ in range([n for first, n, _ in stsc if first <= chunk][-1]):
            data = film[offset:offset + sizes[at]]
            assert len(data) == sizes[at]
            samples.append(Sample(data, durations[at], shifts[at], at + 1 in keys))
            offset += sizes[at]
            at += 1
    assert at == len(sizes)
    mdhd, tkhd = one(mdia, b"mdhd"), one(trak, b"tkhd")
    edits = []
    if b"edts" in dict(boxes(trak)):
        elst = one(one(trak, b"edts"), b"elst")
        edits = [tuple(e[:2]) for e in entries(elst, ">QqHH" if elst[0] else ">IiHH")]
    return Found(samples, edits, struct.unpack_from(">I", mdhd, 20 if mdhd[0] else 12)[0], duration_of(mdhd, 16), duration_of(tkhd, 20))


def read_film(film):
    """The tracks, and the length that the film says it has, in its units."""
    moov = one(film, b"moov")
    return [read_trak(film, content) for kind, content in boxes(moov) if kind == b"trak"], duration_of(one(moov, b"mvhd"), 16)


# ---- films of their own

def pictures(seed, count=100, timescale=12800, duration=512, every=25, shifts=(0,), largest=300, **more):
    rng = random.Random(seed)
    samples = [Sample(rng.randbytes(rng.randrange(1, largest)), duration, shifts[i % len(shifts)], i % every == 0) for i in range(count)]
    return Track(samples, timescale, **more)


def sound(seed, count=180, timescale=44100, duration=1024, largest=60, **more):
    rng = random.Random(seed)
    samples = [Sample(rng.randbytes(rng.randrange(1, largest)), duration if i + 1 < count else duration // 3) for i in range(count)]
    return Track(samples, timescale, **more)
