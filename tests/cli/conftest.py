"""The command line in this process: each test in a folder of its own."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest
from support.cli_calls import Answer, Cli
from support.fake_profiles import profile_text

from selector.cli import run


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with one profile, ``fake.yaml``."""
    monkeypatch.chdir(tmp_path)
    Path("fake.yaml").write_text(profile_text(), encoding="utf-8")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command."""

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        code = run(list(arguments))
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def _evaluated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    with contextlib.chdir(folder):
        Path("fake.yaml").write_text(profile_text(), encoding="utf-8")
        assert run(["evaluate", "fake.yaml", "--quiet"]) == 0
    return folder / "selector.db"


@pytest.fixture
def evaluated(_evaluated_store: Path) -> None:
    """Puts a store with one run of ``fake.yaml`` into the working folder."""
    for file in _evaluated_store.parent.glob("selector.db*"):
        shutil.copy(file, file.name)
