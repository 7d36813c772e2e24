"""Compiled training beside plain training, as one line of JSON; without the shape checks of the tests.

They wrap what torch.compile traces, and it cannot trace them. The graphs run as they are: no C++ compiler is
needed, and numbers differ by nothing but order.
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from killable_run import train
from small_models import SMALL

from model import SISAConfig, SISAModel
from model.training.loop import training_loss

ARCHITECTURES = ("transformer", "sisa", "jamba")
seen = []


def keep(graph, inputs):
    seen.append(graph)
    return graph.forward


def graphs():
    """Graphs since the last call; what was compiled is forgotten."""
    found = len(seen)
    seen.clear()
    torch._dynamo.reset()
    return found


def of_a_step(architecture):
    sizes: dict[str, Any] = SMALL | {"n_layers": 4, "n_heads": 4, "d_model": 32}
    config = SISAConfig(**sizes, architecture=architecture)
    models = [SISAModel(config, seed=0).train() for _ in range(2)]
    tokens = torch.randint(0, config.d_vocab, (2, 32), generator=torch.Generator().manual_seed(0))
    losses = [training_loss(model, compiled=at == 1)(tokens, tokens) for at, model in enumerate(models)]
    for loss in losses:
        loss.backward()
    pairs = zip(*(model.parameters() for model in models), strict=True)
    gradient = max(float((one.grad - two.grad).abs().max()) for one, two in pairs)
    angles = any(word in graph.code for graph in seen for word in ("cos(", "sin(", "pow(", "arange("))
    return {
        "angles": angles,
        "graphs": graphs(),
        "loss": abs(float(losses[0] - losses[1])),
        "gradient": gradient,
    }


def of_a_run(folder):
    plain = train(folder / "plain").metrics["value"].to_numpy()
    graphs()
    compiled = train(folder / "compiled", compile=True).metrics["value"].to_numpy()
    return {"graphs": graphs(), "metrics": float(abs(plain - compiled).max())}


torch.compile = partial(torch.compile, backend=keep)
told = {name: of_a_step(name) for name in ARCHITECTURES}
print(json.dumps(told | {"run": of_a_run(Path(sys.argv[1]))}))
