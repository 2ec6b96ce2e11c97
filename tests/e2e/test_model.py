# SPDX-License-Identifier: BSD-2-Clause
"""The server and a slow, obvious reader of RFC 9112 (model/) read the same messages in streams of requests that were altered by chance."""

from model.compare import run


def test_server_and_model_read_the_same_messages():
    said, problems = run("1", 1000)
    assert not problems, "\n\n".join([said] + problems)
