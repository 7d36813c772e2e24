"""Install the workshop from this stick, without a network: python3 install.py [FOLDER].

Needs Python 3.11 or newer and nothing else. Makes FOLDER (default: sisa-workshop in your home folder) with an
environment in FOLDER/venv and the notebooks in FOLDER/notebooks. Start it again as often as you like: what is
there stays, your notebooks too.
"""

from __future__ import annotations  # read by Python 3.7 too, so that an old one is told what it lacks

import argparse
import hashlib
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

STICK = Path(__file__).resolve().parent
DONE = "sisa-workshop.txt"  # in the environment; names the requirements that are installed in it whole
SYSTEMS = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}
MACHINES = {"amd64": "x86_64", "aarch64": "arm64"}
OLDEST_GLIBC, OLDEST_MACOS = (2, 28), (14,)
UNSAID_MACOS = (10, 16)  # what macOS tells old programs, whatever it is
WINDOWS_LONGEST = 259  # characters of a path, unless Windows was told otherwise
SPARE = 1.2  # room for what is compiled and written later
SETTINGS = {  # JupyterLab would ask about news and look for updates
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}
PAGES = "The pages in the folder pages need no installation."
CHECK = """
import jupyterlab, lightning
from model import capture, load
from sisa_viz import plot_scores
trace = capture(load("niah"), "The secret number is 4821. The secret number is")
plot_scores(trace, layer=1, head=4)
print(trace.sisa.importance(layer=1, head=4).sizes)
"""


class Problem(Exception):
    """Something that the person at the laptop can cure; the message says how."""


def version_of(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: "14.6.1" becomes (14, 6, 1)."""
    numbers: list[int] = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def platform_name(system: str, machine: str) -> str:
    """This laptop as the stick's folders name it, for example linux-x86_64."""
    kind = MACHINES.get(machine.lower(), machine.lower())
    name = SYSTEMS.get(system, system.lower())
    return "linux-aarch64" if (name, kind) == ("linux", "arm64") else f"{name}-{kind}"


def check_python(version: tuple[int, int], bits: int) -> None:
    """Refuse a Python that no wheel of any stick serves."""
    if version < (3, 11):
        raise Problem(
            f"This is Python {version[0]}.{version[1]}; the workshop needs 3.11 or newer. Start the same "
            "command with a newer one, for example: python3.12 install.py. python.org has installers."
        )
    if bits < 64:
        raise Problem(
            f"This Python has {bits} bits, and PyTorch needs 64. Install the 64-bit Python from python.org "
            "and start the same command with it."
        )


def check_system(name: str, libc: tuple[str, str], macos: str) -> None:
    """Refuse a system that is too old for the wheels of its platform, or that has another C library."""
    if name.startswith("linux") and (libc[0] != "glibc" or version_of(libc[1]) < OLDEST_GLIBC):
        found = " ".join(libc).strip() or "another C library, such as musl"
        raise Problem(
            "The wheels need glibc 2.28 or newer (Debian 10, Ubuntu 20.04, Fedora 29 and later); this system "
            f"has {found}. {PAGES}"
        )
    told = version_of(macos)
    if name.startswith("macos") and told[:2] != UNSAID_MACOS and told < OLDEST_MACOS:
        raise Problem(f"The wheels need macOS 14 or newer; this is {macos}. {PAGES}")


def choose(sets: list[dict], name: str, python: str) -> dict:
    """The set of wheels for a platform and a Python, of those on the stick."""
    hints = {
        "windows-arm64": "Python for x86-64 runs on this Windows too: install it and start again with it.",
        "macos-x86_64": "If this Mac has Apple's own processor, this Python was made for Intel's: install "
        "one from python.org and start again with it. For Intel's there is no current PyTorch.",
    }
    here = [entry for entry in sets if entry["platform"] == name]
    if not here:
        there = ", ".join(sorted({entry["platform"] for entry in sets}))
        raise Problem(f"This laptop is {name}, and this stick serves {there}. {hints.get(name, PAGES)}")
    for entry in here:
        if entry["python"] == python:
            return entry
    versions = [entry["python"] for entry in here]
    raise Problem(
        f"This is Python {python}; for {name} this stick serves {', '.join(versions)}. Start the same "
        f"command with one of these, for example: python{versions[-1]} install.py"
    )


def check_room(folder: Path, entry: dict, windows: bool) -> None:
    """Refuse a disk that is too full, and on Windows a folder whose paths would get too long."""
    existing = next(part for part in (folder, *folder.parents) if part.exists())
    if not existing.is_dir() or not os.access(str(existing), os.W_OK):
        raise Problem(f"{existing} cannot be written to. Name another folder: install.py FOLDER")
    free, needed = shutil.disk_usage(str(existing)).free, int(entry["unpacked"] * SPARE)
    if free < needed:
        raise Problem(
            f"{free // 10**6} MB are free where {folder} lies, and {needed // 10**6} MB are needed. Free "
            "some space, or name a folder on another disk: install.py FOLDER"
        )
    longest = len(str(folder / "venv" / "Lib" / "site-packages")) + 1 + entry["longest_path"]
    if windows and longest > WINDOWS_LONGEST:
        raise Problem(
            f"Paths below {folder} would have {longest} characters, and Windows takes {WINDOWS_LONGEST}. "
            "Name a folder with a shorter path, for example: py install.py C:\\sisa"
        )


def verify(stick: Path, names: list[str]) -> None:
    """Refuse files that are not what was written to the stick."""
    lines = (stick / "SHA256SUMS").read_text(encoding="utf-8", errors="replace").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in names:
        path, digest = stick / name, hashlib.sha256()
        try:
            with path.open("rb") as file:
                for block in iter(lambda file=file: file.read(1 << 20), b""):
                    digest.update(block)
            whole = digest.hexdigest() == sums.get(name)
        except OSError:
            whole = False
        if not whole:
            step = "Copy the folder anew, or take another stick."
            raise Problem(f"{name} on the stick is damaged or missing. {step}")


def interpreter(folder: Path) -> Path:
    """The Python of the folder's environment."""
    return folder.joinpath("venv", *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))


def run(command: list[object], what: str) -> str:
    """Run a command and return what it printed; a failure shows its last lines."""
    # what the laptop's owner has set for pip or Python elsewhere has no say here
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
    environment.update(PIP_CONFIG_FILE=os.devnull, PIP_DISABLE_PIP_VERSION_CHECK="1", PYTHONUTF8="1")
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-15:])
        raise Problem(f"{what} failed:\n{last}\nShow this to whoever holds the workshop.")
    return done.stdout


def is_done(stick: Path, folder: Path, entry: dict) -> bool:
    """Whether exactly the wheels of this stick are installed there, and were tried out."""
    done = folder / "venv" / DONE
    return done.is_file() and done.read_bytes() == (stick / entry["requirements"]).read_bytes()


def make_environment(stick: Path, folder: Path, entry: dict) -> None:
    """Build the environment; what an unfinished or older installation left is removed first."""
    venv = folder / "venv"
    if venv.exists():
        if not (venv / "pyvenv.cfg").is_file():
            raise Problem(f"{venv} is there and is no environment of Python. Name another folder.")
        print("An earlier installation is unfinished or of another stick; it is made anew.", flush=True)
        shutil.rmtree(str(venv))
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        raise Problem(
            "This Python cannot make environments; Debian and Ubuntu have that in a package of its own. "
            f"Install it: sudo apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    run([sys.executable, "-m", "venv", venv], "Making an environment")
    places = [f"--find-links={stick / 'wheels' / place}" for place in ("any", entry["platform"])]
    # every version is named, so pip has nothing to resolve; what notebooks import the first try compiles
    options = ["--no-index", "--no-deps", "--no-compile", "--quiet", *places]
    pip = [interpreter(folder), "-m", "pip", "install", *options]
    run([*pip, "-r", stick / entry["requirements"]], "Installing")
    settings = venv.joinpath("share", "jupyter", "lab", "settings")
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "overrides.json").write_text(json.dumps(SETTINGS), encoding="utf-8")


def copy_notebooks(stick: Path, folder: Path) -> None:
    """Copy notebooks and start.py; a notebook that is there stays as it is."""
    target = folder / "notebooks"
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted((stick / "notebooks").glob("*.ipynb")):
        if not (target / path.name).exists():
            aside = target / f".{path.name}.part"
            shutil.copyfile(str(path), str(aside))
            os.replace(str(aside), str(target / path.name))
    shutil.copyfile(str(stick / "start.py"), str(folder / "start.py"))


def install(stick: Path, folder: Path) -> None:
    """Install from a stick into a folder, or find it installed; either way it is tried out."""
    python = sys.version_info[:2]
    check_python(python, struct.calcsize("P") * 8)
    name = platform_name(platform.system(), platform.machine())
    check_system(name, platform.libc_ver(), platform.mac_ver()[0])
    if not (stick / "SHA256SUMS").is_file():
        raise Problem("The stick is unfinished, without SHA256SUMS. Copy the whole folder, or make it anew.")
    verify(stick, ["stick.json"])
    sets = json.loads((stick / "stick.json").read_text(encoding="utf-8"))["sets"]
    entry = choose(sets, name, f"{python[0]}.{python[1]}")
    notebooks = [f"notebooks/{path.name}" for path in (stick / "notebooks").glob("*.ipynb")]
    verify(stick, [entry["requirements"], "start.py", *notebooks])
    if is_done(stick, folder, entry):
        print(f"Installed already in {folder}.", flush=True)
    else:
        check_room(folder, entry, os.name == "nt")
        print(f"Checking {entry['bytes'] // 10**6} MB on the stick ...", flush=True)
        verify(stick, entry["wheels"])
        print(f"Installing into {folder}: a few minutes ...", flush=True)
        make_environment(stick, folder, entry)
    copy_notebooks(stick, folder)
    print("Trying it out: a model reads a text ...", flush=True)
    run([interpreter(folder), "-c", CHECK], "Trying it out")
    shutil.copyfile(str(stick / entry["requirements"]), str(folder / "venv" / DONE))


def main() -> None:
    reader = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=reader)
    parser.add_argument("folder", nargs="?", default="~/sisa-workshop")
    folder = Path(os.path.abspath(os.path.expanduser(parser.parse_args().folder)))
    began = time.time()
    try:
        install(STICK, folder)
    except Problem as problem:
        sys.exit(f"\n{problem}")
    except OSError as error:
        sys.exit(f"\n{error}. Start the same command again once that is cured.")
    except KeyboardInterrupt:
        sys.exit("\nStopped. Start the same command again: it begins anew what is unfinished.")
    python = "py" if os.name == "nt" else "python3"
    print(f'Ready after {time.time() - began:.0f} s. Start with: {python} "{folder / "start.py"}"')


if __name__ == "__main__":
    main()
