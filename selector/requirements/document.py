"""YAML as a tree that remembers where everything stands.

Every scalar stays the text that was written; what it means is for the profile's fields to say. So YAML's own
guesses (``no`` is false, ``12:30`` is 750, ``1e-3`` is a text) never get in the way. The reader works on the event
stream and keeps its own bounds: documents that nest deeply or that aliases blow up are refused early, whatever
their size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from selector.errors import Problem
from selector.requirements.fields import quoted
from selector.requirements.syntax import SyntaxProblem, explain

MAX_NODES = 10_000
"""Keys and values that a profile may have, aliases written out."""
MAX_DEPTH = 16
"""Sections and lists inside one another."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mark:
    """A place in the text: 1-based line and column."""

    line: int
    column: int


@dataclass
class Scalar:
    """A text as written, or None for YAML's null."""

    text: str | None
    mark: Mark


@dataclass
class Listing:
    """A list, without its null entries."""

    mark: Mark
    items: list[Node] = field(default_factory=list)


@dataclass
class Section:
    """Keys and values; each key with its own place."""

    mark: Mark
    entries: dict[str, tuple[Mark, Node]] = field(default_factory=dict)


Node = Scalar | Listing | Section


@dataclass(frozen=True)
class Fault:
    """Something wrong with the writing, whatever it says."""

    message: str
    mark: Mark | None = None
    suggestion: str = ""


class UnreadableError(Exception):
    """The text cannot be read on from here; `fault` says why."""

    def __init__(self, message: str, mark: Mark | None = None, suggestion: str = "") -> None:
        self.fault = Fault(message, mark, suggestion)
        super().__init__(message)


class Document:
    """A profile's text and what YAML makes of it.

    Attributes:
        root: The top section; empty when the text could not be read.
        readable: Whether it could be read to its end.
        problems: What was wrong with the writing itself.
    """

    def __init__(self, text: str) -> None:
        text = text.removeprefix("\ufeff")
        self._lines = _LINE_BREAK.split(text)
        self._shown: dict[int, str] = {}
        builder = _Builder()
        faults = builder.faults
        self.root = Section(Mark(1, 1))
        self.readable = True
        try:
            self.root = builder.read(text, self._lines)
        except UnreadableError as error:
            faults.append(error.fault)
            self.readable = False
        self.problems = [self.problem(fault.message, fault.mark, fault.suggestion) for fault in faults]

    def problem(self, message: str, mark: Mark | None, suggestion: str = "") -> Problem:
        """A problem at a place, with the line as written."""
        if mark is None:
            return Problem(message, suggestion=suggestion)
        return Problem(message, mark.line, mark.column, self._line(mark.line), suggestion)

    def node(self, path: Path) -> Node | None:
        """What stands at `path`, or None."""
        node: Node | None = self.root
        for part in path:
            node = self._child(node, part)
        return node

    def mark(self, path: Path, at_key: bool = False) -> Mark:
        """Where the value at `path` stands (or its key); the nearest place above, where there is no such path."""
        node: Node = self.root
        mark = node.mark
        for part in path:
            child = self._child(node, part)
            if child is None:
                break
            key = node.entries[str(part)][0] if isinstance(node, Section) else child.mark
            node, mark = child, key if at_key else child.mark
        return mark

    def data(self, node: Node | None = None) -> Any:
        """Dictionaries, lists and texts; keys without a value are left out."""
        node = self.root if node is None else node
        if isinstance(node, Section):
            return {key: self.data(value) for key, (_, value) in node.entries.items() if not is_null(value)}
        if isinstance(node, Listing):
            return [self.data(item) for item in node.items]
        return node.text

    def _child(self, node: Node | None, part: str | int) -> Node | None:
        if isinstance(node, Section):
            entry = node.entries.get(str(part))
            return entry[1] if entry else None
        if isinstance(node, Listing) and isinstance(part, int) and part < len(node.items):
            return node.items[part]
        return None

    def _line(self, number: int) -> str:
        """The line with control characters as blanks; kept, as one long line may have many problems."""
        if number not in self._shown:
            line = self._lines[number - 1] if number <= len(self._lines) else ""
            self._shown[number] = line if line.isprintable() else _visible(line)
        return self._shown[number]


def _visible(line: str) -> str:
    return "".join(character if character.isprintable() else " " for character in line)


def is_null(node: Node) -> bool:
    """Whether nothing stands there."""
    return isinstance(node, Scalar) and node.text is None


@dataclass
class _Frame:
    """A section or list that is being filled.

    Attributes:
        node: The section or list.
        anchor: Its anchor, or None.
        start: Nodes counted before it.
        height: Levels below it so far.
        key: The key whose value comes next, None when a key comes next. The text is None for a key that cannot
            be used.
    """

    node: Listing | Section
    anchor: str | None
    start: int
    height: int = 0
    key: tuple[str | None, Mark] | None = None


class _Builder:
    """Turns the event stream of one document into a tree."""

    def __init__(self) -> None:
        self._root: Node | None = None
        self.faults: list[Fault] = []
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._count = 0

    def read(self, text: str, lines: list[str]) -> Section:
        """The top section of the only document in `text`.

        Raises:
            UnreadableError: It is not YAML, passes a bound, or is not one document of keys and values.
        """
        _refuse_unprintable(text)
        documents = 0
        for event in _events(text, lines):
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                raise UnreadableError("a second document begins here; a profile is one", _mark(event))
            self._take(event)
        if self._root is None or is_null(self._root):
            raise UnreadableError("the profile is empty", None, "see profiles/quickstart.yaml for one to begin with")
        if not isinstance(self._root, Section):
            raise UnreadableError("a profile is made of keys and values such as 'name: my-service'", self._root.mark)
        return self._root

    def _take(self, event: yaml.Event) -> None:
        mark = _mark(event)
        tag = getattr(event, "tag", None)
        if tag is not None:
            shown = quoted(tag.replace("tag:yaml.org,2002:", "!!"))
            self.faults.append(Fault(f"tags such as {shown} are not allowed in a profile", mark))
        if isinstance(event, yaml.ScalarEvent):
            null = not event.style and event.value in _NULLS
            self._close(Scalar(None if null else event.value, mark), event.anchor, size=1, height=0)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor or "", mark)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open(Listing(mark), event.anchor)
        elif isinstance(event, yaml.MappingStartEvent):
            self._open(Section(mark), event.anchor)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            frame = self._stack.pop()
            self._count += 1
            size = self._count - frame.start
            self._attach(frame.node, frame.anchor, size, frame.height + 1)

    def _open(self, node: Listing | Section, anchor: str | None) -> None:
        self._check(node.mark, depth=len(self._stack) + 1)
        self._stack.append(_Frame(node, anchor, self._count))

    def _alias(self, anchor: str, mark: Mark) -> None:
        if anchor not in self._anchors:
            raise UnreadableError(
                f"{quoted('*' + anchor)} refers to an anchor that is not there",
                mark,
                "a pattern that begins with '*' must stand in quotes",
            )
        node, size, height = self._anchors[anchor]
        self._close(node, None, size, height, mark)

    def _close(self, node: Node, anchor: str | None, size: int, height: int, mark: Mark | None = None) -> None:
        self._count += size
        self._check(mark or node.mark, depth=len(self._stack) + height)
        self._attach(node, anchor, size, height)

    def _check(self, mark: Mark, depth: int) -> None:
        if self._count > MAX_NODES:
            raise UnreadableError(f"a profile has at most {MAX_NODES:,} keys and values, aliases written out", mark)
        if depth > MAX_DEPTH:
            raise UnreadableError(f"sections and lists may be nested {MAX_DEPTH} deep", mark)

    def _attach(self, node: Node, anchor: str | None, size: int, height: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size, height)
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        frame.height = max(frame.height, height)
        if isinstance(frame.node, Listing):
            if is_null(node):
                self.faults.append(Fault("this entry of the list is empty", node.mark))
            else:
                frame.node.items.append(node)
        elif frame.key is None:
            frame.key = (self._key(node), node.mark)
        else:
            (name, place), frame.key = frame.key, None
            self._entry(frame.node, name, place, node)

    def _key(self, node: Node) -> str | None:
        if isinstance(node, Scalar):
            return node.text or ""
        self.faults.append(Fault("a key must be a text", node.mark))
        return None

    def _entry(self, section: Section, name: str | None, place: Mark, node: Node) -> None:
        if name is None:
            return
        if name in section.entries:
            first = section.entries[name][0].line
            self.faults.append(
                Fault(f"{quoted(name)} stands here a second time; the first is on line {first}", place)
            )
            return
        section.entries[name] = (place, node)
        if is_null(node):
            self.faults.append(Fault(f"{quoted(name)} has no value: write one or leave the key out", place))


def _refuse_unprintable(text: str) -> None:
    """YAML's own rule, told with a place."""
    bad = _UNREADABLE.search(text)
    if bad:
        before = _LINE_BREAK.split(text[: bad.start()])
        raise UnreadableError(
            f"the character U+{ord(bad[0]):04X} is not allowed in a profile; is this a text file?",
            Mark(len(before), len(before[-1]) + 1),
        )


def _events(text: str, lines: list[str]) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=_Loader)
    except yaml.YAMLError as error:
        found: SyntaxProblem = explain(error, lines)
        mark = Mark(found.line, found.column) if found.line else None
        raise UnreadableError(found.message, mark, found.suggestion) from None


def _mark(event: yaml.Event) -> Mark:
    start: Any = event.start_mark
    return Mark(start.line + 1, start.column + 1)
