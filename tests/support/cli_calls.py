"""What a test of the command line gets back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a command did: its exit code, its result and what it said beside it."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The result as JSON; nothing else may stand on standard output."""
        return json.loads(self.out)


Cli = Callable[..., Answer]
"""Runs one command, given what stands after ``selector``."""
