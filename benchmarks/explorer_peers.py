"""Bytes of HTML that BertViz, CircuitsVis and attnview need for what the score explorer shows.

They are no dependency of this project. Make them an environment of their own and run this file in it:

    python -m venv peers
    peers/bin/pip install torch==2.13.0 bertviz==1.4.1 circuitsvis==1.43.3 attnview==0.5.1 ipython
    peers/bin/python benchmarks/explorer_peers.py        writes benchmarks/results/explorer_peers.json

Random causal patterns, 12 layers × 12 heads × 512 tokens and 12 heads × 2,048; each tool holds the softmax
alone, where the explorer holds the three scores as well. A tool builds texts of about a gigabyte: give it 16
GB of memory.
"""

import argparse
import json
import os
import platform
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

RESULTS = Path(__file__).parent / "results" / "explorer_peers.json"
SHAPES = {"12x12x512": (12, 12, 512), "1x12x2048": (1, 12, 2048)}


def patterns(layers: int, heads: int, length: int) -> list[torch.Tensor]:
    """One [1, head, query, key] tensor a layer."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.full((length, length), float("-inf")).triu(1)
    scores = (torch.randn(1, heads, length, length, generator=generator) for _ in range(layers))
    return [torch.softmax(each + hidden, dim=-1) for each in scores]


def bertviz(attention: list[torch.Tensor], tokens: list[str]) -> int:
    from bertviz import head_view  # pyright: ignore[reportMissingImports]

    return len(head_view(attention, tokens, html_action="return").data.encode())


def circuitsvis(attention: list[torch.Tensor], tokens: list[str]) -> int:
    """attention_heads takes one stack of heads: all layers behind one another."""
    from circuitsvis.attention import attention_heads  # pyright: ignore[reportMissingImports]

    return len(str(attention_heads(attention=torch.cat(attention, dim=1)[0], tokens=tokens)).encode())


def attnview(attention: list[torch.Tensor], tokens: list[str]) -> int:
    """A cache as TransformerLens hands it out, one pattern a layer."""
    from attnview import export_cache  # pyright: ignore[reportMissingImports]

    cache = {f"blocks.{layer}.attn.hook_pattern": one for layer, one in enumerate(attention)}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        export_cache(cache, str(path), tokens=tokens)
        return path.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description="Sizes of the same maps in other tools.")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the JSON file to write")
    options = parser.parse_args()
    results: dict[str, object] = {
        "date": date.today().isoformat(),
        "command": "python benchmarks/explorer_peers.py",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("bertviz", "circuitsvis", "attnview", "torch")},
    }
    for name, (layers, heads, length) in SHAPES.items():
        attention, tokens = patterns(layers, heads, length), [f" token{at % 97}" for at in range(length)]
        results[name] = {}
        for tool in (bertviz, circuitsvis, attnview):
            start = time.perf_counter()
            entry = {"html_bytes": tool(attention, tokens), "seconds": round(time.perf_counter() - start, 1)}
            results[name][tool.__name__] = entry  # type: ignore[index]
            print(name, tool.__name__, entry, flush=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
