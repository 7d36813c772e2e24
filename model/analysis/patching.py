"""Patching: what a run says once a part of it is as it is in the run of another text.

The vocabulary of `model.analysis.interventions` says what a part is, so that beside heads, values and the
residual stream the two terms of a score can be patched. Every pass begins at the block that is patched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch import Tensor
from transformer_lens.hook_points import HookPoint

from data.progress import shown
from data.refusal import one_of
from data.results.intervals import mean_interval
from model.analysis.interventions.asked import entries_of, tokens_a_pass
from model.analysis.interventions.hooking import hooks_of, intervened, recorded
from model.analysis.interventions.pairs import Pairs, Texts, others_of, pairs_of
from model.analysis.interventions.patches import Cell, cells_of, checked_part, checked_places, said
from model.network.network import SISAModel

Direction = Literal["denoising", "noising"]
FAITHFUL = 0.9  # rank correlation below which an approximation does not stand in for the exact patches


class Pass(NamedTuple):
    """Pairs of one pass: the texts that run, those that are patched in, and those of the controls."""

    pairs: Pairs
    run: Tensor
    source: Tensor
    others: Tensor | None


@torch.no_grad()
def patching(
    model: SISAModel,
    clean: Texts,
    corrupted: Texts,
    *,
    direction: str = "denoising",
    what: str = "residual",
    at: str | None = None,
    answers: Texts | None = None,
    controls: bool = True,
) -> pd.DataFrame:
    """Return what each part of the clean run brings to the corrupted one, or the reverse, with intervals.

    Denoising runs the corrupted text and patches from the clean one: it shows what suffices. Noising runs
    the clean text and patches from the corrupted one: it shows what is needed. Measured is the first token
    of the answer, as in text that is given the beginning of an answer gives the rest away.

    A control patches the same part from the clean text of another pair, whose answer is neither of these. A
    patch that only takes something away has the same share as its control; both can be a half and more, since
    a model that knows neither answer is half the way between the two.

    Args:
        model: it is left as it came, after Ctrl-C as well.
        clean: episodes; or token ids [pair, position] that end where the answer begins.
        corrupted: their counterparts of equal length; `data.niah.replacement.with_other_values` makes them.
        direction: "denoising" or "noising".
        what: the part: "residual", "mlp", "head", "content", "importance", "value" or another quantity that
            the model has. All but the first two are patched head by head.
        at: "all" positions at once (the default), each of the "spans" of episodes (needle, value, query,
            rest; the default for the residual stream), or each of the "positions" of texts of one length.
        answers: beside token ids, the right and the corrupted answer's token, [pair, 2].
        controls: whether each patch is followed by its control.

    Returns:
        A row a cell: direction, what, layer, head (where there are heads), at, control; share (of the way
        from the run to the run that is patched in, by `difference`) with its 95 % interval low to high over
        pairs; difference (mean log p(right) − log p(corrupted answer), nats), from_difference and
        to_difference (of the unchanged run, and of the one that is patched in); exact_match and was_right
        (share of pairs whose most likely token is the right one, with and without the patch), n (pairs).

    Raises:
        ValueError: texts are no pairs, see `pairs_of`, or the model has no such part.

    Example:
        >>> from data import NIAHTask
        >>> from data.niah.replacement import with_other_values
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=32)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> clean = task.build(0, n_episodes=6)
        >>> table = patching(model, clean, with_other_values(clean), controls=False)
        >>> table.loc[table["layer"] == 0, ["at", "share"]].values.tolist()
        [['needle', 0.0], ['value', 1.0], ['query', 0.0], ['rest', 0.0]]
    """
    part, given = checked_part(model, what), pairs_of(clean, corrupted, answers)
    one_of("direction", direction, get_args(Direction))
    places, rows = checked_places(part, given, at), []
    for each in shown(list(_passes(model, given, direction, controls=controls)), what="passes"):
        entries, cells = entries_of(model, each.run), cells_of(model, part, each.pairs, places)
        ends = _ends(model, each, entries)
        sources = {False: each.source} | ({} if each.others is None else {True: each.others})
        changes = [cell.change for cell in cells]
        runs = {control: recorded(model, tokens, changes) for control, tokens in sources.items()}
        for cell in cells:
            for control, from_run in runs.items():
                with intervened(model, cell.change, clean=from_run):
                    after = said(model, entries[cell.layer], cell.layer, each.pairs)
                measured = {"difference": after.difference, "exact_match": after.exact_match}
                rows.append(_rows(cell, measured).join(ends).assign(control=control))
    table = pd.concat(rows, ignore_index=True)
    return _summary(table.assign(direction=direction, what=what))


def _passes(model: SISAModel, given: list[Pairs], direction: str, *, controls: bool) -> Iterator[Pass]:
    """Yield as many pairs as fit a pass."""
    for alike in given:
        alike = alike.to(model.device)
        others = alike.clean[others_of(alike)] if controls else None
        step = max(1, tokens_a_pass(model) // alike.clean.shape[1])
        for start in range(0, len(alike.rows), step):
            rows = slice(start, start + step)
            pairs = alike.chosen(rows)
            run, source = pairs.corrupted, pairs.clean
            if direction == "noising":
                run, source = source, run
            yield Pass(pairs, run, source, None if others is None else others[rows])


def _ends(model: SISAModel, each: Pass, entries: list[Tensor]) -> pd.DataFrame:
    """Return what the run and the run that is patched in say by themselves, a row a pair."""
    last = len(model.blocks)
    before = said(model, entries[-1], last, each.pairs)
    aim = said(model, entries_of(model, each.source)[-1], last, each.pairs)
    ends = {
        "from_difference": before.difference,
        "to_difference": aim.difference,
        "was_right": before.exact_match,
    }
    return pd.DataFrame({name: values.cpu().numpy() for name, values in ends.items()})


def _rows(cell: Cell, measured: dict[str, Tensor]) -> pd.DataFrame:
    """Return a row a pair: what was measured, and the columns of the cell."""
    numbers = pd.DataFrame({name: values.cpu().numpy() for name, values in measured.items()})
    return numbers.assign(**cell.columns)


def _summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row a cell, with the share of the way and its interval over pairs."""
    keys = [name for name in ("direction", "what", "layer", "head", "at", "control") if name in rows]
    table = []
    for _, cell in rows.groupby(keys, sort=False):
        way = (cell["to_difference"] - cell["from_difference"]).to_numpy(float)
        means = cell.drop(columns=keys).mean()
        line = cell[keys].iloc[0].to_dict() | _share(cell, way)
        table.append(line | means.to_dict() | {"n": len(cell)})
    return pd.DataFrame(table)


def _share(cell: pd.DataFrame, way: np.ndarray) -> dict[str, float]:
    """Return the share of the way that the difference goes, a ratio of means, with its interval.

    A single pair's ratio explodes where its way is short. The interval is Student's of (x − R y) / ȳ, the
    ratio's linear terms, so that pairs which all go the same share have an interval of no width.
    """
    gone = (cell["difference"] - cell["from_difference"]).to_numpy(float)
    if not way.mean():
        return dict.fromkeys(("share", "low", "high"), np.nan)
    ratio = gone.mean() / way.mean() + 0.0  # a share of nothing is 0 whatever the way's sign
    found = mean_interval(ratio + (gone - ratio * way) / way.mean())
    return {"share": ratio, "low": found.low, "high": found.high}


@torch.no_grad()
def attribution_patching(
    model: SISAModel,
    clean: Texts,
    corrupted: Texts,
    *,
    direction: str = "denoising",
    what: str = "residual",
    at: str | None = None,
    answers: Texts | None = None,
) -> pd.DataFrame:
    """Return what patching finds beside its approximation by a gradient, and how well their ranks agree.

    The approximation is the first-order term of each patch, Σ (source − run) · ∂difference/∂run, from one
    forward and one backward pass (attribution patching). It is only offered together with the exact patches:
    where a softmax or an RMSNorm is far from straight it can rank cells wrongly.

    Args:
        model: it is left as it came.
        clean: as of `patching`.
        corrupted: as of `patching`.
        direction: "denoising" or "noising".
        what: the part.
        at: "all", "spans" or "positions".
        answers: beside token ids, the right and the corrupted answer's token.

    Returns:
        The rows of `patching` without controls, with two columns more: approximate (the share of the way by
        the gradient) and rank_correlation (Spearman's, of share and approximate over all cells, the same in
        every row). `attrs["verdict"]` says in a sentence whether the approximation may stand in.

    Raises:
        ValueError: as `patching`.

    Example:
        >>> from data import NIAHTask
        >>> from data.niah.replacement import with_other_values
        >>> from model import SISAConfig
        >>> task = NIAHTask(filler="synthetic", lengths=(16,), n_symbols=32)
        >>> model = SISAModel(SISAConfig.preset("tiny", d_vocab=task.d_vocab))
        >>> clean = task.build(0, n_episodes=6)
        >>> table = attribution_patching(model, clean, with_other_values(clean), what="head")
        >>> bool(table["rank_correlation"].iloc[0] > 0.9)
        True
    """
    asked = {"direction": direction, "what": what, "at": at, "answers": answers}
    exact = patching(model, clean, corrupted, controls=False, **asked)
    part, given = checked_part(model, what), pairs_of(clean, corrupted, answers)
    places, rows = checked_places(part, given, at), []
    for each in _passes(model, given, direction, controls=False):
        ends = _ends(model, each, entries_of(model, each.run))
        for cell, estimate in _first_order(model, each, cells_of(model, part, each.pairs, places)):
            rows.append(_rows(cell, {"difference": estimate}).join(ends))
    keys = [name for name in ("layer", "head", "at") if name in exact]
    found = _summary(pd.concat(rows, ignore_index=True)).assign(approximate=lambda table: table["share"])
    table = exact.merge(found.loc[:, [*keys, "approximate"]], on=keys)
    ranks = [rankdata(table[name]) for name in ("share", "approximate")]
    rank = float(np.corrcoef(ranks)[0, 1])
    table["rank_correlation"] = rank
    table.attrs["verdict"] = verdict_of(rank, n=len(table))
    return table


def _first_order(model: SISAModel, each: Pass, cells: list[Cell]) -> Iterator[tuple[Cell, Tensor]]:
    """Yield the difference that the gradient at the unpatched run expects of every patch, a number a pair."""
    changes = [cell.change for cell in cells]
    run, source = recorded(model, each.run, changes), recorded(model, each.source, changes)
    kept: dict[str, Tensor] = {}

    def keep(x: Tensor, hook: HookPoint) -> Tensor:
        kept[str(hook.name)] = x if x.requires_grad else x.requires_grad_()
        return x

    entry = entries_of(model, each.run)[0]
    with torch.enable_grad(), model.hooks(fwd_hooks=[(name, keep) for name in run]):
        difference = said(model, entry, 0, each.pairs).difference
        gradients = torch.autograd.grad(difference.sum(), list(kept.values()), allow_unused=True)
    slopes = dict(zip(kept, gradients, strict=True))
    for cell in cells:
        expected = difference.detach()
        for name, patch in hooks_of(model, cell.change, clean=source):
            step, slope = patch(run[name], model.hook_dict[name]) - run[name], slopes[name]
            if step.ndim > 1 and slope is not None:  # λ has no axis of texts, and is the same in both runs
                expected = expected + (step * slope).flatten(1).sum(1)
        yield cell, expected


def verdict_of(rank: float, *, n: int) -> str:
    """Return a sentence on whether an approximation may stand in for the exact patches.

    Args:
        rank: Spearman's correlation of both.
        n: number of cells.

    Example:
        >>> verdict_of(0.31, n=48)
        'The gradient ranks 48 cells otherwise (Spearman 0.31): use the exact patches.'
    """
    if rank >= FAITHFUL:
        return f"The gradient ranks {n} cells as the exact patches do (Spearman {rank:.2f})."
    return f"The gradient ranks {n} cells otherwise (Spearman {rank:.2f}): use the exact patches."
