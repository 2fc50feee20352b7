"""The campaign of random assaults, in short; `benchmarks/fault_campaign.py` alone is the long one."""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "fault_campaign.py"
SEED = 4
ASSAULTS = ("Ctrl-C", "kill -9, server too", "server killed", "child killed", "disk full", "together")


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fault_campaign", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look for their module
    spec.loader.exec_module(module)
    return module


campaign = _load()


@pytest.fixture(scope="module")
def rounds() -> object:
    return campaign.Campaign(SEED, campaign.mountable())


@pytest.mark.parametrize("assault", ASSAULTS)
def test_nothing_is_lost_doubled_or_left(rounds, assault: str) -> None:
    """The assaults that leave most to be cleared away, once each."""
    if assault == "disk full" and not campaign.mountable():
        pytest.skip("no tmpfs can be mounted here")
    report = rounds.round(ASSAULTS.index(assault), assault)
    assert not any(report.problems.values()), f"{report.assault}: {dict(report.problems)}\n{report.text}"


class TestTheCampaignSees:
    """A campaign that finds nothing must be able to find something."""

    @pytest.fixture
    def place(self, tmp_path: Path):
        setup = campaign.Setup(list(campaign.MODELS[:1]), ["eager", "openvino"], "")
        place = campaign.Place(tmp_path, setup)
        assert place.start().wait(120) in campaign.DECIDED
        yield place
        place.forget()

    def _found(self, place, before=None) -> set[str]:
        report = campaign.Report(0, "none")
        campaign._check(place, report, before or {}, campaign.decision(place.results()[-1]))
        return {kind for kind, problems in report.problems.items() if problems}

    def test_losses(self, place) -> None:
        before = place.rows()
        assert (len(before), self._found(place, before)) == (2, set())
        with sqlite3.connect(place.store) as database:
            database.execute("DELETE FROM observations WHERE measurement_id = ?", (min(before),))
            database.execute("DELETE FROM measurements WHERE id = ?", (min(before),))
        assert self._found(place, before) == {"lost"}

    def test_a_second_measurement(self, place) -> None:
        assert place.start("--force").wait(120) in campaign.DECIDED
        assert "doubled" in self._found(place)

    def test_files_and_processes(self, place) -> None:
        (place.folder / "temporary" / "selector-left").mkdir()
        assert self._found(place) == {"files left"}
        process = place.start()
        try:
            assert process.pid in place.processes()
        finally:
            process.wait(120)
        assert place.processes() == set()
