r"""What reaches the terminal: results on standard output, everything else on standard error.

Names, paths, notes and logs of others may hold escape sequences, marks that turn the direction of reading, or line
breaks that are none to a file. All that is printed goes through `visible`, which writes those as ``\u001b``: to
read in a text, and the same text still in JSON.
"""

from __future__ import annotations

import sys
import unicodedata

from selector.errors import OutputError

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_KEPT = frozenset("\n\t\u200c\u200d\u2060")
"""Line breaks and tabs, and the joiners without which some scripts and emoji cannot be written."""


def visible(text: str) -> str:
    """The text with control, format and separator characters as escapes; lines stay lines."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(_escaped(character) if _hidden(character) else character for character in text)


def show(text: str, end: str = "\n") -> None:
    """Prints a result on standard output.

    Raises:
        OutputError: It cannot be written there.
    """
    try:
        print(visible(text), end=end)
    except BrokenPipeError:
        raise  # the reader has left, which is no error
    except OSError as error:
        raise unwritten(error) from None


def say(text: str) -> None:
    """A line on standard error."""
    print(visible(text), file=sys.stderr, flush=True)


def unwritten(error: OSError) -> OutputError:
    """What is said when standard output takes no more."""
    return OutputError(
        f"the result could not be written to standard output ({error.strerror}). What was measured is kept: give the "
        "command again, and send its output elsewhere"
    )


def _hidden(character: str) -> bool:
    return character not in _KEPT and unicodedata.category(character) in _HIDDEN


def _escaped(character: str) -> str:
    """As JSON has it: characters beyond U+FFFF as two surrogates."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))
