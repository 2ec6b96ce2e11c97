# SPDX-License-Identifier: BSD-2-Clause
"""python3 -m model SEED COUNT: so many streams, beside the server that WEIR_BINARY names. make model runs it."""

import sys

from model.compare import run

PART = 10_000       # streams of one server: more fill its disk

seed, count = sys.argv[1], int(sys.argv[2])
for part in range(0, count, PART):
    said, problems = run(f"{seed}.{part // PART}" if part else seed, min(PART, count - part))
    print(said, *problems, sep="\n\n" if problems else "\n", flush=True)
    if problems:
        sys.exit(1)
