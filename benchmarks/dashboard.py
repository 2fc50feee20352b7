"""The dashboard on large stores: how long a moved limit takes, and how long the first page.

    python benchmarks/dashboard.py [--measurements 5000] [--stored 100000] [--moves 12]

A store is filled with generated measurements of hundreds of models in every way. In Streamlit's own harness a limit
is moved again and again; told is how long the script runs until the new ranking is drawn, and until all of the page
is (with what would change the choice, which takes as long as many decisions and is worked out last). Where Playwright
and a Chromium are here, the server is started and its first page opened. Then the store's rows are copied under other
identities until there are as many as asked, and it is opened again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
for folder in ("tests", "docs", "app"):
    sys.path.insert(0, str(ROOT / folder))

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

MODELS = 560
"""Architectures of the profile; it may name 1,000."""
PROFILE = """
name: large
workload: {{task: image-classification, scenario: single-stream, batch_size: 1}}
device: {{target: cuda, price: 0.80 USD/h}}
requirements: {{latency_p95: "< 20 ms", accuracy_top1: "> 75 %", memory_peak: "< 8 GiB", parameters: "< 300 M"}}
objective: {{maximize: accuracy_top1, tie_breakers: [latency_p95, parameters]}}
candidates: {{models: [{models}], optimizations: [{ways}]}}
"""


def main() -> None:
    """Prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measurements", type=int, default=5000)
    parser.add_argument("--stored", type=int, default=100_000)
    parser.add_argument("--moves", type=int, default=12)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "selector.db"
        os.environ["SELECTOR_STORE"] = f"sqlite:///{path}"
        sys.argv = ["main.py"]
        candidates, measured = _fill(path, arguments.measurements)
        print(f"{candidates:,} candidates, {measured:,} measurements\n")
        _moves(arguments.moves)
        _first_page(path, "the first page in a browser, after the server is up")
        rows = _multiply(path, arguments.stored)
        print(f"\n{rows:,} measurements in the store ({path.stat().st_size / 2**20:.0f} MiB)\n")
        began = time.perf_counter()
        _open("decision")
        print(f"{'the decision, opened for the first time':52} {time.perf_counter() - began:6.2f} s")
        for key in ("runs", "catalog"):
            began = time.perf_counter()
            _open(key)
            print(f"{f'the page {key}':52} {time.perf_counter() - began:6.2f} s")


def _fill(path: Path, wanted: int) -> tuple[int, int]:
    from support.sample_store import _GAIN, GPU, sample_evidence

    from selector.catalog import load_catalog
    from selector.requirements import parse_profile
    from selector.store import Store

    seen: dict[str, str] = {}
    for facts in load_catalog().models:
        seen.setdefault(facts.architecture, facts.name)
    ways = ", ".join(f'"{name}"' for name in _GAIN)
    profile = parse_profile(
        PROFILE.format(ways=ways, models=", ".join(f'"{name}"' for name in list(seen.values())[:MODELS]))
    )
    evidence = sample_evidence(profile, GPU, samples=100)
    kept = list(evidence.measurements)[:wanted]
    measurements = [evidence.measurements[name] for name in kept]
    with Store(f"sqlite:///{path}") as store:
        run = store.begin_run(profile, evidence.plan, [], "auto")
        for place, one in enumerate({one.identity: one for one in measurements}.values()):
            store.add(replace(one, id=f"m-{place}", run_id=run))
        store.finish_run(run, "finished", evidence.certificate, evidence.timing)
    return len(evidence.plan.considered), len(kept)


def _open(key: str) -> AppTest:
    from streamlit.testing.v1 import AppTest

    script = (
        f"import sys\nsys.path.insert(0, {str(ROOT / 'app')!r})\nfrom dashboard import frame\nframe.only({key!r})"
    )
    page = AppTest.from_string(script, default_timeout=600).run()
    if page.exception:
        raise SystemExit(page.exception[0].message)
    return page


def _moves(number: int) -> None:
    """Moves the limit on p95 again and again."""
    page = _open("decision")
    drawn = _watch()
    key = next(one.key for one in page.number_input if one.key and one.key.endswith("latency_p95:number"))
    ranked, whole = [], []
    for place in range(number):
        began = time.perf_counter()
        page.number_input(key=key).set_value(4.0 + 1.3 * place).run()
        whole.append(time.perf_counter() - began)
        ranked.append(drawn[-1] - began)
    print(f"{'a moved limit, until the new ranking is drawn':52} {_told(ranked)}")
    print(f"{'  until the whole page is':52} {_told(whole)}")


def _watch() -> list[float]:
    """When the ranking was drawn, at every run of the page."""
    from dashboard import decision_page

    drawn: list[float] = []
    ranking = decision_page._ranking

    def watched(*arguments: Any) -> None:
        ranking(*arguments)
        drawn.append(time.perf_counter())

    decision_page._ranking = watched  # type: ignore[assignment]
    return drawn


def _told(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):6.2f} s in the median, {max(seconds):.2f} s at most"


def _multiply(path: Path, wanted: int) -> int:
    """Copies the rows under other identities, as other devices would have brought them."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        columns = {
            table: [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            for table in ("measurements", "observations")
        }
        (there,) = database.execute("SELECT count(*) FROM measurements").fetchone()
        for copy in range(1, -(-wanted // there)):
            for table, keys in (("measurements", {"id", "identity"}), ("observations", {"measurement_id"})):
                chosen = ", ".join(f"{one} || '-{copy}'" if one in keys else one for one in columns[table])
                own = f"WHERE {'id' if table == 'measurements' else 'measurement_id'} NOT LIKE '%-%-%'"
                names = ", ".join(columns[table])
                database.execute(f"INSERT INTO {table} ({names}) SELECT {chosen} FROM {table} {own}")
        database.execute("UPDATE state SET revision = revision + 1")
        (rows,) = database.execute("SELECT count(*) FROM measurements").fetchone()
    return int(rows)


def _first_page(path: Path, title: str) -> None:
    with contextlib.suppress(ImportError):
        for seconds in _browsed(path):
            print(f"{title:52} {seconds:6.2f} s")


def _browsed(path: Path) -> Iterator[float]:
    chromium = shutil.which("chromium")
    if chromium is None:
        return
    from make_screenshots import dashboard
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        with dashboard(f"sqlite:///{path}") as url:
            page = browser.new_page()
            began = time.perf_counter()
            page.goto(url)
            page.wait_for_selector("h2", timeout=120_000)
            yield time.perf_counter() - began
        browser.close()


if __name__ == "__main__":
    main()
