"""The contract of every registered format, and how formats are found."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.evidence import make_evidence, make_measurement, make_observation, make_planned, make_profile
from support.fake_profiles import SHORT, SMALL, fake_profile
from support.reading import readable
from support.sample_decisions import NAMES, sample_decision

from selector import Store, evaluate, rank
from selector.decision import Decision, decide
from selector.errors import UnknownNameError, UsageError
from selector.reports import FORMATS, Context, ReportFormat, format_for, render
from selector.reports.explanation import explain_text
from selector.reports.terminal import render_text
from selector.resources import folder
from selector.types import Interval

ALL = tuple(FORMATS.names())


TEXTS = tuple(name for name, known in FORMATS if not known.binary)


@pytest.mark.parametrize("format_name", ALL)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_decision_gives_the_same_bytes(format_name: str, name: str) -> None:
    first = render(sample_decision(name), format_name)
    assert first == render(sample_decision(name), format_name, Context())
    assert isinstance(first, bytes) == format_for(format_name).binary
    assert first


def one_sided() -> Decision:
    """A candidate whose mean is known not to exceed 0.08 s: its throughput has a lower end only."""
    planned = make_planned()
    seen = make_observation(0.02)
    cut_short = replace(seen, summary=replace(seen.summary, mean=Interval(0.02, None, 0.08)))
    profile = make_profile({"latency_p95": "< 50 ms", "throughput": ">= 5 img/s"})
    return decide(profile, make_evidence([(planned, make_measurement(planned.candidate, observation=cut_short))]))


@pytest.mark.parametrize("format_name", ["md", "html", "pdf"])
def test_an_interval_of_which_one_end_is_known_shows_that_end(format_name: str) -> None:
    text = readable(render(one_sided(), format_name))
    assert re.search(r"50\.0 \((≥|&ge;) 12\.5\)", text)
    assert "is the only end that is known" in text


def test_the_only_known_end_stands_on_the_terminal_and_in_explain() -> None:
    decision = one_sided()
    assert "50.0 img/s (≥ 12.5)" in render_text(decision, 100)
    assert "50 img/s (≥ 12.5 img/s at 95 % confidence)" in explain_text(decision, decision.ranked[0])


@pytest.mark.parametrize("format_name", TEXTS)
@pytest.mark.parametrize("name", NAMES)
def test_texts_are_whole_lines_without_control_characters(format_name: str, name: str) -> None:
    text = render(sample_decision(name), format_name)
    assert isinstance(text, str)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert text.encode("utf-8")
    assert "\x1b" not in text
    assert "\x00" not in text


@pytest.mark.parametrize("format_name", ALL)
def test_another_process_gives_the_same_bytes(format_name: str) -> None:
    code = (
        "import hashlib, sys\n"
        "from support.sample_decisions import sample_decision\n"
        "from selector.reports import render\n"
        f"made = render(sample_decision('offline'), {format_name!r})\n"
        "print(hashlib.sha256(made if isinstance(made, bytes) else made.encode()).hexdigest())"
    )
    tests = str(Path(__file__).parent.parent)
    given = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            timeout=120,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join((tests, *sys.path))},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(given) == 1


@pytest.mark.parametrize("format_name", TEXTS)
def test_every_considered_model_is_accounted_for(format_name: str) -> None:
    text = render(sample_decision("no_requirements"), format_name)
    assert isinstance(text, str)
    assert "resnet18.a1_in1k" in text.replace("<wbr>", "")


def test_made_up_calibration_is_told_in_every_report_and_never_wins_on_accuracy(tmp_path: Path) -> None:
    """By the whole journey: the profile asks for random images, an int8 way is measured."""
    profile = fake_profile(
        candidates={"models": [SMALL, SHORT], "optimizations": ["eager", "onnxruntime-int8"]},
        calibration={"images": "random", "count": 8},
    )
    with Store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        decision = evaluate(profile, store)
        again = rank(profile, store)
    assert any(
        one.planned.candidate.optimization == "onnxruntime-int8" and one.measurement for one in decision.assessments
    )
    assert decision.winner is not None
    assert decision.winner.planned.candidate.optimization == "eager"
    texts = {name: readable(render(one, name)) for one in (decision, again) for name in ALL}
    for name, text in (*texts.items(), ("terminal", render_text(decision)), ("terminal, again", render_text(again))):
        assert "int8 was calibrated on random data" in text, name


def test_formats_say_what_they_are() -> None:
    for name, known in FORMATS:
        assert known.name == name
        assert known.suffix.startswith(".")
        assert "/" in known.media_type
        assert known.description
        assert format_for(known.suffix) is known
        assert format_for(known.suffix.upper()) is known


def test_a_format_whose_package_is_missing_says_what_to_install() -> None:
    known = ReportFormat("x", ".x", "text/x", "X", lambda *_: "", packages=(("json", "a"), ("no_such_package", "b")))
    with pytest.raises(UsageError, match=r"'x' the package no_such_package is not .* 'vision-selector\[b\]'"):
        known.require_packages()


def test_an_unknown_format_is_answered_with_a_near_one() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'json'"):
        render(sample_decision("no_requirements"), "jsn")


def test_the_schema_is_among_the_bundled_files() -> None:
    assert (folder("data") / "schema" / "decision-v1.json").is_file()


def test_importing_reports_loads_nothing_heavy() -> None:
    code = (
        "import sys, selector.reports, selector.reports.drawing, selector.reports.terminal\n"
        "selector.reports.FORMATS.names()\n"
        "heavy = {'altair', 'pandas', 'torch', 'timm', 'streamlit', 'rich', 'numpy', 'typst', 'vl_convert'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_report_with_a_ranking_tells_the_chance_of_each_to_be_the_best() -> None:
    decision = sample_decision("quickstart")
    rows = list(csv.DictReader(io.StringIO(str(render(decision, "csv")))))
    told = {row["id"]: float(row["probability_best"]) for row in rows if row["probability_best"]}
    assert told == {one.id: decision.chances.get(one.id, 0.0) for one in decision.ranked}
    table = next(line for line in str(render(decision, "md")).splitlines() if line.startswith("| 1 |"))
    assert decision.chances[decision.ranked[0].id] > 0.99
    assert table.endswith(r"| \> 99 % |")
    assert "&gt; 99 %" in str(render(decision, "html"))
