"""What is declared, pinned, documented and exported agrees, and importing stays light."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import selector

ROOT = Path(__file__).resolve().parent.parent
OWN_NAME = "vision-selector"
HEAVY = ("torch", "timm", "onnx", "onnxruntime", "openvino", "streamlit", "altair", "pandas", "scipy", "sqlalchemy")


@functools.cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


ONLY_WITH_A_GPU = frozenset({"cuda", "tensorrt"})
"""Extras that no known-good environment holds: one replaces the extra onnx, and neither was run on hardware."""


def declared() -> list[Requirement]:
    """Every dependency of the project and of its extras, other than on itself and for GPUs."""
    extras = project()["optional-dependencies"]
    groups = [project()["dependencies"], *(extras[name] for name in extras if name not in ONLY_WITH_A_GPU)]
    requirements = [Requirement(line) for group in groups for line in group]
    return [requirement for requirement in requirements if requirement.name != OWN_NAME]


def constraint_lines() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def pins() -> dict[str, Version]:
    """The pinned version of each package by its canonical name."""
    found = {}
    for line in constraint_lines():
        requirement = Requirement(line)
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", line
        name = canonicalize_name(requirement.name)
        assert name not in found, f"{name} is pinned twice"
        found[name] = Version(specifier.version)
    return found


@functools.cache
def readme_command() -> ModuleType:
    """The script by which CI finds the README's commands."""
    specification = importlib.util.spec_from_file_location("readme_command", ROOT / ".ci" / "readme_command.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@functools.cache
def readme_commands() -> dict[str, str]:
    return readme_command().commands((ROOT / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_every_dependency_is_bounded_and_pinned_within_its_bounds(requirement: Requirement) -> None:
    assert requirement.specifier, "a lower bound says what the code was written for"
    pinned = pins().get(canonicalize_name(requirement.name))
    assert pinned is not None, f"constraints.txt does not pin {requirement.name}"
    assert requirement.specifier.contains(pinned, prereleases=True), f"{requirement.name} is pinned to {pinned}"


def test_the_build_backend_is_pinned_within_its_bounds() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    for requirement in map(Requirement, build["requires"]):
        assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_whatever_the_dependencies_bring_is_pinned_too() -> None:
    """Walks what is installed here from the declared dependencies on: none of it may be left to chance."""
    for requirement in declared():
        installed = importlib.metadata.version(requirement.name)
        if Version(installed) != pins()[canonicalize_name(requirement.name)]:
            pytest.skip(f"{requirement.name} {installed} is installed, which is not what constraints.txt says")
    unpinned, seen = set(), set()
    waiting = [(requirement.name, extra) for requirement in declared() for extra in ("", *requirement.extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        if canonicalize_name(name) not in pins():
            unpinned.add(name)
        for line in importlib.metadata.distribution(name).requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed.name, wanted) for wanted in ("", *needed.extras)]
    assert len(seen) > len(declared())
    assert not unpinned


def test_the_extras_for_users_are_part_of_all() -> None:
    extras = project()["optional-dependencies"]
    (everything,) = extras["all"]
    assert Requirement(everything).extras == set(extras) - {"all", "dev"} - ONLY_WITH_A_GPU
    assert f"{OWN_NAME}[all]" in extras["dev"]


def test_constraints_are_plain_sorted_pins() -> None:
    names = [canonicalize_name(Requirement(line).name) for line in constraint_lines()]
    assert names == sorted(names)
    assert not [line for line in constraint_lines() if " @ " in line or line.startswith("-")]


@pytest.mark.parametrize("path", ["pyproject.toml", "constraints.txt", ".ci/run", ".ci/check_wheel.py"])
def test_set_up_names_no_host(path: str) -> None:
    """Where packages come from is the machine's own setting."""
    assert "://" not in (ROOT / path).read_text(encoding="utf-8")


def test_the_commands_of_the_readme_name_no_package_source() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    assert "pip install" in blocks
    assert not re.findall(r"--(?:extra-)?index(?:-url)?\b|--find-links|--trusted-host", blocks)
    assert not re.findall(r"https?://(?!localhost\b|127\.0\.0\.1\b)\S+", blocks)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("run", ["-e '.[all]'", ".venv/bin/selector evaluate profiles/quickstart.yaml"]),
        ("test", ["-e '.[dev]'", ".venv/bin/python -m pytest"]),
    ],
)
def test_the_readme_has_the_two_commands(name: str, parts: list[str]) -> None:
    """Each does the whole set-up: an environment without pip, pinned versions, byte-compiled."""
    command = readme_commands()[name]
    for part in ["python3 -m venv --without-pip .venv", "--compile-bytecode", "-c constraints.txt", *parts]:
        assert part in command
    assert "\n\n" not in command, "one command, to be pasted at once"


def test_the_readme_and_ci_share_the_test_command() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme_command.py", "test"], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == readme_commands()["test"]
    assert ".ci/readme_command.py test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_a_command_that_the_readme_does_not_mark_is_refused() -> None:
    asked = [sys.executable, str(ROOT / ".ci" / "readme_command.py"), "deploy"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "marks no command 'deploy'" in done.stderr


def test_only_marked_blocks_are_commands() -> None:
    one = "<!-- command: one -->\n```sh\nfirst \\\n  && second\n```\n"
    two = "<!-- command: two -->\n\n```\n3\n```\n"
    text = f"```\nno\n```\n{one}\n{two}"
    assert readme_command().commands(text) == {"one": "first \\\n  && second", "two": "3"}


def test_the_version_stands_once_in_effect() -> None:
    assert selector.__version__ == project()["version"]
    assert importlib.metadata.version(OWN_NAME) == project()["version"]


def test_the_licence_is_the_declared_one() -> None:
    assert project()["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_public_names() -> None:
    assert selector.__all__ == [
        "Candidate",
        "Decision",
        "Measurement",
        "RequirementProfile",
        "SelectorError",
        "Store",
        "decide",
        "evaluate",
        "load_profile",
        "metric",
        "rank",
        "render",
    ]


@pytest.mark.parametrize("name", selector.__all__)
def test_public_names_can_be_imported_and_are_documented(name: str) -> None:
    value = getattr(selector, name)
    assert value.__module__.split(".")[0] == "selector"
    assert value.__doc__
    assert name in dir(selector)


def test_no_module_can_take_the_place_of_a_public_name() -> None:
    """Importing a submodule sets it on the package, over the function of that name that was there."""
    modules = {module.name for module in pkgutil.iter_modules(selector.__path__)}
    assert modules & set(selector.__all__) == set()


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        selector.evaluat  # noqa: B018


@pytest.mark.parametrize("module", ["selector", "selector.cli"])
def test_importing_stays_light(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_bundled_folders_are_declared_where_they_are_read() -> None:
    from selector.resources import folder

    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    wheel = tables["wheel"]
    assert wheel["sources"] == {name: f"selector/{name}" for name in ("profiles", "data", "app")}
    assert set(wheel["only-include"]) == {"selector", *wheel["sources"]}
    for name in wheel["sources"]:
        assert folder(name) == ROOT / name


def test_no_source_file_is_ignored_by_git() -> None:
    """The wheel's builder leaves out what git ignores, so a careless pattern would lose modules silently."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    files = [
        str(file.relative_to(ROOT))
        for folder in ("selector", "profiles", "data", "app", "tests", ".ci")
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]
    asked = ["git", "check-ignore", "--no-index", "--stdin"]
    done = subprocess.run(asked, cwd=ROOT, input="\n".join(files), capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.splitlines() == []
