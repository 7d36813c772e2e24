"""The explorer as HTML: a fragment with its own data, the assets that a page needs once, and a whole page.

Data lies in <script> elements of types that no browser runs, after the code, so that a file that was cut off
can still say so.
"""

import base64
import html
from typing import Any

from sisa_viz.explorer.assets import module, style
from sisa_viz.explorer.pack import Packed, to_json

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; worker-src blob:; style-src 'unsafe-inline'; "
    "img-src data:; form-action 'none'; base-uri 'none'"
)
BOOT = """
const source = document.getElementById("sisa-explorer-module").textContent;
const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
const { mountAll } = await import(url);
mountAll(source);
"""


def assets() -> str:
    """Style and module; belongs into a page once, however many explorers it holds."""
    return (
        f"<style>{style()}</style>\n"
        f'<script type="text/plain" id="sisa-explorer-module">{module()}</script>\n'
        f'<script type="module">{BOOT}</script>\n'
    )


def fragment(packed: Packed, state: dict[str, Any], *, name: str, still: bytes) -> str:
    """The explorer's place and its data. `name` is unique on the page: letters, digits, hyphens.

    Where scripts are off, `still` (a PNG of the head in `state`) and a sentence stand in.
    """
    words = f"content, λ × importance, sum and weights of L{state['layer']}H{state['head']}"
    meta = to_json(packed.meta | {"state": state})
    source = f"data:image/png;base64,{base64.b64encode(still).decode()}"
    parts = [
        f'<div class="sisa-x" data-explorer="{name}"><noscript><img alt="{words}" src="{source}">'
        f"<p>Scripts are off; this is a still picture: {words}.</p></noscript></div>",
        f'<script type="application/json" data-meta="{name}">{meta}</script>',
    ]
    for block in packed.blocks:
        parts.append(
            f'<script type="text/plain" data-block="{name}">{base64.b64encode(block).decode()}</script>'
        )
    return "\n".join(parts) + "\n"


def page(packed: Packed, state: dict[str, Any], *, still: bytes) -> str:
    """A whole page that loads nothing from anywhere, and whose policy forbids it to."""
    title = html.escape(packed.meta["title"])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{title}</title>\n{assets()}</head>\n"
        f'<body class="sisa-x-page">\n{fragment(packed, state, name="page", still=still)}</body>\n</html>\n'
    )
