"""Tables of what runs measured: collected twice, trained again, unfinished."""

import shutil

import pandas as pd
import pytest
from studies import TRAINED, command

from data import measured
from model.study.collect import CAUSES, collect, collect_tiny
from model.training.run import Run


def test_collecting_twice_gives_the_same_tables(folders, quick, corpus_file, tmp_path):
    command("lengths", folders[0], "--corpus", corpus_file, "--n-episodes", 1)
    runs = collect(folders, out=tmp_path, **TRAINED)
    assert runs["variant"].tolist() == ["SISA d_state=4", "jamba, λ lr ×1"]
    assert runs["preset"].unique().tolist() == [quick.preset]
    assert runs[list(TRAINED)].drop_duplicates().to_numpy().tolist() == [list(TRAINED.values())]
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(files) == set(measured.SOURCES.values()) - {"repeats.csv.gz", "class.csv.gz", *CAUSES}
    collect(folders[::-1], out=tmp_path, **TRAINED)
    for name, before in files.items():
        rows = [pd.read_csv(path) for path in (tmp_path / name, _kept(tmp_path, name, before))]
        first, second = (table.sort_values(list(table)).reset_index(drop=True) for table in rows)
        pd.testing.assert_frame_equal(first, second)
    heads = pd.read_csv(tmp_path / "heads.csv.gz")
    assert {"lam", "half_life", "clamped", "needle_mass", "needle_content"} <= set(heads)
    assert len(heads[heads["run"] == quick.name]) == 2 * 2 * 4  # evaluations, layers, heads
    assert pd.read_csv(tmp_path / "metrics.csv.gz")["name"].str.count("/L").sum() == 0


def test_a_second_training_stands_beside_the_first(folders, tmp_path):
    collect(folders, out=tmp_path, **TRAINED)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    collect(folders[:1], out=tmp_path, repeat=True, **TRAINED)
    again = pd.read_csv(tmp_path / "repeats.csv.gz")
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert set(again["run"]) == {folders[0].name}
    assert set(again["gpu"]) == {TRAINED["gpu"]}
    assert {"val/loss", "corpus128/exact_match"} <= set(again["name"])


def test_a_training_collected_anew_leaves_nothing_of_the_one_before(folders, quick, tmp_path):
    cell = {"rope": "rope", "context_length": 128, "depth": 0.5, "successes": 1, "n": 2}
    told, runs = tmp_path / "told", [tmp_path / folder.name for folder in folders]
    for folder, copy in zip(folders, runs, strict=True):
        shutil.copytree(folder, copy)
        pd.DataFrame([cell]).to_csv(copy / "lengths.csv", index=False)
    collect(runs, out=told, **TRAINED)
    (runs[0] / "lengths.csv").unlink()
    collect(runs[:1], out=told, **TRAINED)
    assert set(pd.read_csv(told / "lengths.csv.gz")["run"]) == {runs[1].name}
    (runs[0] / "heads.csv").unlink()
    collect(runs[:1], out=told, **TRAINED)
    assert quick.name not in set(pd.read_csv(told / "heads.csv.gz")["run"])


def test_a_repeat_of_a_run_that_is_not_there_is_refused(folders, tmp_path):
    with pytest.raises(ValueError, match=rf"folder is .*{folders[0].name}.*legal: runs of .*runs\.csv"):
        collect(folders, out=tmp_path, repeat=True, **TRAINED)
    assert list(tmp_path.iterdir()) == []


def _kept(folder, name, content):
    path = folder / f"before-{name}"
    path.write_bytes(content)
    return path


def test_unfinished_folders_are_refused_and_nothing_is_written(folders, tmp_path):
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "config.json").write_bytes((folders[0] / "config.json").read_bytes())
    Run(folders[0]).metrics.query("step < 2").to_csv(cut / "metrics.csv", index=False)
    for folder in (cut, tmp_path / "nothing"):
        for write in (
            lambda path: collect([folders[0], path], out=tmp_path / "out", **TRAINED),
            _tiny(tmp_path),
        ):
            with pytest.raises(
                ValueError, match=rf"folder is .*{folder.name}.*legal: folders of finished runs"
            ):
                write(folder)
    assert not (tmp_path / "out").exists()


def _tiny(tmp_path):
    return lambda path: collect_tiny([path], out=tmp_path)


def test_the_small_study_keeps_needles_alone(folders, tmp_path):
    run = Run(folders[0])
    renamed = run.metrics.assign(name=run.metrics["name"].str.replace("corpus128/", "niah/"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_bytes((run.folder / "config.json").read_bytes())
    renamed.to_csv(tmp_path / "run" / "metrics.csv", index=False)
    command("tiny", tmp_path / "run", "--out", tmp_path)
    table = pd.read_csv(tmp_path / measured.TINY)
    assert table["architecture"].unique().tolist() == ["SISA d_state=4"]
    assert set(table["name"]) == {"niah/exact_match", "niah/first_token", "niah/nll", "niah/n"}
