"""Files appear whole or not at all."""

import os
import socket
import stat
import subprocess
import sys

import pytest

from data.files import write_aside


def test_the_file_appears_at_the_end(tmp_path):
    with write_aside(tmp_path / "a.txt") as aside:
        aside.write_text("whole")
        assert not (tmp_path / "a.txt").exists()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "whole")]


def test_a_failure_leaves_nothing(tmp_path):
    def write_half():
        with write_aside(tmp_path / "a.txt") as aside:
            aside.write_text("half")
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_is_a_folder_is_named(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"cannot write .*: it is a folder; name a file in it"):
        write_aside(tmp_path).__enter__()


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder .*absent does not exist; make it first"):
        write_aside(tmp_path / "absent" / "a.txt").__enter__()


def written(path, text="new"):
    with write_aside(path) as aside:
        aside.write_text(text)


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    target = tmp_path / "far" / "a.txt"
    target.write_text("old")
    link, dangling = tmp_path / "link.txt", tmp_path / "dangling.txt"
    link.symlink_to("far/a.txt")
    dangling.symlink_to("far/b.txt")
    written(link)
    written(dangling)
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert dangling.is_symlink()
    assert (tmp_path / "far" / "b.txt").read_text() == "new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "a.txt", "b.txt", "dangling.txt", "far", "link.txt"
    ]  # fmt: skip


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    (tmp_path / "self").symlink_to("self")
    with pytest.raises(OSError, match=r"cannot write .*self: it is a link that leads to itself"):
        written(tmp_path / "self")
    (tmp_path / "absent").symlink_to(tmp_path / "none" / "a.txt")
    with pytest.raises(FileNotFoundError, match=r"the folder .*none does not exist"):
        written(tmp_path / "absent")


def test_what_is_no_regular_file_stays_what_it_is(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(tmp_path)  # names of sockets are short
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        for path in (tmp_path / "pipe", tmp_path / "socket", tmp_path / "null", "/dev/null"):
            before = os.stat(path).st_mode
            with pytest.raises(FileExistsError, match=r"it is no regular file .*name another"):
                written(path)
            assert os.stat(path).st_mode == before


def test_permissions_of_an_older_file_are_kept(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("old")
    secret.chmod(0o600)
    written(secret)
    assert (secret.read_text(), stat.S_IMODE(secret.stat().st_mode)) == ("new", 0o600)


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    for name in ("a\0b", "x" * 300, "y/" * 3000 + "z"):
        with pytest.raises((ValueError, OSError), match="cannot write"):
            written(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
from data.files import write_aside
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    with write_aside(sys.argv[1]) as aside:
        aside.write_bytes(b"x" * 1_000_000)
except OSError as error:
    print(error)
"""


def test_a_full_disk_is_said_and_the_old_file_stays(tmp_path):
    target = tmp_path / "a.bin"
    target.write_text("old")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, target], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"cannot write {target}: File too large" in done.stdout
    assert "is as it was" in done.stdout
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.bin", "old")]


KILLED = """
import os, signal, sys
from data.files import write_aside
with write_aside(sys.argv[1]) as aside:
    aside.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_goes_with_the_next_writing(tmp_path):
    target = tmp_path / "a.txt"
    subprocess.run([sys.executable, "-c", KILLED, target])
    (left,) = tmp_path.iterdir()
    foreign = [tmp_path / name for name in (".movie.mkv.part", ".0123456789abcdef.part", "b.part")]
    for path in foreign:
        path.write_text("not ours")
    elsewhere = left.with_name(left.name.replace(left.name.split("-")[0], ".ffffffff"))
    elsewhere.write_text("another machine is writing")
    with write_aside(tmp_path / "b.txt") as aside:
        aside.write_text("b")
        written(target)
        assert aside.exists()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a.txt", "b.txt", elsewhere.name, *(path.name for path in foreign)}
