"""Text of others made harmless: names, notes and logs stay text wherever they are shown."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS = "\u200c\u200d\u2060"
"""Format characters that scripts and emoji need; they cannot reorder or hide text."""


def plain(text: object) -> str:
    """One line without anything that a terminal, a browser or a reader's eye could be led astray by.

    White space of every kind becomes one blank; escape sequences, other control characters, bidirectional overrides
    and lone surrogates become the replacement character.
    """
    line = " ".join(str(text).split())
    if line.isascii() and line.isprintable():  # most names are, and there are thousands
        return line
    return "".join(_REPLACEMENT if _hidden(character) else character for character in line)


_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def _hidden(character: str) -> bool:
    return character not in _JOINERS and unicodedata.category(character) in _HIDDEN


def shorten(text: str, width: int) -> str:
    """`text` cut in the middle to `width` characters, where names differ least."""
    if len(text) <= width:
        return text
    if width < 3:
        return text[:width]
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def file_name(text: str, width: int) -> str:
    """A candidate's or model's name as figures have room for it.

    Of own weights, which are called by their file, the folder and the file; the middle goes where that is too long.
    """
    parts = text.split("/")
    return shorten(text if len(parts) <= _FOLDERS else "…/" + "/".join(parts[-_FOLDERS:]), width)


_FOLDERS = 2
