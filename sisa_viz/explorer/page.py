"""The explorer as HTML: a fragment with its own data, the assets that a page needs once, and a whole page.

Data lies in <script> elements of types that no browser runs, after the code, so that a file that was cut off
can still say so.
"""

import base64
import gzip
import html
from collections.abc import Mapping

from sisa_viz.explorer.assets import module, style
from sisa_viz.explorer.pack import to_json
from sisa_viz.explorer.packed import Packed, Still

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; worker-src blob:; style-src 'unsafe-inline'; "
    "img-src data:; form-action 'none'; base-uri 'none'"
)
BOOT = """
const packed = atob(document.getElementById("sisa-explorer-module").textContent);
const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
const source = await new Response(unpacked).text();
const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
const { mountAll } = await import(url);
mountAll(source);
"""


def assets() -> str:
    """Write the style sheet and the module, which a page needs once, however many explorers it holds.

    They come before the explorers. The module lies in an element that no browser runs, as base64 of gzip, a
    third of its size; a few lines beside it load it from a Blob, as the Web Worker does too.

    Returns:
        HTML: a <style> and two <script> elements.

    Example:
        >>> from sisa_viz.explorer.page import assets
        >>> assets().startswith("<style>"), "https:" in assets()
        (True, False)
    """
    packed = base64.b64encode(gzip.compress(module().encode(), mtime=0)).decode()
    return (
        f"<style>{style()}</style>\n"
        f'<script type="text/plain" id="sisa-explorer-module">{packed}</script>\n'
        f'<script type="module">{BOOT}</script>\n'
    )


def fragment(packed: Packed, state: Mapping[str, object], *, name: str, still: Still | None) -> str:
    """Write the place of one explorer or comparison on a page, and its data.

    Args:
        packed: the data.
        state: what the explorer shows first.
        name: tells explorers of one page apart; letters, digits and hyphens.
        still: what is in `state` as a picture, for where scripts are off; None: only a sentence says so.

    Returns:
        HTML: a <div>, and a <script> that is not run for the description and for every head.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer.pack import pack
        >>> from sisa_viz.explorer.packed import Still
        >>> from sisa_viz.explorer.page import fragment
        >>> from sisa_viz.explorer.state import ExplorerState
        >>> trace = example_trace()
        >>> still = Still(png=b"", words="content and weights")
        >>> text = fragment(pack(trace), ExplorerState(trace).as_dict(), name="first", still=still)
        >>> text.count('data-block="first"')  # two layers of two heads
        4
    """
    meta = to_json({**packed.meta, "state": state})
    parts = [
        f'<div class="sisa-x" data-explorer="{name}"><noscript>{_stand_in(still)}</noscript></div>',
        f'<script type="application/json" data-meta="{name}">{meta}</script>',
    ]
    for block in packed.blocks:
        parts.append(
            f'<script type="text/plain" data-block="{name}">{base64.b64encode(block).decode()}</script>'
        )
    return "\n".join(parts) + "\n"


def _stand_in(still: Still | None) -> str:
    """Write what is seen where scripts are off."""
    if still is None:
        return "<p>Scripts are off, and this explorer has no still picture.</p>"
    words = html.escape(still.words)
    source = f"data:image/png;base64,{base64.b64encode(still.png).decode()}"
    picture = f'<img alt="{words}" src="{source}">'
    return f"{picture}<p>Scripts are off; this is a still picture: {words}.</p>"


def page(packed: Packed, state: Mapping[str, object], *, still: Still | None) -> str:
    """Write a whole page with one explorer; it loads nothing from anywhere, and its policy forbids it to.

    Args:
        packed: the data; its title is the page's.
        state: what the explorer shows first.
        still: what is in `state` as a picture, for where scripts are off; None: only a sentence says so.

    Returns:
        HTML that opens from a file, without a network.

    Example:
        >>> from sisa_viz.examples import example_trace
        >>> from sisa_viz.explorer.pack import pack
        >>> from sisa_viz.explorer.packed import Still
        >>> from sisa_viz.explorer.page import page
        >>> from sisa_viz.explorer.state import ExplorerState
        >>> trace = example_trace()
        >>> still = Still(png=b"", words="content and weights")
        >>> text = page(pack(trace, title="B & C"), ExplorerState(trace).as_dict(), still=still)
        >>> "<title>B &amp; C</title>" in text, "default-src 'none'" in text
        (True, True)
    """
    title = html.escape(packed.meta["title"])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{title}</title>\n{assets()}</head>\n"
        f'<body class="sisa-x-page">\n{fragment(packed, state, name="page", still=still)}</body>\n</html>\n'
    )
