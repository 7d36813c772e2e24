"""The lessons' JavaScript under node's own test runner, against arrays that numpy wrote; and its joining."""

import json
from pathlib import Path

import numpy as np
import pytest
from javascript import needs_node, run_javascript

from sisa_viz.lessons.assets import FOLDER, script

HERE = Path(__file__).parent


def softmax(scores: np.ndarray) -> np.ndarray:
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum()


def importance_case(n: int, half_life: float, angle: float, lam: float, size: float) -> dict:
    distance = np.arange(n)
    decay = 0.5 ** (distance / half_life)
    cosine = np.real(np.exp(1j * angle * distance))  # C is real and of length `size`; B turns by the angle
    return {
        "n": n,
        "factors": {"halfLife": half_life, "angle": angle, "lam": lam, "size": size},
        "decay": decay.tolist(),
        "turned": (angle * distance).tolist(),
        "cosine": cosine.tolist(),
        "reach": (lam * size * decay).tolist(),
        "importance": (lam * decay * size * cosine).tolist(),
    }


def dial_case(generator: np.random.Generator, divisor: float, lam: float) -> dict:
    products, importance = generator.normal(size=(2, 6)) * 5
    scores = products / divisor + lam * importance
    return {
        "data": {"products": products.tolist(), "importance": importance.tolist()},
        "sliders": {"divisor": divisor, "lam": lam},
        "content": (products / divisor).tolist(),
        "added": (lam * importance).tolist(),
        "scores": scores.tolist(),
        "weights": softmax(scores).tolist(),
    }


def attention(scores: np.ndarray) -> np.ndarray:
    later = np.triu(np.ones(scores.shape, dtype=bool), 1)
    return np.stack([softmax(row) for row in np.where(later, -np.inf, scores)])


def levels_case(generator: np.random.Generator, half_life: float, lam: float) -> dict:
    n = 5
    content = generator.normal(size=(n, n)) * 3
    distance = np.subtract.outer(np.arange(n), np.arange(n))
    M = np.tril(0.5 ** (np.maximum(distance, 0) / half_life))
    A, eye = attention(content), np.eye(n)
    return {
        "content": content.tolist(),
        "sliders": {"halfLife": half_life, "lam": lam},
        "A": A.tolist(),
        "M": M.tolist(),
        "block": ((eye + A) @ (eye + M) - eye)[-1].tolist(),
        "head": ((A + M) / 2)[-1].tolist(),
        "score": attention(content + lam * M)[-1].tolist(),
    }


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    generator = np.random.default_rng(0)
    rows = [generator.normal(size=9), np.array([1e3, 0.0, 999.0]), np.array([-1e3, -1001.0])]
    written = {
        "importance": [
            importance_case(40, 12.6, 0.2, 0.313, 2.0),
            importance_case(64, 1.0, np.pi, 4.0, 1.0),
            importance_case(10, 1000.0, 0.0, 0.0, 3.5),
        ],
        "softmax": [{"scores": row.tolist(), "weights": softmax(row).tolist()} for row in rows],
        "dial": [dial_case(generator, divisor, lam) for divisor, lam in ((2.0, 0.0), (1.0, 4.0), (7.5, 1.3))],
        "levels": [levels_case(generator, half_life, lam) for half_life, lam in ((2.5, 2.0), (0.5, 8.0))],
    }
    path = tmp_path_factory.mktemp("cases") / "cases.json"
    path.write_text(json.dumps(written), encoding="ascii")
    return path


@needs_node
def test_javascript_passes_its_own_tests(cases):
    assert "# pass 9" in run_javascript(HERE / "js", cases)


def test_the_joined_script_asks_for_nothing_and_fits_into_a_script_element():
    text = script()
    assert "import " not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "</script" not in text.lower()
    assert "<!--" not in text


def test_every_file_says_what_it_does_is_short_and_is_joined():
    files = sorted(Path(str(FOLDER)).joinpath("js").rglob("*.js"))
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert text.startswith("// ")
        assert text.count("\n") < 300
        last = text.rstrip().split("\n")[-1]
        assert last.removeprefix("export ") in script()
    assert len(files) > 10


def test_the_maths_knows_no_page():
    for file in Path(str(FOLDER)).joinpath("js", "maths").glob("*.js"):
        assert "document." not in file.read_text(encoding="utf-8")
        assert "view/" not in file.read_text(encoding="utf-8")
