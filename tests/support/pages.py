"""The dashboard's pages in Streamlit's own test harness."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from selector.resources import folder

MAIN = folder("app") / "main.py"
SECONDS = 60
ALONE = f"""
import sys
sys.path.insert(0, {str(MAIN.parent)!r})
from dashboard import frame
frame.only("KEY")
"""
"""One page without the menu, which the harness cannot follow."""

Opens = Callable[..., AppTest]
"""Opens a page: the store's URL, the page's key, and what the address says."""


def checked(page: AppTest) -> AppTest:
    """The page, on which nothing went wrong."""
    assert not page.exception, page.exception[0].message
    return page


def said(page: AppTest) -> dict[str, str]:
    """What the address says now."""
    params = page.query_params
    return {key: value[0] if isinstance(value := params[key], list) else value for key in params}
