"""Notebooks 03 to 09: each runs to its end in smoke mode and says what it has not measured."""

import nbformat
import papermill
import pytest
from bs4 import BeautifulSoup

from data import measured
from data.niah.replacement import with_other_values
from data.results.ranks import atlas_correlations
from model.analysis.atlas import head_atlas
from model.analysis.knockouts import knockouts
from model.analysis.patching import patching
from model.study.findings import head_growth, selection
from model.study.findings.causes import causes_conclusion
from model.study.findings.fusion_levels import PLANS_OF_ARCHITECTURES
from model.study.notebooks.atlas import Atlas, study_heads
from model.study.notebooks.causes import Causes, all_knockouts, knockouts_by_depth, needed_terms
from model.study.notebooks.context_length import Contexts
from model.study.notebooks.convergence import ConvergenceStudy
from model.study.notebooks.fusion import FusionTour
from model.study.notebooks.published import NO_CONCLUSION, PublishedRun
from model.study.notebooks.state_size import StateSizes
from model.study.notebooks.step_by_step import StepByStep

# the notebooks run in the first test that asks for them, which takes minutes on two busy cores
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SMOKE, TRAINING = {"smoke": True}, {"smoke": True, "output_dir": "runs"}
LENGTH_OF_CAUSES = 64  # tokens, the least
RUNS = {
    "08": ("08_causes", {**SMOKE, "length": LENGTH_OF_CAUSES}),
    "03": ("03_niah_convergence", {**TRAINING, "length": 48}),
    "04": ("04_fusion_levels", TRAINING),
    "05": ("05_state_size", TRAINING),
    "06": ("06_context_length", SMOKE),
    "07": ("07_lambda_atlas", SMOKE),
}
ABSENT = "absent"  # no folder with the authors' files: notebook 09 shows a random stand-in, and says so
OTHERS = {
    "00": ("00_sisa_step_by_step", SMOKE),
    "09": ("09_published_checkpoints", {**SMOKE, "folder": ABSENT}),
    "unknown name": ("02_train_niah", {**SMOKE, "step": 5}),
}
CLAIMS = ("03", "04", "05", "06")  # end with a table of claims
FIGURES = {"03": 14, "04": 9, "05": 3, "06": 2, "07": 4, "08": 3}
SPECS = (Causes, ConvergenceStudy, FusionTour, StateSizes, Contexts, Atlas, StepByStep, PublishedRun)
TESTED = [notebook for notebook, _ in (*RUNS.values(), OTHERS["00"], OTHERS["09"])]
PLOTLY, HTML = "application/vnd.plotly.v1+json", "text/html"
REFUSED = [
    (ConvergenceStudy, "needles", "web256", "'corpus256', 'corpus512', 'repeated256', 'repeated512'"),
    (ConvergenceStudy, "lens_preset", "369m", "'small', '50m'"),
    (ConvergenceStudy, "lens_variant", "rnn", "'transformer', 'SISA d_state=16'"),
    (ConvergenceStudy, "lens_seed", 99, "0"),
    (ConvergenceStudy, "lens_seed", [0], "whole numbers >= 0"),
    (ConvergenceStudy, "retrain", 1.5, "True, False"),
    (FusionTour, "beside", "rnn", "'transformer', 'sisa'"),
    (FusionTour, "needles", "web256", "'corpus256'"),
    (FusionTour, "preset", "1b", "'tiny', 'small'"),
    (FusionTour, "steps", 0, "whole numbers >= 1"),
    (FusionTour, "length", 3, ""),
    (StateSizes, "preset", "1b", "'tiny', 'small'"),
    (StateSizes, "seed", -1, "whole numbers >= 0"),
    (StateSizes, "output_dir", "", "the path of a folder"),
    (Contexts, "variant", "rnn", "'transformer', 'SISA d_state=16'"),
    (Contexts, "lengths", [16], "whole numbers >= 64"),
    (Contexts, "lengths", 512, "a list, at least one length"),
    (Contexts, "lengths", [], "a list, at least one length"),
    (Contexts, "n_episodes", 0, "whole numbers >= 1"),
    (Atlas, "variant", "transformer", "'SISA d_state=4'"),
    (Atlas, "n_texts", 0, "whole numbers >= 1"),
    (Atlas, "seed", -1, "whole numbers >= 0"),
    (Atlas, "smoke", 1.5, "True, False"),
    (Causes, "length", 32, "whole numbers >= 64"),
    (StepByStep, "layer", 6, "whole numbers >= 0 and <= 5"),
    (StepByStep, "key", 16, "whole numbers >= -16 and <= 15"),
    (StepByStep, "text", "It", "2 to 32 tokens"),
    (Causes, "n_episodes", 2, "whole numbers >= 3"),
]


@pytest.fixture(scope="module")
def executed(run_in_kernels):
    """Each of them once, in smoke mode; the longest begins."""
    return run_in_kernels(RUNS | OTHERS)


@pytest.mark.parametrize("name", RUNS)
def test_a_smoke_run_ends_well_with_every_figure(executed, name):
    done = executed[name]
    assert done.code == 0, done.text
    assert done.outputs("error") == []
    assert len(done.shown(PLOTLY)) >= FIGURES[name]


@pytest.mark.parametrize("name", RUNS)
def test_every_figure_has_a_title_and_named_axes(executed, name):
    for figure in executed[name].shown(PLOTLY):
        assert figure["layout"]["title"]["text"]
        titles = {key[0]: 0 for key in figure["layout"] if key[1:5] == "axis"}
        for key, axis in figure["layout"].items():
            if key[1:5] == "axis":
                titles[key[0]] += bool(axis.get("title", {}).get("text"))
        assert all(titles.values()), titles


@pytest.mark.parametrize("name", CLAIMS)
def test_it_ends_with_claims_their_verdicts_and_what_would_decide_them(executed, name):
    tables = [BeautifulSoup("".join(html), "html.parser") for html in executed[name].shown(HTML)]
    claims = [table for table in tables if "what would decide it" in table.get_text()]
    names = [cell.get_text() for cell in claims[-1].select("thead th")]
    rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in claims[-1].select("tbody tr")]
    assert rows
    for row in rows:
        said = dict(zip(names, row, strict=True))
        assert said["verdict"]
        assert said["what would decide it"] or not said["verdict"].startswith("undecided")


def test_the_atlas_ends_with_sentences_that_its_numbers_give_again(executed):
    (shown,) = executed["07"].cells[-1].outputs
    parameters, heads = Atlas(smoke=True), study_heads()
    model = parameters.model()
    texts = parameters.episodes(model)
    atlas = head_atlas(model, texts.tokens)
    costs = knockouts(model, texts, terms=["importance"], controls=[])
    said = head_growth.atlas_conclusion(
        atlas,
        head_growth.depth_trends(heads),
        shown=parameters.shown,
        lead=head_growth.first_layer_lead(heads, parameters.shown),
        correlations=atlas_correlations(atlas, costs),
    )
    assert shown.data["text/markdown"] == "\n".join(f"- {sentence}" for sentence in said)
    assert len(said) == 7


def test_the_causes_end_with_sentences_that_their_tables_give_again(executed):
    (shown,) = executed["08"].cells[-1].outputs
    parameters = Causes(smoke=True, length=LENGTH_OF_CAUSES)
    model = parameters.model()
    episodes = parameters.episodes(model)
    found = all_knockouts(model, episodes, n_control=parameters.few)
    clean = parameters.texts_of_pairs(model)
    said = causes_conclusion(
        found,
        reach=knockouts_by_depth(model, parameters.by_depth(model), needed_terms(found)),
        patches=patching(model, clean, with_other_values(clean), what="head"),
    )
    assert shown.data["text/markdown"] == "\n".join(f"- {sentence}" for sentence in said)
    assert [sentence.split(",")[0] for sentence in said[:2]] == ["Of 48 heads"] * 2


@pytest.mark.browser
@pytest.mark.parametrize("name", [*RUNS, "00", "09"])
def test_its_pages_show_every_figure_and_ask_nobody_for_anything(executed, assert_pages_show_all, name):
    assert_pages_show_all(executed[name].folder / "out.ipynb")


def test_every_variant_is_listed_with_its_seeds(executed):
    (table,) = [
        text
        for html in executed["04"].shown(HTML)
        if "range over seeds" in (text := "".join(html)) and "exact match" in text
    ]
    seeds = measured.chosen(measured.runs()).groupby("variant")["seed"].nunique()
    rows = BeautifulSoup(table, "html.parser").select("tbody tr")
    words = {row.select("th")[0].get_text(): row.select("td")[0].get_text() for row in rows}
    names = selection.variants(*PLANS_OF_ARCHITECTURES)
    assert words == {name: str(seeds.get(name, selection.NOT_YET)) for name in names}


def test_nothing_but_the_asked_folder_is_written(executed):
    for name in RUNS:
        done = executed[name]
        assert {path.name for path in done.folder.iterdir()} <= {"out.ipynb", "runs", "benchmarks"}, name


def test_an_unknown_parameter_stops_in_the_validation_cell_and_is_named(executed):
    done = executed["unknown name"]
    assert done.code == 1
    message = "parameter is 'step'; legal: architecture, preset, d_state, steps, seed,"
    assert f"ValueError: {message}" in done.text
    assert [cell.execution_count for cell in done.cells[2:]] == [None] * len(done.cells[2:])
    assert sorted(path.name for path in done.folder.iterdir()) == ["out.ipynb"]


def test_step_by_step_every_symbol_is_drawn_and_is_the_model_s(executed):
    done = executed["00"]
    assert done.code == 0, done.text
    said = "".join(output.text for output in done.outputs("stream"))
    assert said.count("the model's too") == 14
    assert len(done.shown(PLOTLY)) == 6
    assert [path.name for path in done.folder.iterdir()] == ["out.ipynb"]


def test_without_the_checkpoint_notebook_09_ends_well_and_says_where_to_put_it(executed):
    done = executed["09"]
    assert done.code == 0, done.text
    assert done.outputs("error") == []
    said = "".join(output.text for output in done.outputs("stream"))
    assert f"put it at {done.folder / ABSENT}/152M/sisa_ds16/final.pt, then call again." in said
    assert done.cells[-1].outputs[-1].text == NO_CONCLUSION + "\n"
    assert [path.name for path in done.folder.iterdir()] == ["out.ipynb"]


def test_every_figure_of_notebook_09_says_that_it_is_of_the_stand_in(executed):
    shown = executed["09"].shown(PLOTLY)
    assert len(shown) == 4
    for figure in shown:
        assert figure["layout"]["title"]["subtitle"]["text"].startswith("random stand-in")
    assert any("not compared: random stand-in" in "".join(html) for html in executed["09"].shown(HTML))


@pytest.mark.parametrize(("spec", "name", "value", "legal"), REFUSED)
def test_wrong_parameters_are_refused_by_name(spec, name, value, legal):
    with pytest.raises(ValueError, match=name) as refused:
        spec(**{name: value})
    assert legal in str(refused.value)


@pytest.mark.parametrize(("notebook", "spec"), [*zip(TESTED, SPECS, strict=True)])
def test_the_second_cell_takes_every_parameter_of_the_first(project, notebook, spec):
    path = project / "notebooks" / f"{notebook}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    parameters, check = [cell.source for cell in cells if cell.cell_type == "code"][:2]
    namespace: dict = {"In": []}
    exec(parameters, namespace)
    assert f"from_parameters({spec.__name__}, globals())" in check
    inspected = papermill.inspect_notebook(path)
    given = {name: value for name, value in namespace.items() if name not in ("In", "__builtins__")}
    assert set(given) == set(inspected) == set(spec.__dataclass_fields__)
    assert spec(**given) == spec(**given)
