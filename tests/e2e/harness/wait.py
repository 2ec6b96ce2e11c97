# SPDX-License-Identifier: BSD-2-Clause
"""Waiting for what is to happen, never for time."""

import time

now = time.monotonic


def wait_until(condition, what="the condition", timeout=10.0):
    """Calls condition() until it returns something true, and returns that."""
    end = now() + timeout
    pause = 0.001
    while True:
        result = condition()
        if result:
            return result
        if now() > end:
            raise AssertionError(f"waited {timeout} s in vain for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
