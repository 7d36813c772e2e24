"""The embedded corpus: read by ast alone, in a fixed order, without repetition, stored once."""

import sys

import pytest

from data import TokenCorpus, build_corpus, open_corpus, topics_corpus
from data.text import build as corpus_build
from data.text.build import cache_folder, embedded_documents
from data.text.corpus import is_heldout
from data.text.docstrings import docstrings, standard_library
from data.text.packages import installed, locked, package_files

SOURCE = b'''
"""The module, long enough to be kept."""
import nowhere_to_be_found
if True:
    class A:
        """   A class inside an if block.

            Indented text.
        """
        async def method(self):
            """A method inside a class, kept."""
            def inner():
                """A function inside a function."""
else:
    def other():
        """Short."""
        raise SystemExit
try:
    def tried():
        """A function inside a try block."""
finally:
    def last():
        """A function in the finally part."""
'''


def test_docstrings_in_order_and_cleaned():
    assert docstrings(SOURCE) == [
        "The module, long enough to be kept.",
        "A class inside an if block.\n\nIndented text.",
        "A method inside a class, kept.",
        "A function inside a function.",
        "A function inside a try block.",
        "A function in the finally part.",
    ]


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"x = 1",
        b'"""broken',
        b'def f(:\n  """text that is long enough"""',
        b'\x00"""null bytes in the file"""',
        b'# coding: nonsense\n"""text that is long enough"""',
        b'"""text that is long enough"""\nx = ' + b"(" * 5000,
    ],
)
def test_what_is_not_python_gives_nothing(source):
    assert docstrings(source) == []


def test_doubtful_escapes_warn_nobody():
    assert docstrings(b'"""A text with \\d in its middle."""') == ["A text with \\d in its middle."]


def test_files_of_the_standard_library_and_of_packages():
    names = [path.name for path in standard_library()]
    assert {"argparse.py", "typing.py"} <= set(names)
    parts = {part for path in standard_library() for part in path.parts}
    assert not {"site-packages", "test", "idlelib"} & parts
    files = package_files(installed()["pytest"])
    assert files == sorted(files, key=str)
    assert all(path.suffix == ".py" and path.is_file() for path in files)


def test_names_are_compared_as_indexes_compare_them(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("Foo_.Bar--baz==1\n")
    assert locked(lock) == ["foo-bar-baz"]
    assert list(installed()) == sorted(installed())


def test_locked_names(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "# made\nNumPy==2.0 \\\n    --hash=sha256:1\nruff [x] == 1\nlocal @ file:///x\nzope.a==1\n\n"
    )
    assert locked(lock) == ["numpy", "ruff", "zope-a"]


def test_a_lock_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no requirements file at .*none.lock. Pass the path of one"):
        locked(tmp_path / "none.lock")


def test_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SISA_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("SISA_CACHE")
    assert cache_folder().is_absolute()
    assert "sisa" in str(cache_folder())


def test_topics_at_once(corpus):
    again = topics_corpus(corpus.tokenizer)
    assert again.sha256 == corpus.sha256 == topics_corpus().sha256
    assert len(corpus.split("train")) > 100_000
    assert len(corpus.split("heldout")) > 4_000
    assert topics_corpus(d_vocab=512).d_vocab == 512


@pytest.fixture
def few_files(tmp_path, monkeypatch):
    """The standard library shortened to two files, one of which repeats the other."""
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_bytes(SOURCE)
    second.write_bytes(SOURCE + b'\ndef new():\n    """A docstring that is new here."""\n')
    monkeypatch.setattr(corpus_build, "standard_library", lambda: [first, tmp_path / "gone.py", second])
    return tmp_path


def test_documents_hold_each_docstring_once(few_files):
    texts = list(embedded_documents(["iniconfig"]))
    whole = "\n\n".join(texts)
    assert whole.count("A method inside a class, kept.") == 1
    assert "A docstring that is new here." in texts
    assert texts == list(embedded_documents(["iniconfig"]))
    assert "nowhere_to_be_found" not in sys.modules


def test_built_once_then_read(few_files, monkeypatch):
    told = []
    path = few_files / "corpus.npz"
    corpus = build_corpus(path, packages=["iniconfig", "Packaging"], d_vocab=400, progress=told.append)
    assert [line.split()[1] for line in told] == ["read", "training", "tokenising", f"{len(corpus.tokens):,}"]
    assert list(corpus.metadata["packages"]) == ["iniconfig", "packaging"]
    monkeypatch.setattr(corpus_build, "embedded_documents", None)
    for packages in (None, ["packaging", "iniconfig"]):
        again = build_corpus(path, packages=packages, d_vocab=400, progress=told.append)
        assert again.sha256 == corpus.sha256
    assert len(told) == 4


def test_rebuilding_gives_the_same_corpus(few_files):
    path = few_files / "corpus.npz"
    first = build_corpus(path, packages=["iniconfig"], d_vocab=400, progress=None)
    second = build_corpus(path, packages=["iniconfig"], d_vocab=400, progress=None, rebuild=True)
    assert first.sha256 == second.sha256 == TokenCorpus.load(path).sha256
    documents = [second.document(index) for index in range(second.n_documents)]
    assert not any(map(is_heldout, documents[: second.n_train]))
    held = [text for text in embedded_documents(["iniconfig"]) if is_heldout(text)]
    assert all(any(piece in text for text in held) for piece in documents[second.n_train :])


def test_a_stored_corpus_of_other_making_is_refused(few_files):
    path = few_files / "corpus.npz"
    build_corpus(path, packages=["iniconfig"], d_vocab=400, progress=None)
    with pytest.raises(ValueError, match=r"d_vocab is 500; legal: 400, as stored in .*corpus.npz. Name"):
        build_corpus(path, d_vocab=500)
    with pytest.raises(ValueError, match=r"packages is {'packaging': .*}; legal: {'iniconfig'"):
        build_corpus(path, packages=["packaging"], d_vocab=400)


def test_packages_that_are_not_installed_are_refused(few_files):
    with pytest.raises(ValueError, match=r"packages is \['no-such'\]; legal: names of installed"):
        build_corpus(few_files / "corpus.npz", packages=["no_such", "pytest"])


def test_default_place_and_packages(few_files, monkeypatch, capsys):
    monkeypatch.setenv("SISA_CACHE", str(few_files / "cache"))
    lock = few_files / "requirements.lock"
    lock.write_text("iniconfig==1\nnot-installed-here==2\n")
    corpus = build_corpus(lock=lock, d_vocab=300)
    assert list(corpus.metadata["packages"]) == ["iniconfig"]
    assert (few_files / "cache" / "corpus-300.npz").is_file()
    assert "corpus: training 300 symbols" in capsys.readouterr().out
    monkeypatch.setattr(corpus_build, "installed", lambda: {"iniconfig": installed()["iniconfig"]})
    assert build_corpus(few_files / "all.npz", d_vocab=300).metadata == corpus.metadata


def test_packages_and_a_lock_together_are_refused(few_files):
    with pytest.raises(ValueError, match=r"packages and lock is \(\['pytest'\], .*; legal: one of the two"):
        build_corpus(few_files / "corpus.npz", packages=["pytest"], lock=few_files / "requirements.lock")


def test_a_stored_corpus_of_another_lock_is_refused(few_files):
    path, lock = few_files / "corpus.npz", few_files / "requirements.lock"
    build_corpus(path, packages=["iniconfig"], d_vocab=400, progress=None)
    lock.write_text("packaging==1\n")
    with pytest.raises(ValueError, match=r"packages is {'packaging': .*}; legal: {'iniconfig'"):
        build_corpus(path, lock=lock, d_vocab=400)


def test_an_opened_corpus_is_read_once(corpus, tmp_path):
    corpus.save(tmp_path / "corpus.npz")
    opened = open_corpus(str(tmp_path / "corpus.npz"))
    assert opened.sha256 == corpus.sha256
    assert open_corpus(str(tmp_path / "corpus.npz")) is opened
    assert open_corpus("") is open_corpus("")


def test_tokenizer_never_sees_held_out_documents(monkeypatch):
    seen = []
    monkeypatch.setattr(corpus_build, "train_tokenizer", lambda texts, **_: seen.extend(texts) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        topics_corpus()
    assert seen
    assert not any(is_heldout(text, one_in=5) for text in seen)
