"""The link: whoever opens it sees the same profile, limits, weights, selection and page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pages import MAIN, Opens, checked, said
from support.sample_store import CPU

from selector.decision import Decision
from selector.reports.content import name
from selector.requirements import load_profile, parse_profile
from selector.requirements.template import render_profile

WEIGHED = """
name: weighed
workload: {task: image-classification}
device: {target: cpu}
requirements: {latency_p95: "< 60 ms"}
objective: {weights: {accuracy_top1: 0.5, latency_p95: 0.5}}
candidates: {models: [convnext_atto.d2_in1k, mobilenetv3_small_100.lamb_in1k, levit_128s.fb_dist_in1k]}
"""


@pytest.fixture(scope="module")
def address() -> Iterator[ModuleType]:
    sys.path.insert(0, str(MAIN.parent))
    from dashboard import address as module

    yield module
    sys.path.remove(str(MAIN.parent))


def _header(shown: object) -> str:
    return str(shown.header[0].value)  # type: ignore[attr-defined]


def test_moved_limits_are_in_it_and_come_back(page: Opens, url: str) -> None:
    shown = page(url, "decision")
    before = _header(shown)
    key = next(one.key for one in shown.number_input if one.key and one.key.endswith("latency_p95:number"))
    checked(shown.number_input(key=key).set_value(2.0).run())
    assert said(shown)["limit.latency_p95"] == "2 ms"
    assert _header(shown) != before
    again = page(url, "decision", **{"run": said(shown)["run"], "limit__latency_p95": "2 ms"})
    assert _header(again) == _header(shown)
    assert said(again) == said(shown)
    elsewhere = page(url, "candidate", **{"run": said(shown)["run"], "limit__latency_p95": "2 ms"})
    assert said(elsewhere)["limit.latency_p95"] == "2 ms"
    assert elsewhere.header[0].value == _header(shown)


def test_other_units_are_read_and_nonsense_is_told(page: Opens, url: str) -> None:
    shown = page(url, "decision", limit__latency_p95="0.002 s")
    assert said(shown)["limit.latency_p95"] == "2 ms"
    for wrong in ("<script>", "-3 ms", "2 GiB"):
        shown = page(url, "decision", limit__latency_p95=wrong)
        assert "was not understood" in shown.warning[0].value
        assert "limit.latency_p95" not in said(shown)
    assert "was not understood" in page(url, "decision", limit__nothing="2").warning[0].value


def test_a_run_that_is_not_here_is_told(page: Opens, url: str) -> None:
    assert "does not hold" in page(url, "decision", run="20200101-000000-ffff").warning[0].value


def test_weights_and_a_profile_that_was_brought_travel_along(
    page: Opens, url: str, address: ModuleType, asked: Decision
) -> None:
    given_ = address.packed(WEIGHED)
    shown = page(url, "decision", given=given_, environment=asked.evidence.plan.environment.id)
    assert not shown.warning
    assert said(shown)["given"] == given_
    assert "weighed on" in "".join(str(one.value) for one in shown.caption)
    key = next(one.key for one in shown.number_input if one.key and one.key.endswith("weight:latency_p95:number"))
    checked(shown.number_input(key=key).set_value(1.0).run())
    assert said(shown)["weight.latency_p95"] == "1"
    again = page(url, "decision", given=given_, weight__latency_p95="1")
    assert _header(again) == _header(shown)
    assert "Together they are 100 %" in "".join(str(one.value) for one in again.caption)
    assert "was not understood" in page(url, "decision", given=given_, weight__latency_p95="0").warning[0].value


def test_an_upload_is_checked_as_a_file_is(page: Opens, url: str, tmp_path: Path) -> None:
    shown = page(url, "decision", profile="balanced")
    wrong = WEIGHED.replace('latency_p95: "< 60', 'latency_95: "< 60')
    checked(shown.file_uploader(key="uploaded").set_value(("mine.yaml", wrong.encode(), "application/yaml")).run())
    assert any("mine.yaml:5:16" in block.value and "did you mean" in block.value for block in shown.code)
    right = ("mine.yaml", WEIGHED.encode(), "application/yaml")
    checked(shown.file_uploader(key="uploaded").set_value(right).run())
    assert "weighed on" in "".join(str(one.value) for one in shown.caption)
    assert "given" in said(shown)


def test_the_ready_made_and_those_of_past_runs_can_be_picked(page: Opens, url: str, asked: Decision) -> None:
    shown = page(url, "decision", profile="balanced")
    options = shown.selectbox(key="profile").options
    assert "balanced" in options
    assert any("as run" in one for one in options)
    past = f"run:{asked.evidence.run_id}"
    again = page(url, "decision", profile=past)
    assert asked.winner is not None
    assert _header(again) == name(asked.winner)
    assert said(again)["profile"] == past
    assert said(again)["environment"] == CPU.id


@given(st.text(max_size=3000))
def test_a_packed_text_comes_back(address: ModuleType, text: str) -> None:
    packed = address.packed(text)
    if packed is not None:
        assert address.unpacked(packed, 100_000) == text.encode()
        assert len(packed) <= address.LONGEST


@given(st.text(max_size=200))
def test_anything_else_does_not(address: ModuleType, text: str) -> None:
    found = address.unpacked(text, 1000)
    assert found is None or len(found) <= 1000


def test_a_bomb_does_not_unfold(address: ModuleType) -> None:
    assert address.unpacked(address.packed("a" * 2_000_000), 100_000) is None


def test_an_edited_profile_is_saved_as_it_stands(page: Opens, url: str) -> None:
    from selector.reports.limits import with_limits

    profile = with_limits(load_profile("quickstart"), {"latency_p95": 12.5})
    assert parse_profile(render_profile(profile)) == profile
    shown = page(url, "decision")
    buttons = [element.proto.label for element in shown.get("download_button")]
    assert buttons == ["CSV", "HTML", "JSON", "Markdown", "PDF", "Profile"] or set(buttons) >= {"Markdown", "Profile"}
