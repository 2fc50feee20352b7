"""Every parser of the program, given anything: its value, or its own error that says what to change.

The profile reader has tests of its own (tests/requirements), the quantities too (tests/test_quantities.py), and
stored documents (tests/store/test_store_codec.py); here stand all others.
"""

from __future__ import annotations

import contextlib
import csv
import fnmatch
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.evidence import make_candidate

from selector.catalog import COLUMNS, ModelFilter, list_models, load_catalog
from selector.catalog.tables import read_catalog
from selector.devices import DEVICES, resolve
from selector.devices.fake import FAULTS, planted_fault
from selector.errors import (
    ProfileError,
    SelectorError,
    StoreAddressError,
    UnknownNameError,
    UsageError,
    suggest_pattern,
)
from selector.metrics import METRICS
from selector.optimizations import OPTIMIZATIONS
from selector.requirements import Requirement, RequirementProfile
from selector.requirements.objective import Objective
from selector.search.base import resolve_strategy
from selector.search.plan import select_ways
from selector.store import Store
from selector.store.opening import parse_address

anything = st.text(st.characters(exclude_categories=()))
LIKE_A_LIMIT = st.text("<>=!≤≥ 0123456789.,eE+-−%/$msGiBMkUSDimgh", max_size=40)
LIKE_A_GLOB = st.text("*?[]!-^&~|\\.@_abresnt18", max_size=60)
LIKE_AN_ADDRESS = st.one_of(
    LIKE_A_GLOB,
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg", "mysql", "", "x+y"]),
        st.sampled_from(["://", ":///", "::", ":", "//", ":////"]),
        st.text("/:@?#[]%.abc0\0é&=", max_size=40),
    ),
)
KEYS = st.sampled_from([*METRICS.names(), "accuracy_top1@imagenet-1k", "accuracy_top1@imagenet-r"])


def check(error: UsageError | StoreAddressError) -> None:
    """What is said is short, in plain words, and the call's fault."""
    assert str(error)
    assert error.exit_code == 2
    assert len(str(error)) < 3_000
    assert "pydantic" not in str(error)


@given(KEYS | anything, LIKE_A_LIMIT | anything)
@settings(max_examples=300)
def test_a_requirement(key: str, text: str) -> None:
    try:
        made = Requirement.parse(key, text)
    except UsageError as error:
        check(error)
        return
    assert Requirement.parse(made.key, made.text) == made, "what is printed is read back"


@given(st.sampled_from(METRICS.names()), st.floats(allow_nan=True))
def test_a_requirement_with_another_limit(metric: str, limit: float) -> None:
    sign = "<" if METRICS.get(metric).better == "lower" else ">"
    with contextlib.suppress(UsageError):
        made = Requirement(metric=metric, comparison=sign, limit=0.5, text="x").at(limit)
        again = Requirement.parse(made.key, made.text)
        assert again.limit == pytest.approx(made.limit, rel=1e-5)


@given(st.sampled_from(["maximize", "minimize"]), KEYS | anything, st.lists(KEYS | anything, max_size=3))
def test_an_objective(direction: str, metric: str, tie_breakers: list[str]) -> None:
    document = {"direction": direction, "metric": metric, "tie_breakers": tie_breakers}
    with contextlib.suppress(ValueError):  # pydantic's ValidationError, which `from_dict` turns into a ProfileError
        made = Objective.model_validate(document)
        assert Objective.model_validate(made.model_dump()) == made


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_a_stored_profile(data: st.DataObject) -> None:
    document = {
        "name": "x",
        "workload": {"task": "image-classification"},
        "candidates": {"models": ["resnet18"]},
        "requirements": [
            {"metric": "latency_p95", "dataset": None, "comparison": "<", "limit": 0.05, "text": "< 50 ms"}
        ],
    }
    document[
        data.draw(st.sampled_from([*document, "device", "objective", "evaluation", "agreement", "licenses"]))
    ] = data.draw(json_values)
    try:
        made = RequirementProfile.from_dict(document)
    except ProfileError as error:
        check(error)
        return
    assert RequirementProfile.from_dict(made.as_dict()) == made


@given(LIKE_A_GLOB | anything)
@example("*a" * 90)
@example("[" * 100)
@example("[z-a]")
def test_patterns_of_models_families_and_ways(pattern: str) -> None:
    catalog = load_catalog()
    for select in (
        lambda: catalog.select([pattern]),
        lambda: catalog.select([], [pattern]),
        lambda: catalog.select([], [], [pattern]),
        lambda: select_ways([pattern]),
    ):
        try:
            select()
        except UnknownNameError as error:
            check(error)


@given(LIKE_A_GLOB | anything)
def test_words_and_filters_over_the_catalog(text: str) -> None:
    models = load_catalog().models[:200]
    assert set(list_models(models, ModelFilter(text=text))) <= set(models)
    for wanted in (ModelFilter(families=(text,)), ModelFilter(licenses=(text,))):
        with contextlib.suppress(UnknownNameError):
            list_models(models, wanted)
    with contextlib.suppress(UnknownNameError):
        assert text in COLUMNS or not list_models(models, None, text)


@given(st.sampled_from(["*@openvin", "mobilnetv3*", "resnett18"]) | LIKE_A_GLOB | anything)
def test_what_is_suggested_for_a_pattern_matches(pattern: str) -> None:
    known = ["mobilenetv3_small_100.lamb_in1k@eager", "resnet18.a1_in1k@openvino"]
    hint = suggest_pattern(pattern, known)
    if hint:
        suggested = hint.removeprefix("did you mean '").removesuffix("'?")
        assert fnmatch.filter(known, suggested) or any(name.startswith(suggested) for name in known)


def test_a_slip_in_a_pattern_is_answered() -> None:
    known = ["mobilenetv3_small_100.lamb_in1k@eager", "resnet18.a1_in1k@openvino"]
    assert suggest_pattern("*@openvin", known) == "did you mean '*@openvino'?"
    assert suggest_pattern("mobilnetv3*", known) == "did you mean 'mobilenetv3*'?"
    assert suggest_pattern("zzz*", known) == ""


@given(LIKE_AN_ADDRESS | anything)
@settings(max_examples=300)
@example("sqlite:///" + "x" * 10_000)
@example("sqlite:///\ud800")
@example("postgresql://[::1")
def test_an_address_of_a_store(text: str) -> None:
    try:
        address = parse_address(text)
    except StoreAddressError as error:
        check(error)
        return
    assert address.name


@pytest.fixture(scope="module")
def empty_store() -> Store:
    with Store("sqlite://") as store:
        yield store


@given(anything)
def test_a_reference_to_a_run(empty_store: Store, text: str) -> None:
    with pytest.raises(UsageError):
        empty_store.run(text)


PARTS = st.sampled_from([*DEVICES.names(), "0", "1", "٣", "-1", "auto", ""])


@given(st.lists(PARTS, max_size=3).map(":".join))
@example("fake:" + "9" * 190)
@example("cpu:٣")
@example("fake:²")
def test_the_name_of_a_device(text: str) -> None:
    try:
        assert resolve(text).kind in DEVICES
    except UsageError as error:
        check(error)


@given(LIKE_A_GLOB | anything)
def test_the_name_of_a_strategy(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert resolve_strategy(text)


@given(st.text("*?[]=,.@_abresnt18", max_size=60) | st.text(st.characters(exclude_characters="\0", codec="utf-8")))
@example("*=crashed")
def test_planted_faults(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELECTOR_FAKE_FAULTS", text)
        assert planted_fault(make_candidate()) in (None, *FAULTS)


def test_no_way_has_a_name_that_a_pattern_cannot_mean() -> None:
    for name in OPTIMIZATIONS.names():
        assert [way.name for way in select_ways([name])] == [name]


TABLES = ("models.csv", "published.csv", "sources.csv")
ROOT = Path(__file__).resolve().parent.parent


@given(table=st.sampled_from(TABLES), place=st.integers(0, 600), piece=st.binary(max_size=6), cut=st.integers(0, 20))
@settings(max_examples=60)
def test_the_tables_of_the_catalog(
    tmp_path_factory: pytest.TempPathFactory, table: str, place: int, piece: bytes, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    for name in TABLES:
        content = b"".join((ROOT / "data" / name).read_bytes().splitlines(keepends=True)[:40])
        if name == table:
            content = content[:place] + piece + content[place + cut :]
        (folder / name).write_bytes(content)
    csv.field_size_limit()
    with contextlib.suppress(SelectorError):
        read_catalog(folder)
