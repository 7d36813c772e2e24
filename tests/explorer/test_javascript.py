"""The explorer's JavaScript under node's own test runner, against arrays that Python writes."""

import subprocess
from pathlib import Path

import pytest
from explorer_cases import case, write_cases
from explorer_pages import steep_decay
from javascript import needs_node, node, run_javascript

from sisa_viz.explorer.assets import FOLDER, join, module
from sisa_viz.trace.weights import ScoreForm

FORMS = [
    ScoreForm(kind="linear", d_state=4),
    ScoreForm(kind="sigmoid", bias="log_t", d_state=4),
    ScoreForm(kind="sigmoid", bias=-2.5, d_state=4),
]
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def cases(tmp_path_factory, make_trace) -> Path:
    whole, part = (0, 38, 0, 38), (9, 36, 2, 30)
    written = [
        case(
            make_trace(length=38, seed=seed, d_state=d_state),
            precision=precision,
            layer=1,
            head=2,
            lam_scale=lam_scale,
            window=window,
            bins=bins,
        )
        for seed, (d_state, precision, lam_scale, window, bins) in enumerate(
            [
                (4, "float32", 1.0, whole, (9, 9)),
                (4, "fixed16", 2.5, part, (27, 7)),
                (6, "float32", 0.0, part, (5, 28)),
                (0, "float32", 1.0, whole, (38, 38)),
                (0, "fixed16", 1.0, whole, (10, 10)),
            ]
        )
    ]
    for total, d_head, precision in ((2000, 0, "float32"), (2000, 8, "fixed16"), (40_000, 8, "float32")):
        trace = make_trace(length=150, d_head=d_head, **steep_decay(length=150, total=total))
        changes = {"precision": precision, "layer": 0, "head": 1, "lam_scale": 1.0}
        written.append(case(trace, **changes, window=(0, 150, 0, 150), bins=(40, 30)))
    for score in FORMS:
        trace = make_trace(length=38, score=score)
        changes = {"precision": "float32", "layer": 1, "head": 0, "lam_scale": 1.5}
        written.append(case(trace, **changes, window=part, bins=(13, 9)))
    path = tmp_path_factory.mktemp("cases") / "cases.json"
    write_cases(path, written)
    return path


@needs_node
def test_javascript_passes_its_own_tests(cases):
    assert "# pass 0" not in run_javascript(HERE / "js", cases)


@needs_node
def test_joined_module_is_one_valid_module_with_both_exports(tmp_path):
    path = tmp_path / "module.mjs"
    path.write_text(module(), encoding="utf-8")
    script = (
        f"const m = await import({path.as_uri()!r}); console.log(typeof m.default.render, typeof m.mountAll)"
    )
    done = subprocess.run([str(node), "--input-type=module", "-e", script], capture_output=True, text=True)
    assert done.stdout.split() == ["function", "function"], done.stderr


def test_joined_module_asks_for_nothing_and_fits_into_a_script_element():
    text = module()
    assert "import " not in text.replace("await import", "")
    assert "</script" not in text.lower()
    assert "<!--" not in text
    assert len(text.encode()) < 160_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('import { b } from "./b.js";', "legal: a.js, maths/b.js"),
        ('import { b } from "../maths/b.js";', "legal: a.js, maths/b.js"),
        ('import { c } from "./maths/b.js";', "legal: what maths/b.js exports: b"),
        ('import { b as c } from "./maths/b.js";', "a.js is 'import'; legal: import"),
        ('import * as b from "./maths/b.js";', "a.js is 'import'; legal: import"),
        ('  import { b } from "./maths/b.js";', "a.js is 'import'; legal: import"),
        ('import {\n  b,\n} from "./maths/b.js";', "a.js is 'import'; legal: import"),
        ('export { b } from "./maths/b.js";', r"a.js is 'export \{'; legal: import"),
        ('import { a } from "./a.js";', "legal: files without a circle"),
        ('import { b } from "./maths/b.js";\nconst b = 2;', "declared in maths/b.js too; rename one"),
    ],
)
def test_an_import_that_cannot_be_joined_is_refused(line, message):
    with pytest.raises(ValueError, match=message):
        join({"a.js": f"{line}\nexport const a = 1;", "maths/b.js": "export const b = 1;"}, "a.js")


def test_imported_files_come_first_and_once_whatever_folder_asks_for_them():
    sources = {
        "a.js": 'import { b } from "./maths/b.js";\nimport { c } from "./view/c.js";\nuse(b, c);',
        "view/c.js": 'import { b } from "../maths/b.js";\nexport const c = b;',
        "maths/b.js": "export const b = 1;",
    }
    assert join(sources, "a.js").split("\n") == ["const b = 1;", "const c = b;", "use(b, c);"]


def test_the_maths_knows_no_page():
    files = sorted(Path(str(FOLDER)).joinpath("js", "maths").glob("*.js"))
    for file in files:
        source = file.read_text(encoding="utf-8")
        assert "../view" not in source
        assert "document." not in source
    assert len(files) > 8


def test_every_script_says_what_it_does_and_is_joined():
    scripts = sorted(Path(str(FOLDER)).joinpath("js").rglob("*.js"))
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert text.startswith("// ")
        assert text.count("\n") < 300
        declared = next(
            line for line in text.split("\n") if line.startswith(("export ", "function ", "class "))
        )
        assert declared.removeprefix("export ") in module().replace("export default", "default")
