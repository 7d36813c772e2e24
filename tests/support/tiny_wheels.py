"""Wheels of a few hundred bytes, which pip takes like any other."""

import zipfile
from pathlib import Path


def tiny_wheel(folder: Path, name: str, *needs: str, tag: str = "py3-none-any", version: str = "1.0") -> Path:
    """A wheel with one module that holds its own name."""
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"{name}-{version}-{tag}.whl", f"{name}-{version}.dist-info"
    lines = [f"Requires-Dist: {line}\n" for line in needs]
    wanted = [f"Provides-Extra: {line.split(chr(34))[1]}\n" for line in needs if "extra ==" in line]
    files = {
        f"{name}.py": f"NAME = {name!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join([*lines, *wanted]),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(file, text)
    return path
