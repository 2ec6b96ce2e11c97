# SPDX-License-Identifier: BSD-2-Clause
"""weir fmt: conf files laid out anew, to the terminal or back into the file, and their meaning kept."""

import os
import pathlib
import re
import stat
import subprocess

import pytest

from harness import binary, check_conf, run_weir
from harness.server import environment

TOP = pathlib.Path(__file__).resolve().parents[2]
SHIPPED = [*sorted((TOP / "conf").glob("*.conf")), TOP / "conf" / "mime.types"]

UNTIDY = """\
worker_processes 1;events{ }   # nothing
http   {
  access_log   off;
  include   *.none;
\ttypes
\t{
\t\ttext/html html  htm;  # pages
\t\ttext/x   x;
\t}


\tlog_format short   '$remote_addr '
\t\t'$status';
\tserver { listen unix:s; root   html; # here
\t}

}
"""
TIDY = """\
worker_processes 1;
events {
} # nothing
http {
    access_log off;
    include *.none;
    types {
        text/html html htm; # pages
        text/x    x;
    }

    log_format short '$remote_addr '
                     '$status';
    server {
        listen unix:s;
        root html; # here
    }
}
"""
BROKEN = "a  b;\nc {\n"
BROKEN_SAID = """\
weir: [emerg] unexpected end of file, expecting "}" in %s:2
   2 | c {
     |    ^ the block "c" that line 2 opens is not closed
"""


def fmt(folder, *args, text=None):
    """weir fmt, in the folder; text is its standard input."""
    done = subprocess.run([binary(), "fmt", *args], cwd=folder, env=environment(folder), timeout=20, capture_output=True,
                          input=text.encode() if text is not None else b"")
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def site(folder):
    """Two files, one of which is untidy."""
    (folder / "untidy.conf").write_text(UNTIDY)
    (folder / "tidy.conf").write_text(TIDY)
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_standard_input_goes_to_standard_output(folder):
    assert fmt(folder, text=UNTIDY) == (0, TIDY, "")
    assert fmt(folder, text=TIDY) == (0, TIDY, "")
    assert fmt(folder, text="") == (0, "", "")


def test_files_go_to_standard_output_and_stay(site):
    assert fmt(site, "untidy.conf", "tidy.conf") == (0, TIDY + TIDY, "")
    assert (site / "untidy.conf").read_text() == UNTIDY


def test_large_text_is_written_whole(folder):
    line = "server_name " + "a" * 100 + ";\n"
    code, out, err = fmt(folder, text=line.replace(" ", "   ") * 20000)
    assert (code, err) == (0, "") and out == line * 20000


def test_file_is_written_back(site):
    os.chmod(site / "untidy.conf", 0o640)
    inode = (site / "tidy.conf").stat().st_ino, (site / "tidy.conf").stat().st_mtime_ns
    before = names(site)
    assert fmt(site, "-w", "untidy.conf", "tidy.conf") == (0, "", "")
    assert (site / "untidy.conf").read_text() == TIDY
    assert stat.S_IMODE((site / "untidy.conf").stat().st_mode) == 0o640
    assert inode == ((site / "tidy.conf").stat().st_ino, (site / "tidy.conf").stat().st_mtime_ns)
    assert names(site) == before


def test_link_stays_and_its_file_is_written(site):
    (site / "d").mkdir()
    (site / "d" / "real").write_text(UNTIDY)
    (site / "link").symlink_to("d/real")
    assert fmt(site, "link", "-w") == (0, "", "")
    assert (site / "link").is_symlink() and (site / "d" / "real").read_text() == TIDY
    assert names(site / "d") == ["real"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_owner_is_kept(site):
    os.chown(site / "untidy.conf", 12, 34)
    assert fmt(site, "-w", "untidy.conf")[0] == 0
    now = (site / "untidy.conf").stat()
    assert (now.st_uid, now.st_gid) == (12, 34)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("folder_mode, said", [(0o777, "cannot be written with the rights of"), (0o755, "mkostemp")])
def test_file_whose_rights_cannot_be_kept_stays(site, folder_mode, said):
    site.chmod(folder_mode)
    (site / "untidy.conf").chmod(0o666)
    before = names(site)
    done = run_weir(site, "fmt", "-w", "untidy.conf", user=65534, group=65534)
    assert done.returncode == 1 and said in done.stderr and re.search("Operation not permitted|Permission denied", done.stderr)
    assert (site / "untidy.conf").read_text() == UNTIDY and names(site) == before


def test_what_is_no_regular_file_is_not_written(site):
    os.mkfifo(site / "pipe")
    process = subprocess.Popen([binary(), "fmt", "-w", "pipe"], cwd=site, stderr=subprocess.PIPE, env=environment(site))
    (site / "pipe").write_text(UNTIDY)
    assert process.communicate(timeout=20)[1] == b'weir: [emerg] "pipe" is not a regular file\n' and process.returncode == 1
    assert stat.S_ISFIFO((site / "pipe").stat().st_mode)


def test_check_names_the_files_that_would_change(site):
    assert fmt(site, "--check", "tidy.conf") == (0, "", "")
    assert fmt(site, "--check", "tidy.conf", "untidy.conf") == (1, "untidy.conf\n", "")
    assert fmt(site, "--check", text=UNTIDY) == (1, "standard input\n", "")
    assert (site / "untidy.conf").read_text() == UNTIDY


def test_file_with_errors_stays_and_the_others_are_done(site):
    (site / "broken.conf").write_text(BROKEN)
    code, out, err = fmt(site, "-w", "broken.conf", "missing.conf", "untidy.conf")
    assert code == 1 and out == ""
    assert err == BROKEN_SAID % "broken.conf" \
        + 'weir: [emerg] open() "missing.conf" failed (2: No such file or directory)\n'
    assert (site / "broken.conf").read_text() == BROKEN and (site / "untidy.conf").read_text() == TIDY


def test_nothing_of_a_text_with_errors_is_printed(folder):
    assert fmt(folder, text=BROKEN) == (1, "", BROKEN_SAID % "standard input")


def test_directives_need_not_be_known_and_includes_not_be_there(folder):
    text = "stream {\n    include /nowhere/*.conf;\n    include nor/here;\n    proxy_ssl_foo bar;\n}\n"
    assert fmt(folder, text=text) == (0, text, "")


def test_lua_is_refused(folder):
    code, out, err = fmt(folder, text="http {\n  content_by_lua_block {\n ngx.say('a'); }\n}\n")
    assert code == 1 and out == "" and "a block of Lua cannot be formatted in standard input:2\n" in err


@pytest.mark.parametrize("args, said", [
    (["-w"], 'weir: option "-w" requires file name\n'),
    (["-w", "--check", "a"], 'weir: options "-w" and "--check" do not go together\n'),
    (["--check", "-w", "a"], 'weir: options "-w" and "--check" do not go together\n'),
    (["-x", "a"], 'weir: invalid option: "-x"\n'),
    (["--", "-x"], 'weir: [emerg] open() "-x" failed (2: No such file or directory)\n'),
    ([""], 'weir: [emerg] open() "" failed (2: No such file or directory)\n'),
    (["."], 'weir: [emerg] read() "." failed (21: Is a directory)\n'),
])
def test_misuse_is_told(folder, args, said):
    assert fmt(folder, *args) == (1, "", said)


def test_same_option_twice_and_names_after_it(site):
    assert fmt(site, "--check", "--check", "--", "tidy.conf") == (0, "", "")


def test_help_names_the_command(folder):
    code, _, err = fmt(folder, "--help")
    assert code == 0 and "weir fmt" in err


def test_meaning_is_the_same(folder):
    for text in (UNTIDY, TIDY):
        done, _ = check_conf(folder, text)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_is_shipped_is_tidy(folder, path):
    assert fmt(folder, "--check", str(path)) == (0, "", "")


def test_what_is_commented_out_in_the_shipped_conf_is_tidy_as_well(folder):
    text = re.sub(r"^( *)#(?=\S|    )", r"\1", (TOP / "conf" / "weir.conf").read_text(), flags=re.M)
    assert fmt(folder, text=text) == (0, text, "")
