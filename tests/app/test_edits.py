"""Whatever is moved on the page, its choice is that of ``selector rank`` on the profile it saves."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from support.pages import Opens, checked

from selector.cli import run
from selector.decision import Decision
from selector.reports.content import name
from selector.reports.limits import limit_ranges, with_limits
from selector.requirements.template import render_profile

EDITS = 50


@pytest.mark.slow
def test_fifty_edits(
    page: Opens, url: str, asked: Decision, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(8)
    shown = page(url, "decision", profile="quickstart")
    ranges = limit_ranges(asked)
    path = tmp_path / "edited.yaml"
    winners = set()
    for _ in range(EDITS):
        limits = {}
        for one in ranges:
            value = round(one.low + (one.high - one.low) * chance.random() ** 3, one.decimals)
            limits[one.key] = min(max(value, one.smallest), one.largest or value)
            (key,) = (each.key for each in shown.number_input if each.key and each.key.endswith(f":{one.key}:number"))
            shown.number_input(key=key).set_value(limits[one.key])
        checked(shown.run())
        path.write_text(render_profile(with_limits(asked.profile, limits)), encoding="utf-8")
        capsys.readouterr()
        run(["rank", str(path), "--store", url, "--environment", asked.evidence.plan.environment.id, "--json"])
        winner = json.loads(capsys.readouterr().out)["winner"]
        said = "No candidate meets every requirement"
        if winner is not None:
            said = name(asked.find(winner["id"]))
        assert shown.header[0].value == said, limits
        winners.add(said)
    assert len(winners) >= 5, "the edits are to change the choice"
