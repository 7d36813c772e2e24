"""The README's table of reproduction: generated, up to date, and only between its markers."""

import json

import pytest

from model.study.readme import BEGIN, END, reproduction_table, speed_rows, write_readme


def test_the_committed_readme_is_what_the_tables_say(project):
    """Where this fails: `python -m model.study readme`."""
    text = (project / "README.md").read_text()
    between = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert between == f"\n\n{reproduction_table()}\n\n"


def test_rows_have_one_cell_a_column_and_cover_what_was_measured():
    lines = [line for line in reproduction_table().splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    for subject in (
        "| `tiny`, trained on episodes | transformer ends",
        "| `small` | SISA d_state=16: fewer steps to 90 %",
        "| `50m` | SISA d_state=16: fewer steps to 50 %",
        "trains at 0.61",
    ):
        assert any(subject in line for line in lines)
    assert not any("λ lr" in line for line in lines)  # no variant that the paper does not have


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
    (cells,) = speed_rows(tmp_path)
    assert cells[1] == "SISA d_state=32 trains at 0.61 of the transformer's speed"
    assert cells[3] == f"{eager:.2f} eager, {compiled:.2f} compiled (one run, 8 × 2,048 tokens a step)"
    assert cells[4:] == [verdict, decides]
    del ratios["sisa_over_transformer_compiled"]  # on a CPU
    (tmp_path / "cost_new.json").write_text(json.dumps(asked | ratios))
    (cells,) = speed_rows(tmp_path)
    assert cells[3].startswith(f"{eager:.2f} eager (one run, ")


def test_only_what_stands_between_the_markers_changes(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_readme(path)
    text = path.read_text()
    assert text.startswith(f"before\n{BEGIN}\n\n| study |")
    assert text.endswith(f"seeds.\n\n{END}\nafter\n")
    write_readme(path)
    assert path.read_text() == text


@pytest.mark.parametrize(
    "text", ["none", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}", f"{END}{BEGIN}{END}"]
)
def test_a_file_without_both_markers_is_left_alone(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(
        ValueError, match=r"path is .*README\.md.*legal: a file with <!-- reproduction: begin -->"
    ):
        write_readme(path)
    assert path.read_text() == text
