"""Small lively models of every architecture, and a task for them, to intervene in."""

from typing import Any

from small_models import SMALL, lively

from data import NIAHTask
from model import SISAConfig, SISAModel
from model.config.architectures import architecture as record_of

TASK = NIAHTask(filler="synthetic", lengths=(16, 24), value_length=2, n_symbols=16)


def model_of(name, **changes):
    sizes: dict[str, Any] = SMALL | {"d_model": 32, "d_vocab": TASK.d_vocab, "anchor_block": 8} | changes
    name, d_state = ("sisa", 0) if name == "transformer" else (name, 4 if record_of(name).d_state else 0)
    sizes |= {"n_meta": 3, "window": 8, "n_layers": 3} if name == "hymba" else {}
    sizes |= {"attention_period": 2, "attention_offset": 1} if name == "jamba" else {}
    return lively(SISAModel(SISAConfig(**sizes, architecture=name, d_state=d_state), seed=1)).double()


def hooks_left(model):
    return [name for name, hook in model.hook_dict.items() if hook.fwd_hooks or hook._forward_hooks]
