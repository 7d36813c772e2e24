"""Three levels of fusion: what is taken out of each, and what its controls are."""

import numpy as np
import pytest
import torch
from intervened_models import TASK, hooks_left, model_of
from small_models import mixers

from model.analysis.interventions.hooking import intervened
from model.analysis.levels import OTHER_LAYERS, fusion_levels, removals

TEXT = np.random.default_rng(0).integers(0, TASK.d_vocab, (2, 14))


@pytest.mark.parametrize("name", ["sisa", "transformer", "fox", "jamba", "hymba"])
def test_every_removal_stands_beside_its_controls_and_nothing_is_left(name):
    model = model_of(name)
    table = fusion_levels(model, TASK.build(3, n_episodes=5), TEXT)
    assert list(dict.fromkeys(table["removed"])) == list(removals(model))
    for removed, rows in table.groupby("removed"):
        assert {"zero", "mean"} <= set(rows["how"]), removed
    assert table["n"].unique().tolist() == [5]
    assert not hooks_left(model)
    assert not table.isna().any().any()


def test_a_hymba_without_its_state_space_is_its_attention_alone():
    model = model_of("hymba").float()
    seen = {}

    def keep(z, hook):
        seen[hook.name] = z

    with intervened(model, removals(model)["state space"]):
        model.run_with_hooks(torch.as_tensor(TEXT), fwd_hooks=[("blocks.0.attn.hook_z", keep)])
    mixer, stream = mixers(model)[0], model._with_meta(model.embed(torch.as_tensor(TEXT)))
    q, k, v, *_ = mixer.to_in(model.blocks[0].ln1(stream)).split(mixer.widths, dim=-1)
    attention = mixer.norm_attention(mixer._attention(q, k, v).transpose(1, 2).flatten(2)) / 2
    torch.testing.assert_close(seen["blocks.0.attn.hook_z"].flatten(2), attention)


def test_a_jamba_without_attention_loses_the_layers_that_attend_and_other_layers_are_drawn():
    model = model_of("jamba", n_layers=4)
    table = fusion_levels(model, TASK.build(3, n_episodes=5), TEXT)
    assert removals(model)["attention"].layers == [1, 3]
    assert OTHER_LAYERS in set(table.loc[table["removed"] == "attention", "how"])
    silent = torch.as_tensor(TEXT)
    with intervened(model, removals(model)["attention"]):
        _, cache = model.run_with_cache(silent)
    assert not cache["blocks.1.hook_attn_out"].any()
    assert cache["blocks.0.hook_attn_out"].any()
