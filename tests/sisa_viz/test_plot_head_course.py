"""plot_head_course: medians over heads, a line a run, limits, refusals."""

# plotly makes the attributes of a layout at run time
# pyright: reportAttributeAccessIssue=false

import pandas as pd
import pytest

from sisa_viz import plot_head_course
from sisa_viz.look.named import GREY
from sisa_viz.plots.head_course import COURSE_PANELS, prepare_head_course


@pytest.fixture
def heads():
    """Two runs of three heads at two steps, and one without λ."""
    rows = []
    for run, variant in (("r0", "SISA d_state=16"), ("r1", "<b>x"), ("plain", "transformer")):
        for step in (50, 100):
            for head, lam in enumerate((0.1, 0.2, 0.9)):
                lam = None if run == "plain" else lam
                where = {"run": run, "variant": variant, "seed": 0, "step": step, "layer": 0, "head": head}
                rows.append(
                    where | {"lam": lam, "half_life": 10.0 * (head + 1), "clamped": 0.3 * (head == 2)}
                )
    return pd.DataFrame(rows)


def test_medians_over_heads_and_the_mean_of_clamped(heads):
    course = prepare_head_course(heads).query("run == 'r0' and step == 100").set_index("panel")
    assert course["value"].to_dict() == pytest.approx({"lam": 0.2, "half_life": 20.0, "clamped": 0.1})
    assert (course.loc["lam", "low"], course.loc["lam", "high"]) == (0.1, 0.9)


def test_a_line_a_run_and_panel_with_one_legend_entry_a_variant(heads):
    figure = plot_head_course(heads, limits={"22 nats": 25.0})
    *lines, limit = figure.data
    assert len(lines) == 2 * len(COURSE_PANELS)
    assert sum(bool(line.showlegend) for line in lines) == 2
    assert (list(limit.text), list(limit.y)) == (["", "22 nats"], [25.0, 25.0])
    assert limit.textposition == "top left"  # inside, over the right end
    assert plot_head_course(heads, limits={"x": 15.0}).data[-1].textposition == "bottom left"  # curves at 20
    assert "<b>" not in lines[0].name
    assert figure.layout.yaxis2.type == "log"
    assert all(figure.layout[f"{axis}axis{n}"].title.text for axis in "xy" for n in ("", 2, 3))


def test_of_many_runs_the_means_of_variants_stand_out(heads):
    run = heads[heads["run"] == "r0"]
    many = pd.concat([run.assign(run=f"seed{seed}", seed=seed, lam=run["lam"] + seed) for seed in range(13)])
    figure = plot_head_course(pd.concat([many, heads[heads["run"] == "r1"]]))
    means = [line for line in figure.data if line.line.width > 1]
    assert len(means) == 2 * len(COURSE_PANELS)
    assert [bool(line.showlegend) for line in means] == [True, False, False] * 2
    assert not any(line.showlegend for line in figure.data if line.line.width == 1)
    by_name = {line.name: line for line in means if line.showlegend}
    assert by_name["SISA d_state=16"].y.tolist() == pytest.approx([6.2, 6.2])
    assert by_name["SISA d_state=16"].customdata[0][1] == "mean of 13 runs"
    assert "thin: 14 runs" in figure.layout.title.subtitle.text


def test_of_many_variants_eight_are_named_and_the_others_grey(heads):
    run = heads[heads["run"] == "r0"]
    many = pd.concat([run.assign(run=f"run {n}", variant=f"mine {n}") for n in range(11)])
    figure = plot_head_course(many.assign(preset="12m"))
    entries = [line.name for line in figure.data if line.showlegend]
    assert entries == ["3 others", *(f"mine {n}" for n in range(8))]
    assert {line.line.color for line in figure.data if line.name == "3 others"} == {GREY}
    assert figure.layout.title.subtitle.text == "preset 12m · 11 runs, one line each"


def test_a_table_without_lam_is_refused(heads):
    with pytest.raises(ValueError, match="no run of this table has λ; legal: at least one run of SISA"):
        prepare_head_course(heads[heads["run"] == "plain"])
    with pytest.raises(ValueError, match="lacks columns"):
        prepare_head_course(heads.drop(columns="clamped"))
