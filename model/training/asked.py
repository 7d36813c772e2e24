"""What a run was asked: read from its folder, and compared with what is asked now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from data.refusal import refusal


def differences(noted: Mapping[str, object], asked: Mapping[str, object]) -> list[str]:
    """Return the fields in which what was noted of a run differs from what is asked now, in words.

    Both are compared as JSON would hold them. Whole groups that were not noted are not compared, because
    earlier versions noted less.

    Args:
        noted: fields by name, nested as in config.json.
        asked: fields of the same kind; more of them may be there.

    Example:
        >>> differences({"model": {"d_state": 4}}, {"model": {"d_state": 8}, "seed": 0})
        ['model.d_state: 4 there, 8 here']
    """
    same = {name: asked.get(name) for name in noted}
    old, new = _flat(noted), _flat(json.loads(json.dumps(same)))
    fields = [name for name in sorted(old | new) if old.get(name) != new.get(name)]
    return [f"{name}: {old.get(name)!r} there, {new.get(name)!r} here" for name in fields]


def read_json(path: Path, *, step: str) -> object:
    """Return what a JSON file of a run holds.

    Args:
        path: the file.
        step: a whole sentence that says what to do where the file is damaged.

    Raises:
        ValueError: it is no JSON, or no text; names the file and the next step.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "config.json").write_text('{"seed": ')
        ...     read_json(Path(folder, "config.json"), step="Put it back from a copy.")
        Traceback (most recent call last):
        ValueError: .../config.json is 'not JSON: Expecting value: ...'; legal: a whole JSON file. ...
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no JSON, or no text at all
        came, step = f"not JSON: {error}", f"It may have been cut off. {step}"
        raise refusal(str(path), came, legal="a whole JSON file", step=step) from error


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    """Return nested mappings as one, with dotted names: {"model": {"d_state": 4}} as {"model.d_state": 4}."""
    if not isinstance(value, Mapping):
        return {prefix: value}
    flat: dict[str, object] = {}
    for name, inner in value.items():
        flat |= _flat(inner, f"{prefix}.{name}" if prefix else str(name))
    return flat
