"""What a page is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashboard.sources import Source
    from selector.store import Store


@dataclass(frozen=True)
class View:
    """What a page shows from.

    Attributes:
        url: The store's address.
        store: The store, open for reading until the page is drawn; None where there is none.
        revision: The store's revision.
        source: What was picked; None where nothing can be decided.
    """

    url: str
    store: Store | None
    revision: int
    source: Source | None
