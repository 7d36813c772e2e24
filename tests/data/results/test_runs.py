"""read_runs: folders in, one tidy table out; broken folders are named."""

import pytest

from data.results.runs import is_run
from sisa_viz import read_heads, read_runs
from sisa_viz.plots.lam import prepare_lambda

ASKED = {"d_state": 0, "seed": 1}
ROW = "step,tokens,name,value\n1,1,lr,0.1\n"


def test_two_folders_become_one_table(metrics, write_run):
    one = metrics[(metrics["architecture"] == "transformer") & (metrics["seed"] == 0)]
    flat = write_run("a", config={"d_state": 0, "seed": 3}, metrics=one)
    nested = write_run("b", config={"model": {"d_state": 16}, "seed": 4}, metrics=one)
    table = read_runs([flat, str(nested)])
    assert table.columns.tolist() == ["run", "architecture", "seed", "step", "tokens", "name", "value"]
    runs = table[["run", "architecture", "seed"]].drop_duplicates().to_numpy().tolist()
    assert runs == [["a", "transformer", 3], ["b", "SISA d_state=16", 4]]
    assert table["value"].tolist() == one["value"].tolist() * 2
    assert read_runs(flat)["run"].unique().tolist() == ["a"]


@pytest.mark.parametrize(
    ("model", "training", "name"),
    [
        ({"architecture": "jamba", "d_state": 64, "rope": "none"}, {"lr_lam": 0.1}, "jamba"),
        ({"architecture": "transformer", "d_state": 0, "rope": "none"}, {}, "transformer, no RoPE"),
        (
            {"architecture": "sisa", "d_state": 32, "rope": "rope"},
            {"lr_lam": 1.0},
            "SISA d_state=32, λ lr ×1",
        ),
        ({"architecture": "fox", "d_state": 0}, {"lr_lam": 0.1}, "fox"),
        ({"architecture": "sisa", "d_state": 4, "anchor": "causal"}, {}, "SISA d_state=4"),
        ({"architecture": "sisa", "d_state": 4, "anchor": "exact"}, {}, "SISA d_state=4, exact anchor"),
        ({"architecture": "transformer", "d_state": 0, "anchor": "exact"}, {}, "transformer"),
    ],
)
def test_every_architecture_is_called_as_in_the_study(metrics, write_run, model, training, name):
    config = {"model": model, "training": training, "seed": 0}
    assert read_runs(write_run("a", config=config, metrics=metrics))["architecture"].unique() == [name]


@pytest.mark.parametrize(
    ("config", "table", "message"),
    [
        ("{", "step,tokens,name,value\n", r"config.json is not JSON .*was the file cut off"),
        ([1], "step,tokens,name,value\n", "config.json holds a list; legal: a JSON object"),
        ({"seed": 1}, "step,tokens,name,value\n", r"config.json has no integer d_state; it has \['seed'\]"),
        ({"d_state": 0}, "step,tokens,name,value\n", "has no integer seed"),
        (ASKED | {"architecture": 5}, ROW, "config.json: architecture is 5; legal: text"),
        (ASKED | {"anchor": 5}, ROW, "config.json: anchor is 5; legal: text"),
        (ASKED | {"training": {"lr_lam": "x"}}, ROW, "config.json: lr_lam is 'x'; legal: a number"),
        ("[" * 100_000, ROW, r"config.json is not JSON \(maximum recursion depth"),
        (ASKED, ROW + "2,2,lr,much\n", r"much. at position 1; legal: numbers in step, tokens, value"),
        ({"d_state": 0, "seed": 1}, "", r"metrics.csv cannot be read as a table .*legal columns: step"),
        ({"d_state": 0, "seed": 1}, "step,value\n1,2\n", r"metrics.csv lacks columns \['tokens', 'name'\]"),
    ],
)
def test_broken_folders_are_named(write_run, config, table, message):
    with pytest.raises(ValueError, match=message):
        read_runs(write_run("run", config=config, metrics=table))


def test_what_is_no_run_is_named(tmp_path):
    assert not is_run(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(
        FileNotFoundError,
        match=r"is not a run: it needs config.json and metrics.csv, there is \['config.json'\]",
    ):
        read_runs(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        read_runs(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no run folder was given"):
        read_runs([])


def test_heads_are_read_from_their_table_and_from_an_earlier_versions_names(write_run):
    old = "step,tokens,name,value\n1,9,lr,0.1\n1,9,lam/L0H1,0.5\n"
    new = write_run("new", config={"d_state": 4, "seed": 0}, metrics=ROW)
    (new / "heads.csv").write_text("step,layer,head,lam\n1,0,1,0.25\n")
    folders = [write_run("old", config={"d_state": 4, "seed": 1}, metrics=old), new]
    heads = read_heads(folders)
    assert heads.columns.tolist() == ["run", "architecture", "seed", "step", "layer", "head", "lam"]
    told = heads[["run", "seed", "step", "layer", "head", "lam"]].to_numpy().tolist()
    assert told == [["old", 1, 1, 0, 1, 0.5], ["new", 0, 1, 0, 1, 0.25]]
    assert read_runs(folders)["name"].tolist() == ["lr", "lr"]
    assert prepare_lambda(heads)["mean"].sel(layer=0, head=1) == 0.375
    (new / "heads.csv").write_text("step,lam\n1,0.25\n")
    with pytest.raises(ValueError, match=r"heads.csv lacks columns \['layer', 'head'\]"):
        read_heads(new)


@pytest.mark.parametrize(
    "torn", ["40", "40,40", "40,4000,niah/exact_m", "40,4000,lr,0.0", "40,4000,lr,", '"']
)
def test_a_line_that_is_being_written_is_left_out(write_run, torn):
    run = write_run("run", config=ASKED, metrics=ROW + torn)
    assert read_runs(run)[["step", "name", "value"]].to_numpy().tolist() == [[1, "lr", 0.1]]
    for heads in ("1,0,1,0.25\n2,0,1,0.2", "1,0,1,0.25\n2,0"):
        (run / "heads.csv").write_text("step,layer,head,lam\n" + heads)
        assert read_heads(run)["lam"].tolist() == [0.25]


def test_a_header_alone_has_no_rows(write_run, metrics):
    config = {"d_state": 4, "seed": 0}
    run = write_run("run", config=config, metrics="step,tokens,name,value\n")
    (run / "heads.csv").write_text("step,layer,head,lam\n")
    assert read_runs(run).empty
    assert read_heads(run).empty
    other = write_run("other", config=config, metrics=ROW)
    assert read_runs([run, other])["run"].tolist() == ["other"]
