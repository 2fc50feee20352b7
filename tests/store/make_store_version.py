"""Writes ``versions/vN.db`` and, beside it, what is in it: a store of today's schema, kept for all later ones.

Run once, when a schema is new and before the next one: ``python tests/store/make_store_version.py``. Files that are
there are never written again: they are what users have.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from store_samples import CANDIDATE, ENVIRONMENT, PROFILE, make_examination, make_run_off, measurement, plan

from selector.requirements import parse_profile
from selector.store import Store
from selector.store.codec import to_document
from selector.store.schema import SCHEMA_VERSION
from selector.types import Certificate, Measurement, Outcome, Timing

VERSIONS = Path(__file__).parent / "versions"


def main() -> None:
    """Makes the store and its description."""
    path = VERSIONS / f"v{int(SCHEMA_VERSION)}.db"
    if path.exists():
        raise SystemExit(f"{path} is there already")
    VERSIONS.mkdir(exist_ok=True)
    with Store(f"sqlite:///{path}") as store:
        run_id = store.begin_run(
            parse_profile(PROFILE, "store-test.yaml"),
            plan(("compile", "no compiler here")),
            [("vit_tiny@eager", "licence unknown")],
            "exhaustive",
        )
        for new_series, one in series(run_id):
            store.add(one, new_series=new_series)
        identities = store.latest([one.identity for _, one in series(run_id)])
        met = make_run_off(*sorted(identities)[:2], run_id=run_id, id="f" * 32)
        store.add_run_off(met)
        answered = make_examination(run_id=run_id, id="e" * 32)
        store.add_examination(answered)
        store.finish_run(run_id, "finished", Certificate("exhaustive", 3, 3, 1.0, "exhausted"), Timing(9.5, 7.0))
        made = store.run(run_id)
        measured = store.measurements(run_id, with_samples=True)
        latest = store.latest({one.identity for one in measured}, with_samples=True)
    content = {
        "run": {
            "id": run_id,
            "profile": dict(made.profile_document),
            "excluded": [list(pair) for pair in made.excluded],
            "certificate": to_document(made.certificate),
            "started": to_document(made.started),
        },
        "measurements": [to_document(one) for one in measured],
        "latest": {
            identity: {"id": one.id, "latencies": to_document(one.observation and one.observation.latencies)}
            for identity, one in latest.items()
        },
        "run_off": to_document(met),
        "examination": to_document(answered),
    }
    path.with_suffix(".json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def series(run_id: str) -> list[tuple[bool, Measurement]]:
    """(begins a new series, measurement): a merged one, a replaced one and a failure."""
    compiled, other = (replace(CANDIDATE, optimization=name) for name in ("compile", "onnxruntime"))
    spread = [0.010 + 0.0001 * (number * 7 % 30) for number in range(30)]
    made = [
        (False, measurement(*spread, energy=1.5)),
        (False, measurement(*spread[::-1], energy=1.25)),
        (False, measurement(0.5, candidate=compiled)),
        (True, measurement(*spread[:10], candidate=compiled, environment=replace(ENVIRONMENT, power_limit=75.0))),
        (False, measurement(candidate=other, outcome=Outcome.EXPORT_FAILED, phase="export", log="no such operator")),
    ]
    return [
        (new, replace(one, run_id=run_id, id=f"{number:032x}")) for number, (new, one) in enumerate(made, start=1)
    ]


if __name__ == "__main__":
    main()
