"""What is kept of a run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from selector.types import Certificate, Environment, Timing

if TYPE_CHECKING:
    from selector.requirements import RequirementProfile

RunEnd = Literal["finished", "interrupted", "failed"]
RunStatus = Literal["running", "finished", "interrupted", "failed"]

CHECK = "check"
"""The strategy of runs that measured an earlier choice again; every other run is an evaluation."""


@dataclass(frozen=True)
class RunRecord:
    """One run of `evaluate`, or of `check`.

    Attributes:
        id: Begins with the moment it began (UTC), so that ids sort by time.
        environment: Where it measured.
        profile_document: The profile as `RequirementProfile.as_dict` gave it.
        unavailable: Ways that could not run there, with the reason.
        notes: Sentences of its plan.
        excluded: (candidate id, reason) of what was excluded unmeasured, in the plan's order. Empty when a list of
            runs was asked for without them.
        status: "running" until it ends. One that was killed reads as "interrupted" where the store is an SQLite
            file; elsewhere it stays as it was.
        strategy: Name of the search strategy asked for; `CHECK` where an earlier choice was measured again.
        started: When (UTC).
        finished: When, or None.
        certificate: How the search went, None until it ended.
        timing: What it cost; zeros until it ended.
        revision: The store's revision when the run ended: the evidence of that moment is
            ``store.latest(identities, as_of=revision)``. None until it ended.
    """

    id: str
    environment: Environment
    profile_document: Mapping[str, Any]
    unavailable: Mapping[str, str]
    notes: tuple[str, ...]
    excluded: tuple[tuple[str, str], ...]
    status: RunStatus
    strategy: str
    started: dt.datetime
    finished: dt.datetime | None
    certificate: Certificate | None
    timing: Timing
    revision: int | None

    @cached_property
    def profile(self) -> RequirementProfile:
        """The profile that was asked for, parsed when it is first wanted: a list of runs needs no parser.

        Raises:
            ProfileError: It was written by a version whose profiles this one does not understand.
        """
        from selector.requirements import RequirementProfile

        return RequirementProfile.from_dict(dict(self.profile_document))

    @property
    def is_check(self) -> bool:
        """Whether an earlier choice was measured again: such measurements stand aside, see `Store.add`."""
        return self.strategy == CHECK

    @property
    def profile_name(self) -> str:
        """The profile's name."""
        return str(self.profile_document.get("name", ""))
