"""Write the folder of `make usb`: all that laptops need to install the workshop without a network."""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import platform
import re
import shutil
import string
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from install import SPARE, platform_name
from packaging.requirements import Requirement
from wheels import PLATFORMS, PURE, Missing, Shelf, Target, gather, read_pins

from data.commands import one_line
from data.files import write_aside
from data.refusal import folder_path, one_of, refusal

ROOM = Path(__file__).resolve().parent
PROJECT = ROOM.parents[2]
WORKSHOP = Requirement("sisa-lens[workshop]")
SUMS = "SHA256SUMS"
MB = 10**6
LAPTOPS = {  # what a person calls them
    "linux-x86_64": "Linux, Intel or AMD",
    "linux-aarch64": "Linux, ARM",
    "macos-arm64": "macOS, Apple’s processor",
    "macos-x86_64": "macOS, Intel",
    "windows-x86_64": "Windows, Intel or AMD",
}


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def targets(platforms: str, pythons: str) -> list[Target]:
    """What the words of both options ask for; this machine's where there is none.

    Raises:
        ValueError: a platform that is not known, a Python that is none or too old.
    """
    here = platform_name(platform.system(), platform.machine())
    asked = []
    for name in platforms.split() or [here]:
        one_of("PLATFORMS", name, tuple(PLATFORMS))
        for python in pythons.split() or [f"{sys.version_info[0]}.{sys.version_info[1]}"]:
            if not re.fullmatch(r"3\.[1-9][0-9]", python) or int(python[2:]) < 11:
                step = 'For example: make usb PYTHONS="3.11 3.12".'
                raise refusal("PYTHONS", python, legal="3.11 and newer, without a third number", step=step)
            asked.append(Target(name, python))
    return list(dict.fromkeys(asked))


def build_own_wheel(shelf: Shelf) -> None:
    """Put the wheel of this checkout on the shelf, in place of an older one.

    Raises:
        RuntimeError: it cannot be built.
    """
    place = shelf.folder / PURE
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=shelf.folder, prefix=".part-") as aside:
        command = [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            aside,
            str(PROJECT),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"the project's own wheel cannot be built: {done.stderr or done.stdout}")
        for older in place.glob("sisa_lens-*.whl"):
            older.unlink()
        for wheel in Path(aside).glob("*.whl"):
            wheel.replace(place / wheel.name)


def collect(asked: list[Target], shelf: Shelf) -> dict[Target, list[Path]]:
    """The wheels of every target, downloaded as far as they are not there.

    Raises:
        RuntimeError: wheels are missing; names every one with its platform and Python.
    """
    pins = read_pins(PROJECT / "requirements.lock")
    found: dict[Target, list[Path]] = {}
    missing: list[str] = []
    for target in asked:
        began = time.monotonic()
        try:
            found[target] = sorted(gather(WORKSHOP, target, pins=pins, shelf=shelf).values())
        except Missing as error:
            missing += error.lines
            continue
        print(f"{target}: {len(found[target])} wheels, {time.monotonic() - began:.0f} s", flush=True)
    if missing:
        step = "Leave out what cannot be had; the rest is kept for the next try."
        raise RuntimeError(f"{' '.join(missing)} {step}")
    return found


def record(folder: Path, target: Target, wheels: list[Path]) -> dict[str, object]:
    """Write the requirements of a target; what install.py has to know of it."""
    lines, unpacked, longest = [], 0, 0
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        lines.append(f"{name}=={version} --hash=sha256:{digest_of(wheel)}\n")
        with zipfile.ZipFile(wheel) as archive:
            unpacked += sum(entry.file_size for entry in archive.infolist())
            longest = max(longest, *(len(entry.filename) for entry in archive.infolist()))
    requirements = f"requirements-{target.platform}-{target.python}.txt"
    with write_aside(folder / requirements) as aside:
        aside.write_text("".join(lines), encoding="utf-8", newline="\n")
    return {
        "platform": target.platform,
        "python": target.python,
        "requirements": requirements,
        "wheels": [wheel.relative_to(folder).as_posix() for wheel in wheels],
        "bytes": sum(wheel.stat().st_size for wheel in wheels),
        "unpacked": unpacked,
        "longest_path": longest,
    }


def source_notebooks(project: Path) -> list[Path]:
    """The notebooks to hand out: the students' copies, else the workshop's, else the first of the project."""
    for folder in (project / "out" / "workshop" / "student", project / "notebooks" / "workshop"):
        if found := sorted(folder.glob("*.ipynb")):
            return found
    return [project / "notebooks" / "01_explore_scores.ipynb"]


def copy_all(paths: Iterable[Path], folder: Path) -> list[str]:
    """Copy files into a folder that holds nothing else afterwards; their names."""
    shutil.rmtree(folder, ignore_errors=True)
    copied = [path for path in paths if path.is_file()]
    for path in copied:
        folder.mkdir(exist_ok=True)
        shutil.copyfile(path, folder / path.name)
    return [path.name for path in copied]


def start_page(template: str, sets: list[dict], pages: list[str]) -> str:
    """START.html, for the sets and pages that are on the stick."""
    by_platform: dict[str, list[dict]] = {}
    for entry in sets:
        by_platform.setdefault(entry["platform"], []).append(entry)
    rows = "\n".join(
        f"<tr><td>{LAPTOPS[name]}</td><td>{', '.join(html.escape(entry['python']) for entry in here)}</td>"
        f'<td class="number">{max(entry["bytes"] for entry in here) / MB:,.0f}</td>'
        f'<td class="number">{max(entry["unpacked"] for entry in here) * SPARE / MB:,.0f}</td></tr>'
        for name, here in by_platform.items()
    )
    links = "\n".join(
        f'<li><a href="pages/{quote(name)}">{html.escape(Path(name).stem.replace("_", " "))}</a></li>'
        for name in pages
        if name.endswith(".html")
    )
    shown = f"<h2>Pages that need no installation</h2>\n<ul>\n{links}\n</ul>" if links else ""
    return string.Template(template).substitute(rows=rows, pages=shown)


def finish(folder: Path, sets: list[dict]) -> None:
    """Write everything beside the wheels, remove wheels that nobody asks for, and sum up all files."""
    wanted = {name for entry in sets for name in entry["wheels"]}
    for wheel in (folder / "wheels").glob("*/*.whl"):
        if wheel.relative_to(folder).as_posix() not in wanted:
            wheel.unlink()
    for old in folder.glob("requirements-*.txt"):
        if old.name not in {entry["requirements"] for entry in sets}:
            old.unlink()
    copy_all(source_notebooks(PROJECT), folder / "notebooks")
    pages = copy_all(sorted((PROJECT / "out" / "workshop" / "pages").glob("*")), folder / "pages")
    for name in ("install.py", "start.py"):
        shutil.copyfile(ROOM / name, folder / name)
    template = (ROOM / "START.html").read_text(encoding="utf-8")
    start = start_page(template, sets, pages)
    texts = {"START.html": start, "stick.json": json.dumps({"sets": sets}, indent=1)}
    for name, text in texts.items():
        with write_aside(folder / name) as aside:
            aside.write_text(text, encoding="utf-8", newline="\n")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [f"{digest_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    with write_aside(folder / SUMS) as aside:  # last: a stick without it is unfinished
        aside.write_text("".join(lines), encoding="utf-8", newline="\n")


def sizes(folder: Path, sets: list[dict]) -> str:
    """A table of what each set and the whole folder weigh, in MB of a million bytes."""
    lines = [f"{'platform':16} {'Python':6} {'wheels, MB':>10} {'unpacked, MB':>12}"]
    for entry in sets:
        size, unpacked = entry["bytes"] / MB, entry["unpacked"] / MB
        lines.append(f"{entry['platform']:16} {entry['python']:6} {size:10,.0f} {unpacked:12,.0f}")
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MB
    return "\n".join([*lines, f"the whole folder, where sets share wheels: {total:,.0f} MB"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--platforms", default="", help="words, of: " + ", ".join(PLATFORMS))
    parser.add_argument("--pythons", default="", help="words such as 3.12; default: the one that runs this")
    parser.add_argument("--out", default="out/usb")
    given = parser.parse_args()
    asked = targets(given.platforms, given.pythons)
    folder = folder_path("--out", given.out).resolve()
    began, shelf = time.monotonic(), Shelf(folder / "wheels")
    shelf.folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMS).unlink(missing_ok=True)
    for unfinished in shelf.folder.glob(".part-*"):
        shutil.rmtree(unfinished)
    build_own_wheel(shelf)
    sets = [record(folder, target, wheels) for target, wheels in collect(asked, shelf).items()]
    finish(folder, sets)
    print(f"{sizes(folder, sets)}\nwritten in {time.monotonic() - began:.0f} s\n{folder / 'START.html'}")


if __name__ == "__main__":
    with one_line("notebooks/workshop/stick/build.py"):
        main()
