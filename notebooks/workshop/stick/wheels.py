"""Which wheels a laptop of the workshop needs, and how they come into the stick's folder."""

from __future__ import annotations

import email
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename

CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # PyPI's torch for Linux brings CUDA, 2 GB more
NOT_THERE = ("No matching distribution", "ResolutionImpossible")  # what pip says of a wheel that no index has
PURE = "any"  # folder of the wheels that fit every platform
# asked for, but neither imported nor used in a workshop; tests/stick proves the rest enough
LEFT_OUT = {
    "sisa-lens": {"matplotlib"},  # figures for paper
    "transformer-lens": {
        # wandb is large, transformers-stream-generator has no wheel, nothing imports the others
        *("beartype", "fancy-einsum", "protobuf", "sentencepiece", "transformers-stream-generator"),
        *("typeguard", "wandb"),
    },
    "huggingface-hub": {"hf-xet"},  # quicker downloads
    "ipykernel": {"debugpy"},  # the debugger; without it a kernel offers none
    "ipywidgets": {"widgetsnbextension"},  # for the classic notebook, not for JupyterLab
}


class Platform(NamedTuple):
    """A kind of laptop, as pip and as the markers of requirements name it."""

    tags: tuple[str, ...]
    sys_platform: str
    os_name: str
    system: str
    machine: str


class Target(NamedTuple):
    """What one set of wheels serves: a platform and a Python, such as linux-x86_64 and 3.11."""

    platform: str
    python: str

    def __str__(self) -> str:
        return f"Python {self.python} on {self.platform}"


class Missing(Exception):
    """Some wheels are not to be had; `lines` has a sentence for each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def linux_tags(machine: str) -> tuple[str, ...]:
    """Tags of wheels for glibc 2.28 and older, so for every Linux since Debian 10 and Ubuntu 18.10."""
    eras = [*(f"manylinux_2_{minor}" for minor in range(28, 4, -1)), "manylinux2014", "manylinux2010"]
    return tuple(f"{era}_{machine}" for era in (*eras, "manylinux1", "linux"))


PLATFORMS = {
    "linux-x86_64": Platform(linux_tags("x86_64"), "linux", "posix", "Linux", "x86_64"),
    "linux-aarch64": Platform(linux_tags("aarch64"), "linux", "posix", "Linux", "aarch64"),
    "macos-arm64": Platform(tuple(mac_platforms((14, 0), "arm64")), "darwin", "posix", "Darwin", "arm64"),
    "macos-x86_64": Platform(tuple(mac_platforms((14, 0), "x86_64")), "darwin", "posix", "Darwin", "x86_64"),
    "windows-x86_64": Platform(("win_amd64",), "win32", "nt", "Windows", "AMD64"),
}


def tags_of(target: Target) -> frozenset[Tag]:
    """Every tag of a wheel that the target can install."""
    major, minor = map(int, target.python.split("."))
    platforms = PLATFORMS[target.platform].tags
    compiled = cpython_tags((major, minor), platforms=platforms)
    return frozenset([*compiled, *compatible_tags((major, minor), f"cp{major}{minor}", platforms)])


def marker_environment(target: Target, extra: str) -> dict[str, str]:
    """What the markers of requirements are asked about, for a laptop and not for this machine."""
    platform = PLATFORMS[target.platform]
    return {
        "os_name": platform.os_name,
        "sys_platform": platform.sys_platform,
        "platform_system": platform.system,
        "platform_machine": platform.machine,
        "platform_release": "",
        "platform_version": "",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "implementation_version": f"{target.python}.0",
        "python_version": target.python,
        "python_full_version": f"{target.python}.0",
        "extra": extra,
    }


def needs(wheel: Path, target: Target, extra: str) -> Iterator[Requirement]:
    """What a wheel asks for on the target, less what is left out."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    environment = marker_environment(target, extra)
    left_out = LEFT_OUT.get(canonicalize_name(metadata["Name"]), set())
    for line in map(Requirement, metadata.get_all("Requires-Dist") or []):
        wanted = line.marker is None or line.marker.evaluate(environment)
        if wanted and canonicalize_name(line.name) not in left_out:
            yield line


def read_pins(lock: Path) -> dict[str, str]:
    """Version by canonical name, of requirements.lock."""
    pairs = [line.split("==") for line in lock.read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def pinned(requirement: Requirement, target: Target, pins: dict[str, str]) -> Requirement:
    """A requirement as it is asked for: at the lock's version, torch for Linux without CUDA.

    What the lock, made on Linux, does not have (pywinpty, appnope) keeps its own range.
    """
    name = canonicalize_name(requirement.name)
    if name not in pins:
        return Requirement(f"{name}{requirement.specifier}")
    cpu = "+cpu" if name == "torch" and target.platform.startswith("linux") else ""
    return Requirement(f"{name}=={pins[name]}{cpu}")


class Shelf:
    """The folder `wheels` of a stick: pure wheels in one folder, compiled ones by platform."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, requirement: Requirement, target: Target) -> Path | None:
        """The newest whole wheel there that serves, or None."""
        tags, found = tags_of(target), []
        for place in (PURE, target.platform):
            for path in (self.folder / place).glob("*.whl"):
                name, version, _, own = parse_wheel_filename(path.name)
                fits = name == canonicalize_name(requirement.name) and not tags.isdisjoint(own)
                if fits and serves(requirement.specifier, str(version)) and zipfile.is_zipfile(path):
                    found.append((version, path))
        return max(found)[1] if found else None

    def fetch(self, requirements: Iterable[Requirement], target: Target) -> dict[str, Path]:
        """Wheels by canonical name; those that are not there are downloaded, each appears whole.

        Raises:
            Missing: no index that pip knows has a wheel for the target.
        """
        wanted = list(requirements)
        lacking = [requirement for requirement in wanted if self.find(requirement, target) is None]
        special = [requirement for requirement in lacking if "+cpu" in str(requirement.specifier)]
        missing = []
        for batch in (special, [requirement for requirement in lacking if requirement not in special]):
            index = ("--extra-index-url", CPU_INDEX) if batch is special else ()
            missing += self.download(batch, target, index) if batch else []
        if missing:
            raise Missing(missing)
        paths = {canonicalize_name(line.name): self.find(line, target) for line in wanted}
        return {name: path for name, path in paths.items() if path is not None}

    def download(self, batch: list[Requirement], target: Target, index: tuple[str, ...]) -> list[str]:
        """Put wheels on the shelf; the sentences for those that cannot be had."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".part-") as aside:
            said = pip_download([str(line) for line in batch], target, Path(aside), index)
            self.put(Path(aside), target)
        if not said:
            return []
        if len(batch) > 1:  # pip stops at the first that it cannot find
            return [line for one in batch for line in self.download([one], target, index)]
        return [f"{batch[0]}: no wheel for {target}. {said}"]

    def put(self, aside: Path, target: Target) -> None:
        """Move downloaded wheels to their places."""
        for wheel in aside.glob("*.whl"):
            place = self.folder / (PURE if wheel.stem.endswith("-none-any") else target.platform)
            place.mkdir(exist_ok=True)
            wheel.replace(place / wheel.name)


def serves(specifier: SpecifierSet, version: str) -> bool:
    """Whether a version is the one asked for; 2.13.0+cpu is not 2.13.0 here, as its wheel is another."""
    exact = [part.version for part in specifier if part.operator == "=="]
    return exact[0] == version if exact else specifier.contains(version)


def pip_download(wanted: list[str], target: Target, folder: Path, index: tuple[str, ...]) -> str:
    """Download with pip; "" if all went well, else what pip said."""
    platforms = [f"--platform={tag}" for tag in PLATFORMS[target.platform].tags]
    options = ["--no-deps", "--only-binary=:all:", "--retries=1", "--quiet", *index, *platforms]
    command = [sys.executable, "-m", "pip", "download", *options, "--python-version", target.python]
    done = subprocess.run([*command, "--dest", str(folder), *wanted], capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    asked = f" {CPU_INDEX} did not answer." if index and "connection broken" in done.stderr else ""
    said = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR:")]
    if not said or any(sign in said[-1] for sign in NOT_THERE):
        return f"No index that pip knows has one.{asked}"
    return f"pip says: {said[-1]}{asked}"


def gather(root: Requirement, target: Target, *, pins: dict[str, str], shelf: Shelf) -> dict[str, Path]:
    """All wheels that a target needs, by canonical name, fetched as far as they are not there.

    What a wheel needs stands in the wheel: each round downloads what the wheels of the last one ask for, with
    the markers of the target, which pip would ask about this machine.

    Raises:
        Missing: a wheel cannot be had.
    """
    wheels: dict[str, Path] = {}
    seen: set[tuple[str, str]] = set()
    layer = [root]
    while layer:
        new = {canonicalize_name(line.name): line for line in layer}
        new = {name: pinned(line, target, pins) for name, line in new.items() if name not in wheels}
        wheels |= shelf.fetch(new.values(), target)
        following: list[Requirement] = []
        for line in layer:
            name = canonicalize_name(line.name)
            for extra in ("", *sorted(line.extras)):
                if (name, extra) not in seen:
                    seen.add((name, extra))
                    following += needs(wheels[name], target, extra)
        layer = following
    return wheels
