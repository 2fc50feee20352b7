"""The Python interface, as the package's own documentation shows it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from support.fake_profiles import profile_text

import selector


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in which "profiles/quickstart.yaml" is a profile for the fake device."""
    monkeypatch.chdir(tmp_path)
    Path("profiles").mkdir()
    Path("profiles/quickstart.yaml").write_text(profile_text())


def _documented() -> str:
    """The code in the package's docstring."""
    assert selector.__doc__ is not None
    (code,) = re.findall(r"::\n\n((?:    .*\n|\n)+)", selector.__doc__)
    return textwrap.dedent(code)


def test_the_documented_lines_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    exec(compile(_documented(), "the package's docstring", "exec"), names)
    assert capsys.readouterr().out.startswith("# fake-profile on fake device")
    assert isinstance(names["decision"], selector.Decision)
    assert Path("selector.db").is_file()


def test_the_whole_journey_is_five_lines() -> None:
    lines = [line for line in _documented().splitlines() if line and "import" not in line]
    assert len(lines) <= 5


def test_what_if_measures_nothing() -> None:
    profile = selector.load_profile("profiles/quickstart.yaml")
    with selector.Store("sqlite://") as store:
        decision = selector.evaluate(profile, store)
        revision = store.revision()
        ranked = selector.rank(profile, store)
    assert decision.winner is not None
    assert ranked.winner is not None
    assert ranked.winner.id == decision.winner.id
    tighter = selector.decide(profile.with_limit("latency_p95", 0.001), decision.evidence)
    assert tighter.winner is None
    assert {one.id for one in tighter.rejected} == {one.id for one in decision.assessments}
    assert '"winner": null' in selector.render(tighter, "json")
    with selector.Store("sqlite://") as empty:
        assert empty.revision() < revision


def test_errors_have_one_root() -> None:
    with pytest.raises(selector.SelectorError, match="no such profile"):
        selector.load_profile("quickstrat")
    with selector.Store("sqlite://") as store, pytest.raises(selector.SelectorError):
        selector.rank(selector.load_profile("profiles/quickstart.yaml"), store)
