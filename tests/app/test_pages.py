"""The pages beside that of the decision, on stores of every kind."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest
from support.pages import Opens, checked, said
from support.sample_decisions import HOSTILE
from support.sample_store import CPU, fill, sample_evidence

from selector.decision import Decision
from selector.requirements import load_profile
from selector.store import Store
from selector.types import Outcome

PAGES = ("decision", "candidate", "compare", "runs", "catalog")
FORBIDDEN = {"html_block", "html_inline", "link_open", "image", "code_inline", "em_open", "s_open", "code_block"}


def _words(page: AppTest) -> str:
    kinds = ("markdown", "caption", "header", "subheader", "title", "info", "warning", "error")
    return "\n".join(str(element.value) for kind in kinds for element in page.get(kind))


def _tables(page: AppTest) -> str:
    return "\n".join(table.value.to_csv() for table in page.dataframe)


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two runs in two environments, of which the second failed for some."""
    url = f"sqlite:///{tmp_path_factory.mktemp('two') / 'two.db'}"
    later = replace(CPU, driver="6.9.0", versions=(*CPU.versions[:-1], ("torch", "2.15.0")))
    with Store(url) as store:
        fill(store, load_profile("quickstart"), samples=100)
        fill(store, load_profile("quickstart"), later, samples=120)
    return url


class TestCandidate:
    def test_it_begins_with_the_choice(self, page: Opens, url: str, asked: Decision) -> None:
        shown = page(url, "candidate")
        assert asked.winner is not None
        assert shown.selectbox(key="candidate").value == asked.winner.id
        assert "the choice" in _words(shown)
        assert len(shown.get("vega_lite_chart")) == 3  # times, warm-up, ladder
        assert "p95" in _tables(shown)
        assert "family" in _tables(shown)

    def test_every_status_is_explained(self, page: Opens, url: str, asked: Decision) -> None:
        seen = set()
        for members in (asked.ranked[1:], asked.rejected, asked.failed, asked.unavailable, asked.not_measured):
            shown = page(url, "candidate", candidate=members[0].id)
            assert shown.selectbox(key="candidate").value == members[0].id
            for reason in members[0].reasons:
                assert reason[:20].split("_")[0] in _words(shown).replace("\\", "")
            seen.add(members[0].status)
        assert len(seen) == 5

    def test_the_log_of_a_failure_is_there(self, page: Opens, url: str, asked: Decision) -> None:
        failed = asked.failed[0]
        assert failed.measurement is not None
        shown = page(url, "candidate", candidate=failed.id)
        logs = [block.value for block in shown.code]
        assert (failed.measurement.log in logs) == bool(failed.measurement.log.strip())

    def test_another_one_is_picked_and_stays_in_the_address(self, page: Opens, url: str, asked: Decision) -> None:
        shown = page(url, "candidate")
        other = asked.ranked[5].id
        checked(shown.selectbox(key="candidate").set_value(other).run())
        assert shown.selectbox(key="candidate").value == other
        assert said(shown)["candidate"] == other


class TestCompare:
    def test_the_first_two_candidates(self, page: Opens, url: str, asked: Decision) -> None:
        shown = page(url, "compare")
        assert [shown.selectbox(key=f"compare:{side}").value for side in "ab"] == [one.id for one in asked.ranked[:2]]
        only = shown.dataframe[0].value
        assert "p95 (ms)" in list(only["metric"])
        checked(shown.toggle(key="compare:only").set_value(False).run())
        assert len(shown.dataframe[0].value) > len(only)

    def test_two_runs_and_two_environments(self, page: Opens, two_runs: str) -> None:
        shown = page(two_runs, "compare", compare="runs")
        assert "both choose" in _words(shown)
        assert "driver" in _tables(shown)
        checked(shown.radio(key="compare:kind").set_value("Two environments").run())
        assert not shown.error
        assert "both choose" in _words(shown)
        assert said(shown)["compare"] == "environments"

    def test_one_run_is_not_two(self, page: Opens, url: str) -> None:
        assert "holds one run" in _words(page(url, "compare", compare="runs"))
        assert "one environment" in _words(page(url, "compare", compare="environments"))


class TestRuns:
    def test_all_are_listed_with_what_they_measured(self, page: Opens, url: str, asked: Decision) -> None:
        shown = page(url, "runs")
        (row,) = shown.dataframe[0].value.to_dict("records")
        assert row["status"] == "finished"
        assert row["failed"] == len(asked.failed)
        with Store(url, read_only=True) as store:
            assert row["measured"] + row["failed"] == len(store.measurements(row["run"]))
        assert f"Failed: {len(asked.failed)}" in _words(shown)
        assert any("name: quickstart" in block.value for block in shown.code)

    def test_one_that_is_going_on_is_shown_as_it_goes(self, page: Opens, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'live.db'}"
        profile = load_profile("quickstart")
        evidence = sample_evidence(profile, samples=60)
        with Store(url) as store:
            fill(store, profile, samples=60)
            run = store.begin_run(profile, evidence.plan, [], "auto")
            assert "Going on" in _words(page(url, "runs"))
            for place, one in enumerate(list(evidence.measurements.values())[:3]):
                store.add(replace(one, id=f"new-{place}", run_id=run, created=dt.datetime.now(dt.UTC)))
            shown = page(url, "runs")
            assert "3 measured" in _words(shown)
            assert shown.dataframe[0].value["candidate"].tolist()[-1] == next(iter(evidence.measurements))
            store.finish_run(run, "finished", evidence.certificate, evidence.timing)
            assert "Going on" not in _words(page(url, "runs"))

    def test_a_run_that_no_version_understands_is_still_listed(self, page: Opens, url: str, tmp_path: Path) -> None:
        copy = tmp_path / "copy.db"
        with sqlite3.connect(url.removeprefix("sqlite:///")) as source, sqlite3.connect(copy) as target:
            source.backup(target)
            target.execute("UPDATE runs SET profile = replace(profile, '\"workload\"', '\"workflow\"')")
        source.close()
        target.close()
        shown = page(f"sqlite:///{copy}", "runs")
        assert len(shown.dataframe[0].value) == 1
        assert shown.error


class TestCatalog:
    def test_every_model_and_what_is_measured(self, page: Opens, url: str, asked: Decision) -> None:
        shown = page(url, "catalog")
        table = shown.dataframe[0].value
        assert len(table) > 1000
        assert asked.winner is not None
        row = table[table["model"] == asked.winner.planned.candidate.model]
        assert row["measured here"].tolist() != ["not yet"]
        checked(shown.toggle(key="catalog:only").set_value(True).run())
        assert 0 < len(shown.dataframe[0].value) < 100

    def test_filters_and_the_address(self, page: Opens, url: str) -> None:
        shown = page(url, "catalog", words="swin_tiny*")
        assert set(shown.dataframe[0].value["family"]) == {"swin"}
        assert said(shown)["words"] == "swin_tiny*"
        checked(shown.text_input(key="catalog:text").set_value("no such model").run())
        assert "No model passes" in _words(shown)

    def test_it_needs_no_store(self, page: Opens, tmp_path: Path) -> None:
        shown = page(f"sqlite:///{tmp_path / 'none.db'}", "catalog")
        assert len(shown.dataframe[0].value) > 1000
        assert not (tmp_path / "none.db").exists()


class TestStores:
    @pytest.mark.parametrize("key", [key for key in PAGES if key != "catalog"])
    def test_a_missing_and_an_empty_one(self, page: Opens, tmp_path: Path, key: str) -> None:
        shown = page(f"sqlite:///{tmp_path / 'none.db'}", key)
        assert shown.title[0].value == "This store cannot be shown"
        Store(f"sqlite:///{tmp_path / 'empty.db'}").close()
        shown = page(f"sqlite:///{tmp_path / 'empty.db'}", key)
        assert shown.title[0].value == "Nothing is measured yet"
        assert any("selector evaluate" in block.value for block in shown.code)

    @pytest.mark.parametrize("key", PAGES)
    def test_hostile_names_stay_text(self, page: Opens, tmp_path: Path, key: str) -> None:
        url = f"sqlite:///{tmp_path / 'hostile.db'}"
        text = HOSTILE.replace("\x00", "").replace("\x1b", "")
        environment = replace(CPU, device_name=text, driver=text)
        name = "*x* [a](//e) <b>|`:red[r] :smile: $y$ @me"
        profile = load_profile("quickstart").model_copy(update={"name": name, "description": text})
        evidence = sample_evidence(profile, environment, samples=60)
        with Store(url) as store:
            run = fill(store, profile, environment, samples=60)
            for one in list(evidence.measurements.values())[:3]:
                crash = replace(one, outcome=Outcome.CRASHED, message=text, log=text, observation=None)
                store.add(replace(crash, id=f"crash-{one.id}", run_id=run))
        shown = page(url, key)
        parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        for kind in ("markdown", "caption", "header", "subheader", "title", "error", "warning", "info"):
            for element in shown.get(kind):
                tokens = parser.parse(str(element.value))
                found = {one.type for token in tokens for one in (token, *(token.children or []))}
                assert not found & FORBIDDEN, element.value
                assert not getattr(element.proto, "allow_html", False)
                assert not re.search(r"(?<!\\):(red|smile)", element.value)
                assert not re.search(r"(?<!\\)\$", element.value)
