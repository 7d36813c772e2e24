"""The explorer's module and style sheet, as text.

The module is the files of js/ joined in the order of their imports: one ES module, which a notebook, a page
and the page's Web Worker all load unchanged. Files import each other by relative paths, so that tests can
load them alone. Joining understands one form of import, `import { a, b } from "./folder/file.js";` on a line
of its own, and refuses every other: an import that stayed in the module would ask the network for a file.
"""

import posixpath
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from data.refusal import refusal

FOLDER = files("sisa_viz.explorer")
IMPORT_LINE = re.compile(r'^import \{ (\w+(?:, \w+)*) \} from "(\.{1,2}/[\w./]+\.js)";$')
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
EXPORTED = re.compile(r"^export (?:async )?(?:const|let|function|class) (\w+)", re.MULTILINE)
DECLARED = re.compile(
    r"^(?:export (?:default )?)?(?:async )?(?:const|let|function|class) (\w+)", re.MULTILINE
)
COMMENT = re.compile(r"^ *(?://[^\n]*|/\*.*?\*/)\n", re.MULTILINE | re.DOTALL)  # on lines of its own
MODULE_STATEMENT = re.compile(r"^\s*(?:import\b(?!\s*\()|export\s*[{*])|\bfrom\s*[\"']", re.MULTILINE)
ENTRY = "index.js"
PUBLIC = ("mountAll",)


@cache
def module() -> str:
    """Return the explorer's JavaScript as one ES module.

    Its exports are `default`, which anywidget mounts, and `mountAll`, which a page calls. It imports nothing.

    Returns:
        Source text of under 160 kB.

    Raises:
        ValueError: a file imports what cannot be joined; see `join`.

    Example:
        >>> from sisa_viz.explorer.assets import module
        >>> module().endswith("export { mountAll };\\n")
        True
    """
    return join(scripts(FOLDER), ENTRY) + f"\nexport {{ {', '.join(PUBLIC)} }};\n"


def join(sources: dict[str, str], entry: str) -> str:
    """Join JavaScript files into one text, imported files first and each once.

    Imports are removed and `export` is dropped from declarations, because all files now share one scope; a
    default export stays. Comments are for readers of the files, and are left out.

    Args:
        sources: source text by path, such as "view/panel.js".
        entry: the path to begin with.

    Raises:
        ValueError: an import has another form, names what is not there, or closes a circle; or two files
            declare one name.

    Example:
        >>> first = 'import { b } from "./maths/b.js";\\nuse(b);'
        >>> sources = {"a.js": first, "maths/b.js": "export const b = 1;"}
        >>> print(join(sources, "a.js"))
        const b = 1;
        use(b);
    """
    order: dict[str, str] = {}
    _collect(entry, sources, order, path=())
    _check_names({name: sources[name] for name in order})
    return "\n".join(order.values())


@cache
def style() -> str:
    """Return the style sheet of the explorer; every rule starts at the class sisa-x.

    A page may therefore hold it beside its own rules: nothing outside an explorer changes its look.

    Example:
        >>> from sisa_viz.explorer.assets import style
        >>> ".sisa-x" in style()
        True
    """
    return FOLDER.joinpath("explorer.css").read_text(encoding="utf-8")


def scripts(folder: Traversable) -> dict[str, str]:
    """Return the JavaScript files of a room, as `join` takes them.

    Args:
        folder: one with a folder js/, such as `FOLDER`.

    Returns:
        Source text by path below js/, with forward slashes on every system.

    Example:
        >>> list(scripts(FOLDER))[:2]
        ['address.js', 'comparison.js']
    """
    top = folder.joinpath("js")
    folders = [("", top)] + [(f"{each.name}/", each) for each in top.iterdir() if each.is_dir()]
    found = {
        f"{at}{file.name}": file for at, of in folders for file in of.iterdir() if file.name.endswith(".js")
    }
    return {name: found[name].read_text(encoding="utf-8") for name in sorted(found)}


def _collect(name: str, sources: dict[str, str], order: dict[str, str], *, path: tuple[str, ...]) -> None:
    """Add a file's own text to `order`, after that of the files it imports."""
    kept: list[str] = []
    for line in sources[name].split("\n"):
        found = IMPORT_LINE.match(line)
        if found is None:
            kept.append(line)
            continue
        imported = posixpath.normpath(posixpath.join(posixpath.dirname(name), found[2]))
        _check_import(line, imported, found[1].split(", "), sources, path=(*path, name))
        if imported not in order:
            _collect(imported, sources, order, path=(*path, name))
    own = COMMENT.sub("", "\n".join(kept))
    other = MODULE_STATEMENT.search(own)
    if other is not None:
        legal = 'import { a, b } from "./file.js"; and export before a declaration, each on a line of its own'
        raise refusal(name, other[0].strip(), legal=legal, step="Write it in that form.")
    order[name] = EXPORT.sub("", own)


def _check_import(
    line: str, imported: str, names: list[str], sources: dict[str, str], *, path: tuple[str, ...]
) -> None:
    if imported not in sources:
        raise refusal(path[-1], line, legal=", ".join(sorted(sources)), step="Correct the path.")
    if imported in path:
        raise refusal(path[-1], line, legal="files without a circle", step="Move what both need to a third.")
    exported = EXPORTED.findall(sources[imported])
    lacking = [name for name in names if name not in exported]
    if lacking:
        legal = f"what {imported} exports: {', '.join(exported)}"
        raise refusal(path[-1], line, legal=legal, step=f"Export {', '.join(lacking)} there.")


def _check_names(sources: dict[str, str]) -> None:
    """Refuse one name at the top of two files, which the joined module would declare twice."""
    owner: dict[str, str] = {}
    for file, source in sources.items():
        for name in DECLARED.findall(source):
            if owner.setdefault(name, file) != file:
                legal = "a name that no other file declares at its top"
                raise refusal(
                    file, name, legal=legal, step=f"It is declared in {owner[name]} too; rename one."
                )
