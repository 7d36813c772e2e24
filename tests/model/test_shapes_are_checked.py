"""The shapes that signatures name are checked while tests run, in every module of the rooms that have them.

tests/conftest.py says which rooms those are. A module that left them would lose its checks in silence. So
each one gets a wrong shape here, most of them such that broadcasting would let it pass, and the refusal must
name a function of that very module.
"""

import re
from typing import Any

import pytest
import torch
from jaxtyping import TypeCheckError
from small_models import SMALL
from torch import ones

from model import SISAConfig, SISAModel
from model.mixers.attention import alibi, anchor, sdpa, sigmoid, sisa_score, softmax, tiles
from model.mixers.parts import masks, norm, rope, rotation, running_sum
from model.mixers.state_space import mamba2, ssd

FOUR = (1, 2, 3, 4)  # batch head position channel
NOT_WHOLE: Any = 2.5  # where a number of positions or heads is asked for
ONE_HEAD = (1, 1, 3, 4)  # would be broadcast over the heads


def mixer(architecture) -> Any:
    sizes: dict[str, Any] = SMALL | {"d_model": 64, "d_state": 4} if architecture == "mamba3" else SMALL
    return SISAModel(SISAConfig(**sizes, architecture=architecture)).blocks[0].attn


WRONG = {
    "model.mixers.base": lambda: mixer("transformer")._output(ones(1, 3, 16)),
    "model.mixers.parts.masks": lambda: masks.causal_mask(NOT_WHOLE),
    "model.mixers.parts.running_sum": lambda: running_sum.running_sum(torch.tensor([1, 2])),
    "model.mixers.parts.rotation": lambda: rotation.rotate(ones(3, 2), torch.tensor(0.5)),
    "model.mixers.parts.norm": lambda: norm.RMSNorm(4)(torch.tensor(1.0)),
    "model.mixers.parts.rope": lambda: rope.positioned(ones(3, 2, 8), SISAConfig(**SMALL)),
    "model.mixers.attention.alibi": lambda: alibi.slopes(NOT_WHOLE),
    "model.mixers.attention.attention": lambda: mixer("transformer")(ones(3, 16)),
    "model.mixers.attention.anchor": lambda: anchor.anchored_decay(ones(2, 3), ones(1, 3), ones(2, 3) > 0),
    "model.mixers.attention.tiles": lambda: tiles.attention_by_tiles(
        ones(FOUR),
        ones(ONE_HEAD),
        ones(FOUR),
        c_rot=ones(FOUR),
        b_rot=ones(FOUR),
        g_hat=ones(1, 2, 3),
        lam=ones(2),
    ),
    "model.mixers.attention.sdpa": lambda: sdpa.fused_attention(ones(FOUR), ones(ONE_HEAD), ones(FOUR)),
    "model.mixers.attention.softmax": lambda: softmax.content_scores(ones(FOUR), ones(ONE_HEAD)),
    "model.mixers.attention.sisa_score": lambda: sisa_score.importance_scores(
        ones(FOUR), ones(FOUR), ones(1, 2, 3), ones(1)
    ),
    "model.mixers.attention.sisa": lambda: mixer("sisa")._state_channels(ones(3, 16)),
    "model.mixers.attention.sigmoid": lambda: sigmoid.sigmoid_pattern(ones(1, 2, 3, 3), bias=ones(1)),
    "model.mixers.state_space.ssd": lambda: ssd.quadratic(ones(FOUR), ones(1, 1, 3), ones(FOUR), ones(FOUR)),
    "model.mixers.state_space.mamba2": lambda: mamba2.CausalConvolution(4)(ones(3, 4)),
    "model.mixers.state_space.mamba3": lambda: mixer("mamba3")(ones(3, 64)),
    "model.mixers.hybrid.hymba": lambda: mixer("hymba")(ones(3, 16)),
    "model.network.block": lambda: SISAModel(SISAConfig(**SMALL)).blocks[0].mlp(ones(3, 16)),
}


@pytest.mark.parametrize("module", WRONG)
def test_a_wrong_shape_is_refused(module):
    with pytest.raises(TypeCheckError, match=rf"parameters of {re.escape(module)}\.\w"):
        WRONG[module]()


def test_no_module_with_shapes_is_left_out(project):
    files = [*(project / "model" / "mixers").rglob("*.py"), project / "model" / "network" / "block.py"]
    with_shapes = {
        ".".join(file.relative_to(project).with_suffix("").parts).removesuffix(".__init__")
        for file in files
        if "from jaxtyping import" in file.read_text(encoding="utf-8")
    }
    assert with_shapes == set(WRONG)
