"""One line for a mistake and for Ctrl-C, a traceback for a fault of the program."""

import pytest

from data.commands import one_line


@pytest.mark.parametrize("error", [ValueError, OSError, FileNotFoundError, ImportError, RuntimeError])
@pytest.mark.parametrize(("message", "said"), [("a\n b", "a b"), ("", None)])
def test_a_mistake_is_one_line_and_exit_code_2(capsys, error, message, said):
    with pytest.raises(SystemExit) as ended, one_line("sisa"):
        raise error(message)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"sisa: {said or error.__name__}\n"


def test_stopping_is_one_line_and_exit_code_130(capsys):
    for message, said in (((), "stopped"), (("stopped at step 3 of 9",), "stopped at step 3 of 9")):
        with pytest.raises(SystemExit) as ended, one_line("sisa"):
            raise KeyboardInterrupt(*message)
        assert ended.value.code == 130
        assert capsys.readouterr().err == f"sisa: {said}\n"


@pytest.mark.parametrize("error", [TypeError, KeyError, RecursionError, BrokenPipeError])
def test_other_errors_stay_as_they_are(error):
    with pytest.raises(error), one_line("sisa"):
        raise error("a fault")


def test_nothing_happens_where_nothing_does(capsys):
    with one_line("sisa"):
        pass
    assert capsys.readouterr() == ("", "")
