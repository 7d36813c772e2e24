"""One needle episode before a model: its greedy answer beside the hidden value, and its trace."""

from __future__ import annotations

import pandas as pd
import torch
import xarray as xr

from data import Episodes
from model.network.capture import capture
from model.network.network import SISAModel


def answers(model: SISAModel, episode: Episodes) -> pd.DataFrame:
    """Greedy answer beside the hidden value; one row."""
    line = episode.knobs.iloc[0]
    start, stop = int(line.answer_start), int(line.answer_stop)
    prompt = torch.as_tensor(episode.tokens[:1, :start], device=model.device)
    said = model.generate(prompt, max_new_tokens=stop - start)[0, start:].tolist()
    text = model.tokenizer.decode(said) if model.tokenizer else " ".join(map(str, said))
    row = {"hidden": line.value, "said": text.strip()}
    return pd.DataFrame([row | {"tokens": line.context_length, "depth": round(line.actual_depth, 2)}])


def capture_episode(model: SISAModel, episodes: Episodes, *, index: int = 0) -> xr.Dataset:
    """The trace of one episode, its needle, value and answer marked."""
    length = int(episodes.knobs["context_length"].iloc[index])
    return capture(model, episodes.tokens[index, :length], spans=episodes.spans(index))
