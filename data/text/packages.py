"""Installed Python packages: their names, versions and files, and the ones that a lock pins."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from data.refusal import file_path, refusal


def installed() -> dict[str, Distribution]:
    """Return every installed distribution by its canonical name, sorted by name.

    A canonical name is lower case with single dashes, as package indexes compare names: `Foo_.Bar` and
    `foo-bar` are one distribution.

    Example:
        >>> "lazy-loader" in installed()
        True
    """
    named = [(item.metadata["Name"], item) for item in distributions()]
    found = {canonicalize_name(name): item for name, item in named if name}
    return dict(sorted(found.items()))


def package_files(distribution: Distribution) -> list[Path]:
    """Return the Python files that a distribution installed.

    They are sorted by their path inside the distribution, so that their order does not depend on where it
    is installed. Scripts outside the package's folder, which have `..` in their path, are left out.

    Args:
        distribution: an installed distribution, such as `installed()["numpy"]`.

    Example:
        >>> from importlib.metadata import distribution
        >>> [path.name for path in package_files(distribution("lazy-loader"))]
        ['__init__.py']
    """
    files = [path for path in distribution.files or [] if path.suffix == ".py" and ".." not in path.parts]
    return [Path(str(distribution.locate_file(path))) for path in sorted(files, key=str)]


def asked_packages(packages: Sequence[str] | None, lock: str | Path | None) -> dict[str, str] | None:
    """Return the version of each package that a caller asked for, or None where nothing was asked for.

    Args:
        packages: names of distributions, all of which must be installed, in any order and spelling.
        lock: a requirements file instead; of its pins those count that are installed.

    Raises:
        ValueError: if both are given, or a package is not installed.

    Example:
        >>> list(asked_packages(["Packaging", "lazy_loader"], None))
        ['lazy-loader', 'packaging']
        >>> asked_packages(["no-such-package"], None)
        Traceback (most recent call last):
        ValueError: packages is ['no-such-package']; legal: names of installed distributions. Install ...
    """
    if packages is not None and lock is not None:
        raise refusal(
            "packages and lock",
            (list(packages), str(lock)),
            legal="one of the two, or neither",
            step="Add locked(lock) to packages to have both.",
        )
    if isinstance(packages, str):
        raise refusal("packages", packages, legal="a list of names", step=f"Write [{packages!r}].")
    if lock is not None:
        found = installed()
        return versions(name for name in locked(lock) if name in found)
    return None if packages is None else versions(packages)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the installed version of each of some packages, by canonical name and sorted.

    Args:
        packages: names of distributions, in any order and spelling.

    Raises:
        ValueError: if one of them is not installed; the message lists all that are missing.

    Example:
        >>> from importlib.metadata import version
        >>> versions(["Lazy_Loader"]) == {"lazy-loader": version("lazy-loader")}
        True
    """
    found = installed()
    names = sorted({canonicalize_name(name) for name in packages})
    missing = [name for name in names if name not in found]
    if missing:
        raise refusal(
            "packages",
            missing,
            legal="names of installed distributions",
            step="Install them or leave them out.",
        )
    return {name: found[name].version for name in names}


def locked(path: str | Path) -> list[str]:
    """Return the canonical names of the distributions that a requirements file pins, sorted.

    Only lines with `==` count. Comments, hashes, options and requirements by address are passed over.

    Args:
        path: a requirements file, such as the project's `requirements.lock`.

    Raises:
        FileNotFoundError: if there is no such file.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     lock = Path(folder, "requirements.lock")
        ...     _ = lock.write_text("# tested\\nNumPy==2.3.0\\nzope.interface==7.0\\nruff>=0.12")
        ...     print(locked(lock))
        ['numpy', 'zope-interface']
    """
    path = file_path("lock", path)
    if not path.is_file():
        step = "Pass the path of one, such as requirements.lock in the folder of a checkout."
        raise FileNotFoundError(f"no requirements file at {path}. {step}")
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return sorted({name for line in lines for name in _pinned(line)})


def _pinned(line: str) -> Iterator[str]:
    """Yield the canonical name of the distribution that one line of a requirements file pins."""
    text = line.partition(" #")[0].partition(" --")[0].rstrip("\\ ")  # comments, hashes, continued lines
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return
    if any(specifier.operator == "==" for specifier in requirement.specifier):
        yield canonicalize_name(requirement.name)
