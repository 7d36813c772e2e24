"""The pages of the workshop for whoever installs nothing: one offline page a part, out/workshop/pages."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import xarray as xr

from data import measured
from data.commands import one_line
from data.refusal import folder_path
from model import capture, load
from model.analysis.episode import capture_episode
from model.analysis.silencing import silencing
from model.network.network import SISAModel
from model.study.notebooks.exploration import Exploration
from model.workshop.five_tokens import five_tokens
from sisa_viz import ScoreExplorer, compare, report
from sisa_viz.explorer.silence import Silenced
from sisa_viz.lessons import decay_rotation, fusion_levels, lesson_sections, score_dial, seed_curves
from sisa_viz.pages.page import Section
from sisa_viz.trace.axes import head_name

TEXTS = Path(__file__).parent / "pages"
SENTENCE = "The secret number is 4821.\nIt rains.\nThe secret number is 4821."
ANSWERING = 24  # position of the space after which the number is due again
LEVELS = ("transformer", "SISA d_state=16", "jamba", "hymba")
EPISODES = 128  # behind each share of data/measured/tiny.csv
LAST_STEP = 250  # all of them have found every needle by then
SILENCED = (("content", 1, 0), ("content", 1, 4), *(("importance", 0, head) for head in (3, 4, 5)))
BROKEN = SILENCED[2]  # the one that part 4 looks into


def score_by_hand(model: SISAModel) -> dict[str, Section]:
    """What part 1 shows: the last query of "The code is 7." on five keys, and a trained head."""
    five = five_tokens()
    products, importance = five.k @ five.q[-1], five.product[-1]
    dial = score_dial(five.tokens, products=products.tolist(), importance=importance.tolist(), d_head=4)
    return {"dial": dial, "explorer": explored(capture(model, SENTENCE), layer=1, head=4, query=ANSWERING)}


def importance_term(model: SISAModel) -> dict[str, Section]:
    """What part 2 shows: one pair of channels by hand, and a trained head."""
    content = [0.0] * 56
    content[10] = content[40] = 2.0  # nats; the other tokens have none
    explorer = explored(capture(model, SENTENCE), layer=0, head=3)
    return {"decay": decay_rotation(content, size=2.0), "explorer": explorer}


def three_levels(model: SISAModel) -> dict[str, Section]:
    """What part 3 shows: five tokens at three levels, and measured curves of five seeds each."""
    tokens = ["3", "or", "7", "no", "?"]
    content = [[4.0 * (key in (0, 2)) for key in range(5)] for _ in tokens]  # nats; both numbers are liked
    runs = measured.tiny()
    curves = seed_curves(runs.loc[runs["step"] <= LAST_STEP], variants=LEVELS, episodes=EPISODES)
    return {"levels": fusion_levels(tokens, content=content), "seeds": curves}


def needle_head(model: SISAModel) -> dict[str, Section]:
    """What part 4 shows: a needle text, what five knock-outs cost its answer, and one of them in full."""
    episode = Exploration(length=64).episode(model)
    trace = capture_episode(model, episode)
    query = int(episode.knobs["answer_start"].iloc[0]) - 1
    run = silencing(model).run
    found = {which: run(trace, term=which[0], layer=which[1], head=which[2]) for which in SILENCED}
    last_digit = {"layer_a": 4, "head_a": 4, "layer_b": 4, "head_b": 4, "part": "pattern", "query": query + 3}
    traces = {"as trained": trace, found[BROKEN].change: found[BROKEN].trace}
    compared = compare(traces, state=last_digit, title="Layer 4, head 4, twice", precision="fixed16")
    explorer = explored(trace, layer=1, head=0, query=query)
    return {"explorer": explorer, "broken": answers(trace, list(found.values()), query), "compared": compared}


def answers(trace: xr.Dataset, found: list[Silenced], query: int) -> pd.DataFrame:
    """A row a knock-out: where the head looks when the answer is due, and what becomes of the answer."""
    mass = trace.sisa.span_mass(span="value", query=query)
    return pd.DataFrame(
        {
            "without": f"{each.term} of {head_name(each.layer, each.head)}",
            "its weight on the number": round(float(mass[each.layer, each.head]), 3),
            "answer": each.after.said,
            "nats lost": round(each.before.log_p - each.after.log_p, 2),
        }
        for each in found
    )


def explored(trace: xr.Dataset, *, layer: int, head: int, query: int = -1) -> ScoreExplorer:
    """The explorer at one head, with a query locked; 16 bits a number keep the page small."""
    state = {"layer": layer, "head": head, "query": query}
    return ScoreExplorer(trace, state=state, title="The shipped model reads", precision="fixed16")


PARTS: dict[str, Callable[[SISAModel], dict[str, Section]]] = {
    "1_score_by_hand": score_by_hand,
    "2_importance_term": importance_term,
    "3_three_levels": three_levels,
    "4_needle_head": needle_head,
}


def write_pages(folder: Path) -> list[Path]:
    """Write all pages into a folder, made where it is missing, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    model = load("niah")
    written = []
    for name, places in PARTS.items():
        print(f"writing {name}.html", end=" ", flush=True)
        title, sections = lesson_sections((TEXTS / f"{name}.md").read_text(encoding="utf-8"), places(model))
        page = report(folder / f"{name}.html", *sections, title=title)
        print(f"({page.stat().st_size / 1e6:.1f} MB)", flush=True)
        written.append(page)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="out/workshop/pages")
    for page in write_pages(folder_path("--out", parser.parse_args().out).resolve()):
        print(page)


if __name__ == "__main__":
    with one_line("notebooks/workshop/pages.py"):
        main()
