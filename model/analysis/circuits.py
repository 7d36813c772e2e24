"""How few heads are enough: circuits of (head, term) pairs that answer with all others taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from data import Episodes
from data.niah.selection import chosen_episodes
from data.progress import shown
from data.refusal import as_number, one_of, refusal, whole
from data.results.intervals import mean_interval, share_interval, wilson
from model.analysis.interventions.effects import effects
from model.analysis.interventions.hooking import intervened
from model.analysis.interventions.intervention import How, Intervention, Target
from model.analysis.interventions.sites import layers_with, n_heads_of
from model.analysis.interventions.summary import mean_of_draws
from model.analysis.knockouts import checked_terms
from model.network.network import SISAModel

GREEDY, RANDOM = "greedy", "random"
TAKEN_OUT: tuple[How, ...] = ("zero", "mean")
A_ROUND = 3  # one of so many pairs leaves the circuit before the costs of the others are measured anew
RANDOM_SIZES = 10  # at which random circuits are measured
CIRCUIT_COLUMNS = (
    *("circuit", "k", "layer", "head", "term", "log_p", "log_p_low", "log_p_high"),
    *("rate", "kept", "low", "high", "enough", "n", "draws"),
)


class Pair(NamedTuple):
    """One term of one head's score, or a whole head."""

    layer: int
    head: int
    term: Target


def sufficient_heads(
    model: SISAModel,
    episodes: Episodes,
    *,
    keep: float = 0.9,
    terms: Sequence[str] | None = None,
    how: How = "zero",
    draws: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how much of the answer circuits of 0, 1, 2, … pairs of a head and a term keep.

    The order is found from the whole model backwards: in every round each pair that is left is taken out
    alone, and the cheapest third of them, one at least, leaves for good. Forwards, from a model of which all
    is taken out, no single pair changes anything as long as those it works with are missing. Thirds cost
    about three knock-outs a pair, where one pair a round would cost half as many as there are pairs. Costs
    are measured anew after each round, since the last of several heads that do the same is dear only once the
    others are gone. The circuits of the order are nested, and every one of them is measured.

    Every second episode of a length and depth chooses the order and the others measure it, so that no
    circuit is flattered by its choice. Beside it stand random circuits: as many pairs drawn from all.

    Args:
        model: of any architecture; it is left as it came.
        episodes: needle episodes, two at least.
        keep: share of the answers that is called enough.
        terms: of the score, those that the model has by default; ["head"] for whole heads.
        how: what is put in the place of pairs outside a circuit, "zero", or "mean": their mean by distance,
            for which query × key tensors are built.
        draws: random circuits of every size.
        seed: of the random circuits.

    Returns:
        One row a circuit ("greedy" or "random") and number of pairs k, 0 and all of them among the greedy:
        layer, head and term of the k-th pair (missing for k = 0 and at random), log_p (mean nats of the
        answer) with log_p_low and log_p_high, rate (share of answers that are right), kept (share of those
        that the whole model gets right) with its 95 % interval low to high, enough (whether kept ≥ keep), n
        (episodes), draws. Intervals of greedy circuits are over episodes (kept: Wilson's), those of random
        ones over draws as well. kept is NaN where the whole model is never right.

    Raises:
        ValueError: the model computes no scores or has no such term, or there are fewer than two episodes.

    Example:
        >>> from data import NIAHTask
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=16)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab, n_layers=1))
        >>> table = sufficient_heads(model, task.build(0, n_episodes=4), terms=["importance"])
        >>> table.loc[table["circuit"] == "greedy", "k"].tolist()  # of 4 heads
        [0, 1, 2, 3, 4]
    """
    share = as_number(keep)
    if share is None or not 0 < share <= 1:
        raise refusal("keep", keep, legal="above 0, to 1", step="0.9 asks for nine answers of ten.")
    one_of("how", how, TAKEN_OUT)
    draws, rng = whole("draws", draws, least=1), np.random.default_rng(whole("seed", seed, least=0))
    pairs = _pairs(model, terms)
    choosing, measuring = _halves(episodes)
    order = _order(model, choosing, pairs, how)
    table = _greedy(model, measuring, order, how).assign(enough=lambda rows: rows["kept"] >= share)
    first = table.loc[table["enough"], "k"].min()  # NaN where no circuit is enough
    sizes = set(np.linspace(0, len(pairs), RANDOM_SIZES + 2).round().astype(int).tolist()) | {first}
    between = sorted(int(size) for size in sizes if 0 < size < len(pairs))
    others = _random(model, measuring, pairs, how, sizes=between, draws=draws, rng=rng)
    others = others.assign(enough=others["kept"] >= share)
    found = pd.concat([table, others], ignore_index=True) if len(others) else table
    return found.astype({"layer": "Int64", "head": "Int64"}).loc[:, list(CIRCUIT_COLUMNS)]


def _pairs(model: SISAModel, terms: Sequence[str] | None) -> list[Pair]:
    """Return all pairs of a head and a term, layer by layer."""
    chosen: list[Target] = ["head"]
    if terms is None or list(terms) != ["head"]:
        chosen = checked_terms(model, terms)
    if not chosen or len(set(chosen)) < len(chosen):
        step = "Leave terms out for all of them."
        raise refusal("terms", terms, legal="one term or several, each once", step=step)
    pairs = [
        Pair(layer, head, term)
        for term in chosen
        for layer in layers_with(model, term)
        for head in range(n_heads_of(model, layer, term))
    ]
    return sorted(pairs, key=lambda pair: (pair.layer, pair.head))


def _halves(episodes: Episodes) -> tuple[Episodes, Episodes]:
    """Return every second episode and the others, each spread over lengths and depths."""
    if len(episodes) < 2:
        step = "One half chooses, the other measures."
        raise refusal("episodes", f"{len(episodes)} of them", legal="two at least", step=step)
    knobs = episodes.knobs
    rows = np.lexsort((knobs["requested_depth"], knobs["context_length"]))
    return chosen_episodes(episodes, rows[::2]), chosen_episodes(episodes, rows[1::2])


def _out(pairs: Sequence[Pair], how: How) -> list[Intervention]:
    """Return what takes pairs out: one intervention a layer and term."""
    heads: dict[tuple[int, Target], list[int]] = {}
    for layer, head, term in pairs:
        heads.setdefault((layer, term), []).append(head)
    return [
        Intervention(term, how, layers=[layer], heads=sorted(each)) for (layer, term), each in heads.items()
    ]


def _order(model: SISAModel, episodes: Episodes, pairs: Sequence[Pair], how: How) -> list[Pair]:
    """Return the pairs from the one that stays longest to the first that leaves."""
    left, gone = list(pairs), []
    while len(left) > 1:
        with intervened(model, _out(gone, how)):  # costs are those within the circuit that is left
            changes = {str(at): _out([pair], how) for at, pair in enumerate(left)}
            lost = effects(model, episodes, changes)
        costs = mean_of_draws(lost, by=["name"], of=["log_p_lost"])["log_p_lost"].to_numpy()
        cheapest = np.argsort(costs, kind="stable")[: max(1, len(left) // A_ROUND)].tolist()
        gone += [left[at] for at in cheapest]
        left = [pair for at, pair in enumerate(left) if at not in cheapest]
    return [*left, *reversed(gone)]


def _greedy(model: SISAModel, episodes: Episodes, order: Sequence[Pair], how: How) -> pd.DataFrame:
    """Return a row for the first k pairs of an order, k from 0 to all."""
    changes = {str(k): _out(order[k:], how) for k in range(len(order) + 1)}
    rows = []
    for name, found in effects(model, episodes, changes).groupby("name", sort=False):
        k = int(str(name))
        log_p, right = mean_interval(found["log_p"].to_numpy()), found["was_right"].to_numpy(bool)
        still, n_right = found["exact_match"].to_numpy(bool)[right], int(right.sum())
        low, high = wilson(int(still.sum()), n_right) if n_right else (np.nan, np.nan)
        row = {"circuit": GREEDY, "k": k, "n": len(found), "draws": 1}
        row |= order[k - 1]._asdict() if k else {"layer": None, "head": None, "term": None}
        row |= {"log_p": log_p.value, "log_p_low": log_p.low, "log_p_high": log_p.high}
        row |= {"rate": found["exact_match"].mean(), "kept": still.mean() if n_right else np.nan}
        rows.append(row | {"low": low, "high": high})
    return pd.DataFrame(rows)


def _random(
    model: SISAModel,
    episodes: Episodes,
    pairs: Sequence[Pair],
    how: How,
    *,
    sizes: Sequence[int],
    draws: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return a row a size, over draws of nested circuits."""
    orders = [rng.permutation(len(pairs)).tolist() for _ in range(draws)]
    rows = []
    for k in shown(sizes, what="sizes of random circuits"):
        changes = {str(draw): _out([pairs[at] for at in order[k:]], how) for draw, order in enumerate(orders)}
        found = effects(model, episodes, changes)
        of_draw = mean_of_draws(found, by=["name"], of=["log_p"])
        log_p = mean_interval(of_draw["log_p"].to_numpy(float))
        right, n = found.loc[found["was_right"]], len(episodes)
        row = {"circuit": RANDOM, "k": k, "layer": None, "head": None, "term": None, "n": n, "draws": draws}
        row |= {"log_p": log_p.value, "log_p_low": log_p.low, "log_p_high": log_p.high}
        row |= {"rate": found["exact_match"].mean(), "kept": np.nan, "low": np.nan, "high": np.nan}
        if len(right):
            shares = right.groupby("name", sort=False)["exact_match"].mean().to_numpy(float)
            kept = share_interval(shares, episodes=right["episode"].nunique())
            row |= {"kept": kept.value, "low": kept.low, "high": kept.high}
        rows.append(row)
    return pd.DataFrame(rows, columns=[*CIRCUIT_COLUMNS[:-3], "n", "draws"])
