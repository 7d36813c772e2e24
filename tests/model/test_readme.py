"""The state of reproduction: generated, up to date, only between its markers, and ten rows in the README."""

import json

import numpy as np
import pandas as pd
import pytest

from data import measured
from data.results.estimate import Estimate
from data.results.verdicts import Claim
from model.study.readme import BEGIN, END, markdown_table, whole_page, write_reproduction
from model.study.reproduction import Row, headlines, reproduction_rows, speed_rows


@pytest.fixture(scope="module")
def rows(project):
    """All rows, of the results that come with the repository."""
    return reproduction_rows(project / "benchmarks" / "results")


@pytest.fixture
def pages(tmp_path):
    """README.md, reproduction.md and an empty folder of results."""
    (tmp_path / "results").mkdir()
    paths = tmp_path / "README.md", tmp_path / "reproduction.md"
    for path in paths:
        path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    return paths


def between(path):
    """What stands between the markers of a file."""
    text = path.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def claim_on(variant, claim, n):
    """A claim on a variant that rests on n seeds."""
    estimate = Estimate(value=np.nan, n=n)
    said = f"{variant}{claim}"
    return Claim(
        claim=said, published="", estimate=estimate, verdict="", variant=variant, needles="repeated512"
    )


def cells_of(results):
    """Cells of the one row on speed."""
    line = markdown_table(speed_rows(results)).splitlines()[-1]
    return [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]


def test_the_committed_readme_is_what_the_tables_say(project, rows):
    """Where this fails: `python -m model.study readme`."""
    told = between(project / "README.md")
    assert told.startswith(f"\n\n{markdown_table(headlines(rows))}\n\nTaken apart at")


def test_the_committed_page_is_what_the_tables_say(project, rows):
    """Where this fails: `python -m model.study readme`."""
    assert between(project / "docs" / "reproduction.md") == f"\n\n{whole_page(rows)}\n\n"


def test_rows_have_one_cell_a_column_and_cover_what_was_measured(rows):
    lines = [line for line in whole_page(rows).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    for subject in (
        "| `tiny`, trained on episodes | transformer ends",
        "| `small` | SISA d_state=16: fewer steps to 90 %",
        "| `50m` | SISA d_state=16: fewer steps to 50 %",
        "trains at 0.61",
    ):
        assert any(subject in line for line in lines)
    assert not any("λ lr" in line for line in lines)  # no variant that the paper does not have


def test_an_undecided_row_says_how_many_seeds_it_takes():
    claim = Claim(
        claim="a ends at 95 % or more",
        published="50M: 100 %",
        estimate=Estimate(value=0.9, n=5, low=0.8, high=0.97),
        verdict="undecided",
        what_would_decide_it="more seeds",
        seeds_needed="17",
    )
    assert markdown_table([Row("`50m`", claim)]).endswith("| undecided | more seeds | 17 |")


def test_ten_rows_of_the_three_largest_studies_and_speed_are_headlines(rows):
    chosen = headlines(rows)
    assert len(chosen) == 10
    claims = [row.claim.claim.replace(row.claim.variant, "SISA") for row in chosen[:9]]
    for study in range(3):
        assert len({row.study for row in chosen[3 * study : 3 * study + 3]}) == 1
        assert claims[3 * study + 1 : 3 * study + 3] == [
            "SISA ends at 95 % or more",
            "SISA: fewer steps to 50 % (ratio < 1)",
        ]
        assert chosen[3 * study].claim.variant == "transformer"
    assert "trains at 0.61" in chosen[-1].claim.claim


@pytest.mark.parametrize(("seeds", "shown"), [((5, 3), 16), ((3, 5), 32), ((4, 4), 16)])
def test_the_headline_sisa_is_the_one_with_most_seeds(seeds, shown):
    sizes = ["SISA d_state=16", "SISA d_state=32"]
    claims = [claim_on("transformer", " ends at 95 % or more", 5)]
    claims += [claim_on(name, " ends at 95 % or more", n) for name, n in zip(sizes, seeds, strict=True)]
    claims += [claim_on(name, f": fewer steps to {level} %", 5) for name in sizes for level in (50, 90)]
    found = headlines([Row("`152m`", claim) for claim in claims])
    assert [row.claim.claim for row in found] == [
        "transformer ends at 95 % or more",
        f"SISA d_state={shown} ends at 95 % or more",
        f"SISA d_state={shown}: fewer steps to 50 %",
    ]


def test_larger_models_come_first(monkeypatch, tmp_path):
    runs, metrics = measured.runs(), measured.metrics()
    larger = runs[runs["preset"] == "50m"].assign(preset="152m")
    told = metrics[metrics["preset"] == "50m"].assign(preset="152m")
    monkeypatch.setattr(measured, "runs", lambda: pd.concat([runs[runs["preset"] != "152m"], larger]))
    monkeypatch.setattr(measured, "metrics", lambda: pd.concat([metrics[metrics["preset"] != "152m"], told]))
    rows = reproduction_rows(tmp_path)
    assert list(dict.fromkeys(row.study for row in rows))[:3] == ["`152m`", "`50m`", "`small`"]
    assert "`152m` is the same with" in whole_page(rows)
    assert {row.study for row in headlines(rows)} == {"`152m`", "`50m`", "`small`"}


@pytest.mark.parametrize(
    ("machine", "eager", "compiled", "verdict", "decides"),
    [
        ("other GPU", 0.6, 0.62, "reproduced", ""),
        ("other GPU", 0.68, 0.8, "undecided", "the same run on the paper's GPU, H100 PCIe"),
        ("NVIDIA H100 PCIe", 0.4, 0.61, "not reproduced at this scale", ""),
    ],
)
def test_speed_is_reproduced_within_five_percent(tmp_path, machine, eager, compiled, verdict, decides):
    asked = {"preset": "152m", "length": 2048, "batch": 8, "d_state": 32, "machine": machine}
    ratios = {"sisa_over_transformer_eager": eager, "sisa_over_transformer_compiled": compiled}
    (tmp_path / "cost_new.json").write_text(json.dumps(asked | ratios))
    (tmp_path / "cost_small_cuda.json").write_text(json.dumps(asked | ratios | {"preset": "small"}))
    (tmp_path / "explorer.json").write_text("{}")
    cells = cells_of(tmp_path)
    assert cells[1] == "SISA d_state=32 trains at 0.61 of the transformer's speed"
    assert cells[3] == f"{eager:.2f} eager, {compiled:.2f} compiled (one run, 8 × 2,048 tokens a step)"
    assert cells[4:] == [verdict, decides, ""]
    del ratios["sisa_over_transformer_compiled"]  # on a CPU
    (tmp_path / "cost_new.json").write_text(json.dumps(asked | ratios))
    assert cells_of(tmp_path)[3].startswith(f"{eager:.2f} eager (one run, ")


def test_only_what_stands_between_the_markers_changes(pages, tmp_path):
    write_reproduction(*pages, results=tmp_path / "results")
    texts = [path.read_text() for path in pages]
    for text in texts:
        assert text.startswith(f"before\n{BEGIN}\n\n| study |")
        assert text.endswith(f"\n\n{END}\nafter\n")
    assert len(texts[0]) < len(texts[1])
    write_reproduction(*pages, results=tmp_path / "results")
    assert [path.read_text() for path in pages] == texts


def test_a_folder_of_results_that_is_not_there_is_refused(pages, tmp_path):
    with pytest.raises(ValueError, match=r"results is .*absent.*legal: a folder of benchmark results"):
        write_reproduction(*pages, results=tmp_path / "absent")


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize(
    "text", ["none", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}", f"{END}{BEGIN}{END}"]
)
def test_where_a_file_lacks_both_markers_nothing_is_written(pages, tmp_path, text, at, monkeypatch):
    monkeypatch.setattr("model.study.readme.reproduction_rows", lambda _: [])
    pages[at].write_text(text)
    before = [path.read_text() for path in pages]
    with pytest.raises(
        ValueError, match=rf"path is .*{pages[at].name}.*legal: a file with <!-- reproduction: begin -->"
    ):
        write_reproduction(*pages, results=tmp_path / "results")
    assert [path.read_text() for path in pages] == before
