"""TokenCorpus: documents come back, the split depends on the document alone, files are checked."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import TokenCorpus, train_tokenizer
from data.text.corpus import is_heldout
from data.text.corpus_file import SCHEMA, digest

TEXTS = [f"Document {number}: the quick summary.\nMore of it." for number in range(120)]


@pytest.fixture(scope="module")
def small(tokenizer):
    return TokenCorpus.from_documents(TEXTS, tokenizer=tokenizer, metadata={"of": "tests"})


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=30))
def test_documents_come_back_training_ones_first(tokenizer, texts):
    corpus = TokenCorpus.from_documents(texts, tokenizer=tokenizer)
    back = [corpus.document(index) for index in range(corpus.n_documents)]
    train = [text for text in texts if not is_heldout(text)]
    heldout = [text for text in texts if is_heldout(text)]
    assert back == train + heldout
    assert corpus.n_train == len(train)


def test_split_is_disjoint_and_about_five_per_cent(corpus):
    documents = [corpus.document(index) for index in range(corpus.n_documents)]
    train, heldout = documents[: corpus.n_train], documents[corpus.n_train :]
    assert not set(train) & set(heldout)
    assert len(corpus.split("train")) + len(corpus.split("heldout")) == len(corpus.tokens)
    assert 400 < sum(is_heldout(f"text {number}") for number in range(10_000)) < 600


def test_order_of_others_does_not_move_a_document(tokenizer, small):
    turned = TokenCorpus.from_documents(TEXTS[::-1], tokenizer=tokenizer)
    sides = [{corpus.document(index) for index in range(corpus.n_train)} for corpus in (small, turned)]
    assert sides[0] == sides[1]
    assert small.sha256 != turned.sha256


def test_blank_documents_are_left_out_and_surrogates_escaped(tokenizer):
    corpus = TokenCorpus.from_documents(["", " \n", "a\ud800"], tokenizer=tokenizer)
    assert corpus.n_documents == 1
    assert corpus.document(0) == "a\\ud800"


def test_max_tokens_and_progress(tokenizer):
    told = []
    texts = (f"number {number}" for number in range(10**9))
    corpus = TokenCorpus.from_documents(texts, tokenizer=tokenizer, max_tokens=150_000, progress=told.append)
    assert 150_000 <= len(corpus.tokens) < 150_020
    assert told[0].startswith("corpus: 10,000 documents, ")


def test_large_vocabularies_take_wider_tokens():
    tokenizers = pytest.importorskip("tokenizers")
    words = {f"w{number}": number for number in range(70_000)}
    wide = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="w0"))
    corpus = TokenCorpus.from_documents(["w69999"], tokenizer=wide)
    assert corpus.tokens.dtype == np.uint32
    assert corpus.tokens[0] == 69_999


def test_file_comes_back_whole(small, tmp_path):
    path = tmp_path / "new folder" / "corpus.npz"
    small.save(path)
    back = TokenCorpus.load(path)
    assert (back.tokens == small.tokens).all()
    assert (back.starts == small.starts).all()
    assert (back.n_train, back.metadata, back.sha256) == (small.n_train, small.metadata, small.sha256)
    assert back.metadata["of"] == "tests"
    assert back.tokenizer.encode("a 12 b").ids == small.tokenizer.encode("a 12 b").ids
    assert [file.name for file in path.parent.iterdir()] == ["corpus.npz"]


def test_saving_replaces_and_leaves_nothing_on_failure(small, tmp_path, monkeypatch):
    path = tmp_path / "corpus.npz"
    path.write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez_compressed", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            small.save(path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
    small.save(path)
    assert TokenCorpus.load(str(path)).sha256 == small.sha256


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no corpus at .*none.npz. Build one with build_corpus"):
        TokenCorpus.load(tmp_path / "none.npz")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_files(small, tmp_path, share):
    path = tmp_path / "corpus.npz"
    small.save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ValueError, match=f"is not a whole {SCHEMA} file .*build_corpus"):
        TokenCorpus.load(path)


def test_damaged_files(small, tmp_path):
    path = tmp_path / "corpus.npz"
    small.save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match="build_corpus"):
        TokenCorpus.load(path)


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def head(**fields):
    return np.frombuffer(json.dumps(fields).encode(), np.uint8)


def test_foreign_files(small, tmp_path):
    text = tmp_path / "text.npz"
    text.write_text("not an archive")
    single = tmp_path / "single.npz"
    with single.open("wb") as stream:
        np.save(stream, np.zeros(3))
    pickled = npz(
        tmp_path / "pickled.npz", head=np.array([{"a": 1}]), tokens=small.tokens, starts=small.starts
    )
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    for path in (text, single, pickled, tmp_path / "other.npz", npz(tmp_path / "some.npz", a=np.zeros(2))):
        with pytest.raises(ValueError, match=f"is not a whole {SCHEMA} file"):
            TokenCorpus.load(path)


def test_heads_that_are_not_ours(small, tmp_path):
    arrays = {"tokens": small.tokens, "starts": small.starts}
    path = tmp_path / "corpus.npz"
    npz(path, head=np.frombuffer(b"{", np.uint8), **arrays)
    with pytest.raises(ValueError, match="has no readable head"):
        TokenCorpus.load(path)
    npz(path, head=head(schema="sisa-corpus/9"), **arrays)
    with pytest.raises(ValueError, match="has schema 'sisa-corpus/9'; legal: 'sisa-corpus/1'"):
        TokenCorpus.load(path)
    npz(path, head=head(schema=SCHEMA), **arrays)
    with pytest.raises(ValueError, match="its head lacks 'n_train'"):
        TokenCorpus.load(path)


def test_changed_tokens_are_noticed(small, tmp_path):
    path = tmp_path / "corpus.npz"
    small.save(path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["tokens"][0] += 1
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match="does not hold what was written: its sha256 differs"):
        TokenCorpus.load(path)


def test_refusals(small, tokenizer):
    with pytest.raises(ValueError, match="split is 'test'; legal: 'train', 'heldout'"):
        small.split("test")
    with pytest.raises(ValueError, match=r"texts is \[\]; legal: at least one document"):
        TokenCorpus.from_documents(["", "  "], tokenizer=tokenizer)
    with pytest.raises(ValueError, match="max_tokens is 0; legal: whole numbers >= 1"):
        TokenCorpus.from_documents(["a"], tokenizer=tokenizer, max_tokens=0)


def test_repr_is_short(small):
    assert repr(small).startswith(f"TokenCorpus({len(small.tokens):,} tokens, ")
    assert len(repr(small)) < 150


def stored(path, small, *, tokens=None, starts=None, **fields):
    """A file whose digest is right, whatever else is wrong with it."""
    tokens = small.tokens if tokens is None else tokens
    starts = small.starts if starts is None else starts
    told = {"schema": SCHEMA, "n_train": small.n_train, "tokenizer": small.tokenizer_json, "metadata": {}}
    told |= fields
    try:
        sha256 = digest(tokens, starts, told["n_train"], told["tokenizer"])
    except (TypeError, ValueError):
        sha256 = ""
    return npz(path, tokens=tokens, starts=starts, head=head(**{"sha256": sha256, **told}))


def test_borders_that_lie_are_refused_although_the_digest_is_right(small, tmp_path):
    n, starts = small.n_documents, small.starts
    turned = starts.copy()
    turned[1:3] = turned[2:0:-1]
    lies = [
        ({"n_train": -1}, f"n_train is -1; legal: 0 to {n}"),
        ({"n_train": n + 1}, f"n_train is {n + 1}; legal: 0 to {n}"),
        ({"n_train": 1.5}, "'n_train' in its head is no int"),
        ({"n_train": True}, "n_train is True; legal: a whole number"),
        ({"tokenizer": 5}, "'tokenizer' in its head is no str"),
        ({"metadata": []}, "'metadata' in its head is no dict"),
        ({"starts": turned}, "starts do not rise from 0 to"),
        ({"starts": starts[:-1]}, "starts do not rise from 0 to"),
        ({"starts": starts + 1}, "starts do not rise from 0 to"),
        ({"starts": starts * 1.0}, "starts are float64"),
        ({"starts": starts[:1]}, "starts are int64 of shape"),
        ({"tokens": small.tokens.astype(float)}, "tokens are float64"),
        ({"tokens": small.tokens.astype(np.int64)}, "tokens are int64"),
        ({"tokens": small.tokens[:, None]}, "tokens are uint16 of 2 axes"),
        ({"tokens": np.full_like(small.tokens, 60_000)}, "has token 60000; its tokenizer ends at"),
    ]
    for fields, words in lies:
        path = stored(tmp_path / "corpus.npz", small, **fields)
        with pytest.raises(ValueError, match=f"{re.escape(words)}.*build_corpus"):
            TokenCorpus.load(path)
    stored(tmp_path / "corpus.npz", small)
    assert TokenCorpus.load(tmp_path / "corpus.npz").sha256 == small.sha256
    with pytest.raises(ValueError, match="this is no corpus: n_train is -1; legal: 0 to"):
        TokenCorpus(small.tokens, starts, -1, small.tokenizer_json)


def test_an_array_that_claims_more_than_the_file_holds(small, tmp_path):
    path = stored(tmp_path / "corpus.npz", small)
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "<u2", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, huge.getvalue() if name == "tokens.npy" else content)
    with pytest.raises(ValueError, match=r"tokens claims shape \(1000000000000,\)"):
        TokenCorpus.load(path)


@pytest.mark.parametrize("index", [-1, 10**6, 1.5, None])
def test_documents_that_do_not_exist(small, index):
    with pytest.raises(ValueError, match=r"document is .*; legal: whole numbers >= 0 and <= "):
        small.document(index)


def test_what_are_no_texts(tokenizer):
    for make in (lambda texts: TokenCorpus.from_documents(texts, tokenizer=tokenizer), train_tokenizer):
        with pytest.raises(ValueError, match="texts is 'one text'; legal: several texts"):
            make("one text")
        with pytest.raises(ValueError, match=r"texts\[1\] is None; legal: a string"):
            make(["a", None])  # pyright: ignore[reportArgumentType]
        with pytest.raises(ValueError, match=r"texts\[0\] is b'a'; legal: a string"):
            make([b"a"])  # pyright: ignore[reportArgumentType]
