"""Answers to labelled images: kept to the byte, the newest speaks, and counted right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_samples import make_examination

from selector.errors import StoreError
from selector.store import Store
from selector.store.examinations import examined
from selector.types import Examined, Outcome

ranks = st.lists(st.integers(0, 7), min_size=1, max_size=40).map(bytes)


def test_what_was_added_comes_back():
    one = make_examination(log="line\nline", message="a \u202e name")
    with Store("sqlite://") as store:
        assert store.examinations(["answers"]) == {}
        store.add_examination(one)
        assert store.examinations(["answers", "other"]) == {"answers": one}
        with pytest.raises(StoreError):
            store.add_examination(one)


def test_the_newest_speaks_and_an_earlier_moment_can_be_asked_for():
    first, second = make_examination(bytes([0, 1])), make_examination(bytes([0, 1, 0]))
    with Store("sqlite://") as store:
        store.add_examination(first)
        then = store.revision()
        store.add_examination(second)
        store.add_examination(make_examination(identity="other"))
        assert store.examinations(["answers"])["answers"] == second
        assert store.examinations(["answers"], as_of=then) == {"answers": first}
        assert set(store.examinations(["answers", "other"])) == {"answers", "other"}


def test_many_identities_are_asked_at_once():
    with Store("sqlite://") as store:
        store.add_examination(make_examination(identity="i1700"))
        assert list(store.examinations(f"i{number}" for number in range(2_000))) == ["i1700"]


def test_a_store_for_reading_takes_none(tmp_path):
    url = f"sqlite:///{tmp_path / 'selector.db'}"
    Store(url).close()
    with Store(url, read_only=True) as store, pytest.raises(StoreError):
        store.add_examination(make_examination())


@given(ranks, ranks, st.integers(0, 2**32 - 1))
def test_counts_are_those_of_a_table(mine, theirs, seed):
    random = np.random.default_rng(seed)
    firsts = [random.integers(0, 3, len(each)).astype("<i4") for each in (mine, theirs)]
    one = make_examination(mine, firsts=firsts[0].tobytes())
    other = make_examination(theirs, firsts=firsts[1].tobytes())
    count = min(len(mine), len(theirs))
    right, reference = (np.frombuffer(each, np.uint8)[:count] == 0 for each in (mine, theirs))
    assert examined(one, other) == Examined(
        images=len(mine),
        total=10,
        right=sum(rank == 0 for rank in mine),
        among_five=sum(rank < 5 for rank in mine),
        compared=count,
        both=int((right & reference).sum()),
        lost=int((reference & ~right).sum()),
        won=int((right & ~reference).sum()),
        same=int((firsts[0][:count] == firsts[1][:count]).sum()),
    )


def test_alone_it_is_compared_with_nothing():
    assert examined(make_examination(), None) == Examined(5, 10, right=3, among_five=4)
    failed = replace(make_examination(b""), outcome=Outcome.CRASHED, message="ended by SIGSEGV")
    assert examined(failed, make_examination()).failure == "crashed: ended by SIGSEGV"
    assert examined(make_examination(), failed).compared == 0
