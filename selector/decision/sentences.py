"""Sentences that are made when somebody reads them.

Thousands of candidates are re-ranked while a slider moves; the reasons of a few are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

T = TypeVar("T")


class Sentences(Sequence[str]):
    """A sequence of sentences, equal to the tuple or other sequence that holds the same.

    Args:
        make: Gives the sentences; pure, called once, and a module's or a method so that decisions can be pickled.
        argument: What it is called with.
    """

    __slots__ = ("_argument", "_made", "_make")

    def __init__(self, make: Callable[[T], Sequence[str]], argument: T) -> None:
        self._make: Callable[[Any], Sequence[str]] = make
        self._argument = argument
        self._made: tuple[str, ...] | None = None

    def _all(self) -> tuple[str, ...]:
        if self._made is None:
            self._made = tuple(self._make(self._argument))
        return self._made

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and not isinstance(other, str) and self._all() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())
