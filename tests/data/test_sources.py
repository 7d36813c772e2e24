"""documents(): local files of every kind, the hub by name, and clear words when something is wrong."""

import json

import datasets
import pandas as pd
import pytest

from data import TokenCorpus, documents
from data.text.packages import asked_packages, locked

TEXTS = ["first text", "zweiter Text ☕", "<script>third</script>"]


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """No network, and the datasets cache in the test's own folder."""
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    return folder


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_text_files_are_one_document_each(folder):
    for name, text in zip(("b.txt", "a.md", "c.rst"), TEXTS, strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    assert list(documents(folder / "*")) == [TEXTS[1], TEXTS[0], TEXTS[2]]
    assert list(documents(folder / "b.txt")) == [TEXTS[0]]


def test_json_lines(folder):
    write_jsonl(folder / "1.jsonl", [{"text": TEXTS[0], "n": 1}, {"text": TEXTS[1]}])
    with (folder / "1.jsonl").open("a") as stream:
        stream.write("\n  \n")
    write_jsonl(folder / "2.jsonl", [{"text": TEXTS[2]}])
    assert list(documents(f"{folder}/*.jsonl")) == TEXTS
    assert list(documents(f"{folder.parent}/**/*.jsonl", limit=2)) == TEXTS[:2]


def test_parquet(folder):
    pd.DataFrame({"body": TEXTS, "n": range(3)}).to_parquet(folder / "a.parquet")
    assert list(documents(folder / "a.parquet", text_field="body")) == TEXTS


def test_hub_by_name_with_a_folder_in_its_place(folder):
    write_jsonl(folder / "train.jsonl", [{"text": text} for text in TEXTS])
    write_jsonl(folder / "test.jsonl", [{"text": "other"}])
    assert list(documents(f"hub:{folder}")) == TEXTS
    assert list(documents(f"hub:{folder}", split="test", limit=1)) == ["other"]


def test_hub_is_streamed_and_nothing_of_it_is_run(monkeypatch):
    asked = {}

    def load_dataset(name, **options):
        asked.update(options, name=name)
        return ({"text": f"text {number}"} for number in range(10**9))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert list(documents("hub:DKYoon/SlimPajama-6B", limit=2)) == ["text 0", "text 1"]
    assert asked == {"name": "DKYoon/SlimPajama-6B", "split": "train", "streaming": True}


def test_a_script_in_a_dataset_folder_does_not_run(folder):
    (folder / "texts.py").write_text("import pathlib; pathlib.Path(__file__).with_name('ran').touch()")
    write_jsonl(folder / "train.jsonl", [{"text": "data"}])
    with pytest.raises(ValueError, match=r"cannot be opened .*scripts are no longer supported"):
        documents(f"hub:{folder}")
    assert not (folder / "ran").exists()


def test_into_a_corpus(folder, tokenizer):
    write_jsonl(folder / "a.jsonl", [{"text": text} for text in TEXTS])
    corpus = TokenCorpus.from_documents(documents(folder / "a.jsonl"), tokenizer=tokenizer)
    assert {corpus.document(index) for index in range(3)} == set(TEXTS)


def test_sources_that_do_not_exist(folder):
    with pytest.raises(
        ValueError, match=r"source is '.*none\*'; legal: a path or pattern that matches files"
    ):
        documents(folder / "none*")
    with pytest.raises(ValueError, match=r"hub:nobody/nothing, split 'train', cannot be opened .*Check name"):
        documents("hub:nobody/nothing")


def test_unknown_kinds_of_file(folder):
    (folder / "a.docx").write_text("x")
    with pytest.raises(ValueError, match=r"source is '.*a.docx'; legal: files ending in .txt, .md"):
        documents(folder / "a.docx")


def test_broken_contents(folder):
    (folder / "a.jsonl").write_text('{"text": "good"}\n{"text": \n')
    with pytest.raises(ValueError, match=r"a.jsonl, line 2 is not JSON .*one object a line"):
        list(documents(folder / "a.jsonl"))
    (folder / "b.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match=r"b.txt is not UTF-8 .*Convert it first"):
        list(documents(folder / "b.txt"))
    (folder / "c.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(ValueError, match=r"c.parquet is not readable as parquet .*Write it again"):
        list(documents(folder / "c.parquet"))


@pytest.mark.parametrize("row", [{"body": "x", "n": 1}, {"text": 5}, ["x"]])
def test_missing_text_fields(folder, row):
    write_jsonl(folder / "a.jsonl", [row])
    has = ", ".join(row) if isinstance(row, dict) else "list"
    with pytest.raises(
        ValueError, match=f"text_field is 'text'; legal: a field of text in .*line 1, which has {has}"
    ):
        list(documents(folder / "a.jsonl"))


def test_bad_limit(folder):
    with pytest.raises(ValueError, match="limit is 0; legal: whole numbers >= 1"):
        documents(folder, limit=0)


def test_a_file_whose_name_reads_as_a_pattern(folder):
    for name in ("a[1].txt", "a1.txt", "b*.txt", "b2.txt"):
        (folder / name).write_text(name)
    assert list(documents(folder / "a[1].txt")) == ["a[1].txt"]
    assert list(documents(folder / "b*.txt")) == ["b*.txt"]
    assert list(documents(folder / "a[12].txt")) == ["a1.txt"]
    pd.DataFrame({"text": ["c"]}).to_parquet(folder / "c[3].parquet")
    assert list(documents(folder / "c[3].parquet")) == ["c"]
    below = folder / "x[y]"
    below.mkdir()
    (below / "c.txt").write_text("c")
    assert list(documents(below / "*.txt")) == ["c"]


def test_the_mark_of_some_editors_is_no_text(folder):
    (folder / "a.txt").write_text("One.", encoding="utf-8-sig")
    (folder / "b.jsonl").write_text('{"text": "Two."}\n', encoding="utf-8-sig")
    assert list(documents(folder / "*")) == ["One.", "Two."]
    (folder / "requirements.lock").write_text("numpy==2\n", encoding="utf-8-sig")
    assert locked(folder / "requirements.lock") == ["numpy"]


def test_one_package_is_not_read_letter_by_letter():
    with pytest.raises(ValueError, match=r"packages is 'numpy'; legal: a list of names. Write \['numpy'\]"):
        asked_packages("numpy", None)
