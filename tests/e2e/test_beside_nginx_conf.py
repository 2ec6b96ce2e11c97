# SPDX-License-Identifier: BSD-2-Clause
"""
The broken conf files beside the nginx of this machine: the first thing that weir says of each is what nginx says, so that scripts which look
for a message find it. What differs stands in DIFFERENCES, by its reason; skipped where there is no nginx.
"""

import re
import shutil
import subprocess

import pytest

from harness.nginx import NGINX
from test_broken import FOLDER, NAMES

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

DIFFERENCES = {
    "it is told where it was forgotten": """brace-forgotten brace-forgotten-after-events brace-forgotten-at-end brace-forgotten-before-statement
        brace-forgotten-behind-http brace-forgotten-of-server brace-forgotten-with-tabs brace-of-main-forgotten-in-the-middle
        brace-opening-forgotten charset-map-entry colon-for-semicolon comment-of-another-kind comment-of-another-language
        include-with-a-brace-too-few quote-not-closed quote-not-closed-single semicolon-forgotten semicolon-forgotten-after-listen
        semicolon-forgotten-after-server-name semicolon-forgotten-before-block semicolon-forgotten-before-brace semicolon-forgotten-in-main
        semicolon-forgotten-in-one-line semicolon-glued-to-brace map-brace-forgotten map-semicolon-forgotten""",
    "what is wrong is told, rather than what comes of it": """expression-with-braces expression-with-braces-in-if
        expression-with-braces-in-rewrite if-with-and include-of-itself listen-address-6 zone-rate zone-size zone-unknown""",
    "the wrong value is told, and the possible ones": """aio-value auth-delay autoindex-format body-in-file-only choice compress-values gzip-http-version gzip-static
        number number-too-small realip-address satisfy size-fraction
        size-negative size-unit size-word time-in-words time-order time-unit variable-without-a-name""",
    "the place is told, too": "variable-unknown variable-unknown-in-log-format map-variable-unknown server-name-conflict",
    "the place is that of the directive, not of the block's end": "secure-link-both-ways",
    "the key is told as it is written": "map-key-twice",
    "what is invisible is shown, or does no harm": "byte-order-mark no-break-space not-utf-8 nul-byte utf-16 zero-width-space",
    "nginx has no such thing": """environment-control-byte environment-default-with-blank environment-name environment-not-set
        environment-value auth-basic-cache autoindex-exclude autoindex-memory autoindex-readme early-hint encoding-order encoding-order-twice
        mp4-sizes ssi""",
    "nginx has it, weir does not yet": "variable-of-nginx variable-of-nginx-family listen-ssl load-module not-yet-and-rare not-yet-proxy not-yet-tls not-yet-with-warning",
    "nginx accepts it": "addition body-temp-path-levels directio-alignment long-line number-too-large root-way-up-with-variable server-name-pattern time-zero",
}


def first_error(text):
    """Without the time and the number of the process, which nginx puts before it when it has a log."""
    found = re.search(r"\[emerg\] (?:\d+#\d+: )?(.*)$", text, re.M)
    return found and found[1]


def names_that_differ():
    return {name for names in DIFFERENCES.values() for name in names.split()}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    for path in FOLDER.iterdir():
        shutil.copy(path, folder)
    (folder / "logs").mkdir()
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_first_error_is_that_of_nginx(site, name):
    done = subprocess.run([NGINX, "-p", f"{site}/", "-c", f"{name}.conf", "-e", "stderr", "-t"], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=20)
    nginx = first_error(done.stderr.decode(errors="replace").replace(f"{site}/", ""))
    weir = first_error((FOLDER / f"{name}.expected").read_text(errors="replace"))
    if name in names_that_differ():
        assert weir != nginx or weir is None, "they no longer differ"
    else:
        assert weir == nginx
