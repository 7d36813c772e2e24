"""Files appear whole or not at all."""

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
