# SPDX-License-Identifier: BSD-2-Clause
"""A small file system of a test's own, that the workers' user can reach."""

import contextlib
import os
import subprocess

import pytest

from harness.server import make_folder, remove_folder


@contextlib.contextmanager
def small_disk(size):
    """Its folder; skips where nothing can be mounted."""
    folder = make_folder()
    place = folder / "disk"
    place.mkdir()
    try:
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "none", place],
                                               capture_output=True).returncode != 0:
            pytest.skip("nothing can be mounted here")
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", place], check=True)
    finally:
        remove_folder(folder)
