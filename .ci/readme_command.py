"""Prints a command of README.md, so that what CI runs and what people are told cannot drift apart.

A command is the fenced block right after its marker, e.g. ``<!-- command: test -->``.

    python3 .ci/readme_command.py test
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_README = Path(__file__).resolve().parent.parent / "README.md"
_MARKED = re.compile(r"^<!-- command: (?P<name>[\w-]+) -->\n+```\w*\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> dict[str, str]:
    """The marked commands of a README by name."""
    return {found["name"]: found["body"].strip() for found in _MARKED.finditer(text)}


def main() -> int:
    """Prints the command that the first argument names; 2 when there is none."""
    found = commands(_README.read_text(encoding="utf-8"))
    wanted = sys.argv[1] if len(sys.argv) == 2 else ""
    if wanted not in found:
        print(f"README.md marks no command {wanted!r}; it marks: {', '.join(found) or 'none'}", file=sys.stderr)
        return 2
    print(found[wanted])
    return 0


if __name__ == "__main__":
    sys.exit(main())
