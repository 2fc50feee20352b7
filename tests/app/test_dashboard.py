"""The page of the decision on stores of every kind, run by Streamlit's own test harness."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest
from support.pages import Opens, checked
from support.sample_decisions import HOSTILE
from support.sample_store import CPU, fill, sample_evidence

from selector.decision import Decision, decide
from selector.journey import rank
from selector.reports.content import name
from selector.requirements import load_profile
from selector.store import Store
from selector.types import Outcome

FORBIDDEN = {"html_block", "html_inline", "link_open", "image", "code_inline", "em_open", "s_open", "code_block"}


def _header(page: AppTest) -> str:
    (header,) = page.header
    return str(header.value)


def _number(page: AppTest, key: str) -> str:
    """The key of a requirement's number on the page."""
    return next(one.key for one in page.number_input if one.key and one.key.endswith(f":{key}:number"))


def _reset(page: AppTest) -> Any:
    return next(one for one in page.button if one.key and one.key.endswith(":reset"))


def _slider(page: AppTest, key: str) -> str:
    return next(one.key for one in page.slider if one.key and one.key.endswith(f":{key}:slider"))


class TestDecision:
    def test_the_verdict_stands_first(self, page: Opens, url: str, asked: Decision) -> None:
        shown = page(url)
        assert asked.winner is not None
        assert _header(shown) == name(asked.winner)
        assert [metric.label for metric in shown.metric][:2] == ["p95 < 30 ms", "top-1 > 70 %"]
        assert [metric.value for metric in shown.metric][1] == "77.0 %"
        assert not shown.error
        assert not shown.warning

    def test_the_table_is_the_ranking(self, page: Opens, url: str, asked: Decision) -> None:
        table = page(url).dataframe[0].value
        assert list(table["model"]) == [one.planned.candidate.model for one in asked.ranked]
        assert list(table["way"]) == [one.planned.candidate.optimization for one in asked.ranked]
        assert list(table.columns[:5]) == ["#", "model", "way", "top-1 % ↑", "p95 ms ↓"]

    @pytest.mark.parametrize(
        ("latency", "accuracy"), [(3.0, 70.0), (30.0, 75.5), (1.5, 74.9), (2.31, 71.0), (9.99, 76.9), (200.0, 0.5)]
    )
    def test_moved_limits_decide_anew(
        self, page: Opens, url: str, asked: Decision, latency: float, accuracy: float
    ) -> None:
        shown = page(url)
        shown.number_input(key=_number(shown, "latency_p95")).set_value(latency)
        shown.number_input(key=_number(shown, "accuracy_top1")).set_value(accuracy)
        checked(shown.run())
        profile = asked.profile.with_limit("latency_p95", latency / 1000).with_limit("accuracy_top1", accuracy / 100)
        wanted = decide(profile, asked.evidence)
        assert wanted.winner is not None
        assert _header(shown) == name(wanted.winner)
        assert len(shown.dataframe[0].value) == len(wanted.ranked)
        assert f"p95 < {latency:g} ms" in [metric.label for metric in shown.metric]

    def test_slider_and_number_follow_each_other_and_go_back(self, page: Opens, url: str) -> None:
        shown = page(url)
        number, slider = _number(shown, "latency_p95"), _slider(shown, "latency_p95")
        before = _header(shown)
        checked(shown.slider(key=slider).set_value(3.0).run())
        assert shown.number_input(key=number).value == 3.0
        assert _header(shown) != before
        checked(shown.number_input(key=number).set_value(5000.0).run())
        assert shown.slider(key=slider).value == shown.slider(key=slider).max
        reset = _reset(shown)
        assert not reset.disabled
        checked(reset.click().run())
        assert shown.number_input(key=number).value == shown.slider(key=slider).value == 30.0
        assert _header(shown) == before
        assert _reset(shown).disabled

    def test_without_a_choice_the_page_says_what_to_relax(self, page: Opens, url: str) -> None:
        shown = page(url)
        shown.number_input(key=_number(shown, "latency_p95")).set_value(0.1)
        checked(shown.run())
        assert _header(shown) == "No candidate meets every requirement"
        assert shown.warning
        assert any("relax latency_p95 from < 100 µs" in str(one.value) for one in shown.markdown)
        assert not shown.metric

    def test_other_axes_may_be_looked_at(self, page: Opens, url: str) -> None:
        shown = page(url)
        shown.selectbox(key="x").set_value("memory_peak")
        shown.selectbox(key="y").set_value("throughput")
        checked(shown.run())
        assert any('"memory peak (MiB)"' in one.proto.spec for one in shown.get("vega_lite_chart"))

    def test_every_reason_is_there(self, page: Opens, url: str, asked: Decision) -> None:
        shown = page(url)
        why = [row for table in shown.dataframe[1:] if "why" in table.value.columns for row in table.value["why"]]
        others = (*asked.rejected, *asked.undecided, *asked.failed, *asked.unavailable, *asked.not_measured)
        assert sorted(why) == sorted("; ".join(one.reasons) for one in others)

    def test_a_profile_may_be_decided_for_an_environment(self, page: Opens, url: str, asked: Decision) -> None:
        shown = page(url)
        checked(shown.radio(key="decide_for").set_value("A profile").run())
        checked(shown.selectbox(key="profile").set_value("quickstart").run())
        with Store(url, read_only=True) as store:
            wanted = rank(load_profile("quickstart"), store, asked.evidence.plan.environment.id)
        assert wanted.winner is not None
        assert _header(shown) == name(wanted.winner)

    def test_what_is_added_is_seen_at_the_next_look(self, page: Opens, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'grows.db'}"
        with Store(url) as store:
            first = fill(store, load_profile("quickstart"), samples=100)
            shown = page(url)
            assert shown.selectbox(key="run").value == first
            second = store.begin_run(
                load_profile("quickstart"), sample_evidence(load_profile("quickstart")).plan, [], "auto"
            )
            checked(shown.run())
            assert len(shown.selectbox(key="run").options) == 2
            assert any("(running)" in option for option in shown.selectbox(key="run").options)
            checked(shown.selectbox(key="run").set_value(second).run())


class TestStoresWithNothingToShow:
    def test_a_missing_store(self, page: Opens, tmp_path: Path) -> None:
        shown = page(f"sqlite:///{tmp_path / 'none.db'}")
        assert "there is no store" in shown.error[0].value
        self._helps(shown)
        assert not (tmp_path / "none.db").exists()

    def test_an_empty_store(self, page: Opens, tmp_path: Path) -> None:
        Store(f"sqlite:///{tmp_path / 'empty.db'}").close()
        shown = page(f"sqlite:///{tmp_path / 'empty.db'}")
        assert shown.title[0].value == "Nothing is measured yet"
        self._helps(shown)

    def test_a_newer_store(self, page: Opens, tmp_path: Path) -> None:
        path = tmp_path / "newer.db"
        Store(f"sqlite:///{path}").close()
        with sqlite3.connect(path) as database:
            database.execute("UPDATE selector_version SET version_num = '9999'")
        database.close()
        shown = page(f"sqlite:///{path}")
        assert "newer selector" in shown.error[0].value
        self._helps(shown)

    def test_a_file_that_is_no_store(self, page: Opens, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("not a database\n" * 100)
        shown = page(f"sqlite:///{tmp_path / 'notes.txt'}")
        assert "not a store" in shown.error[0].value
        self._helps(shown)

    @staticmethod
    def _helps(shown: AppTest) -> None:
        assert any("selector evaluate" in block.value for block in shown.code)
        assert not shown.header


class TestHostileText:
    @pytest.fixture
    def hostile(self, tmp_path: Path) -> str:
        """A store in which every name and message that can be is hostile."""
        url = f"sqlite:///{tmp_path / 'hostile.db'}"
        text = HOSTILE.replace("\x00", "").replace("\x1b", "")
        environment = replace(CPU, device_name=text, driver=text)
        name = "*x* [a](//e) <b>|`:red[r] :smile: $y$ @me"
        profile = load_profile("quickstart").model_copy(update={"name": name, "description": text})
        evidence = sample_evidence(profile, environment, samples=100)
        assert evidence.certificate is not None
        with Store(url) as store:
            for one in list(evidence.measurements.values())[:3]:
                crash = replace(one, outcome=Outcome.CRASHED, message=text, log=text, observation=None)
                store.add(replace(crash, id=f"crash-{one.id}", run_id="x"))
            fill(store, profile, environment, samples=100)
            run = store.begin_run(profile, replace(evidence.plan, notes=(text,)), [], "auto")
            store.finish_run(run, "finished", replace(evidence.certificate, stopped_because=text), evidence.timing)
        return url

    def test_it_stays_text(self, page: Opens, hostile: str) -> None:
        shown = page(hostile)
        assert len(shown.metric) >= 2
        parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        checked = 0
        for kind in ("markdown", "caption", "header", "subheader", "title", "error", "warning", "info"):
            for element in shown.get(kind):
                tokens = parser.parse(str(element.value))
                found = {one.type for token in tokens for one in (token, *(token.children or []))}
                assert not found & FORBIDDEN
                assert not getattr(element.proto, "allow_html", False)
                assert not re.search(r"(?<!\\):(red|smile)", element.value)
                assert not re.search(r"(?<!\\)\$", element.value)
                checked += "javascript" in element.value
        assert checked >= 3

    def test_it_is_there_nevertheless(self, page: Opens, hostile: str) -> None:
        shown = page(hostile)
        assert any("alert(1)" in table.value.to_csv() for table in shown.dataframe)

    def test_a_run_of_which_the_profile_is_not_understood_can_be_left(
        self, page: Opens, url: str, tmp_path: Path
    ) -> None:
        copy = tmp_path / "copy.db"
        with sqlite3.connect(url.removeprefix("sqlite:///")) as source, sqlite3.connect(copy) as target:
            source.backup(target)
            target.execute("UPDATE runs SET profile = replace(profile, '\"workload\"', '\"workflow\"')")
        source.close()
        target.close()
        shown = page(f"sqlite:///{copy}")
        assert shown.title[0].value == "This cannot be decided"
        assert shown.error
        assert shown.radio(key="decide_for")


def test_a_range_on_the_figure_lists_what_lies_within(page: Opens, url: str, asked: Decision) -> None:
    shown = page(url, "decision")
    shown.session_state["scatter:latency_p95:accuracy_top1"] = {"selection": {"brushed": {"x": [3.0, 5.0]}}}
    checked(shown.run())
    p95 = shown.dataframe[0].value["p95 ms ↓"]
    assert 0 < len(p95) < len(asked.ranked)
    assert p95.between(3.0, 5.0).all()


def test_a_click_on_the_figure_looks_at_a_candidate(page: Opens, url: str, asked: Decision) -> None:
    shown = page(url, "decision")
    clicked = asked.ranked[7]
    shown.session_state["scatter:latency_p95:accuracy_top1"] = {"selection": {"picked": [{"id": clicked.id}]}}
    checked(shown.run())
    assert any(name(clicked) in str(one.value).replace("\\", "") for one in shown.markdown)
    assert shown.button(key="look")
    assert shown.query_params["candidate"] in (clicked.id, [clicked.id])


def test_filters_narrow_the_ranking(page: Opens, url: str, asked: Decision) -> None:
    shown = page(url, "decision")
    checked(shown.text_input(key="filter:text").set_value("openvino").run())
    ways = set(shown.dataframe[0].value["way"])
    assert ways
    assert all("openvino" in way for way in ways)
    checked(shown.toggle(key="filter:relative").set_value(True).run())
    assert shown.dataframe[0].value["p95 ÷ best ↓"].min() == 1
