from __future__ import annotations

from collections.abc import Sequence

from selector.decision.sentences import Sentences


def test_sentences_are_made_once_and_only_when_read():
    calls = []

    def make(word: str) -> Sequence[str]:
        calls.append(word)
        return [word, word.upper()]

    sentences = Sentences(make, "why")
    assert calls == []
    assert list(sentences) == ["why", "WHY"]
    assert (sentences[0], sentences[-1:], len(sentences), "WHY" in sentences) == ("why", ("WHY",), 2, True)
    assert calls == ["why"]


def test_sentences_compare_as_the_tuple_that_they_hold():
    sentences = Sentences(tuple, ("a", "b"))
    assert sentences == ("a", "b")
    assert sentences == Sentences(list, ["a", "b"])
    assert sentences != ("a",)
    assert sentences != "ab"
    assert hash(sentences) == hash(("a", "b"))
    assert repr(sentences) == "('a', 'b')"
