"""pyproject.toml, requirements.lock and environment.yml name the same environment."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from data.extras import EXTRAS


@pytest.fixture(scope="module")
def metadata(project):
    return tomllib.loads((project / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def pins(project):
    """Version by canonical name, as the lock has them."""
    lines = (project / "requirements.lock").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.fixture(scope="module")
def conda(project):
    return yaml.safe_load((project / "environment.yml").read_text())


def test_every_requirement_is_pinned_to_a_version_it_allows(metadata, pins):
    extras = metadata["optional-dependencies"].values()
    wanted = map(Requirement, [*metadata["dependencies"], *(line for extra in extras for line in extra)])
    for requirement in (line for line in wanted if line.name != metadata["name"]):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"requirements.lock lacks {requirement}; run `make lock`"
        assert requirement.specifier.contains(pin), f"requirements.lock has {requirement.name}=={pin}"


def test_all_is_every_use_and_dev_is_all_and_more(metadata):
    extras = metadata["optional-dependencies"]
    (every,) = map(Requirement, extras["all"])
    assert every.name == metadata["name"]
    assert every.extras == set(EXTRAS) == set(extras) - {"all", "dev"}
    assert f"{metadata['name']}[all]" in extras["dev"]


def test_lock_holds_plain_versions_only(project, pins):
    assert pins["torch"] == "2.13.0"
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in pins.values())
    assert not re.search(r"nvidia|cuda|https?:|@", (project / "requirements.lock").read_text())


def test_environment_yml_installs_this_project_from_the_lock(metadata, conda):
    assert conda["name"] == metadata["name"]
    assert conda["channels"] == ["conda-forge"]
    assert conda["dependencies"][-1] == {"pip": ["-r requirements.lock", "-e ."]}


def test_environment_yml_pins_a_python_that_the_project_allows(metadata, conda):
    python = Requirement(conda["dependencies"][0].replace("=", "=="))
    assert python.name == "python"
    (version,) = (specifier.version for specifier in python.specifier)
    assert Requirement(f"python{metadata['requires-python']}").specifier.contains(version)


def test_changelog_and_citation_name_this_version(project, metadata):
    citation = yaml.safe_load((project / "CITATION.cff").read_text())
    assert str(citation["version"]) == metadata["version"]
    assert f"## {metadata['version']}" in (project / "CHANGELOG.md").read_text()
