"""What the first visitor would wait for, done before somebody comes."""

from __future__ import annotations

import gc
import importlib
import logging

from selector.errors import SelectorError

_YOUNG = 50_000
"""New objects after which the garbage collector looks at them; Python's own 700 make it look hundreds of times while
thousands of candidates are decided, and now and then at everything that was read from the store."""
_SOONEST_NEEDED = ("pandas", "pyarrow", "altair", "sqlalchemy.dialects.sqlite", "selector.journey", "dashboard.frame")


def imports() -> None:
    """Imports what the pages import, and what these import when they draw."""
    for name in _SOONEST_NEEDED:
        importlib.import_module(name)
    gc.set_threshold(_YOUNG, 10, 10)


def first_page(url: str) -> None:
    """Reads the store and decides what the first page shows; whoever comes meanwhile waits for the rest of it.

    Args:
        url: The store's address.
    """
    from dashboard import sources
    from selector.store import Store

    # Outside a visit Streamlit warns that there is none, at every widget and cache.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").setLevel(logging.ERROR)
    gc.disable()
    try:
        with Store(url, read_only=True) as store:
            sources.newest(store, url, store.revision())
    except SelectorError:
        pass  # the page says what is wrong with it
    finally:
        gc.freeze()  # what is imported and read stays: nobody has to look through it again and again
        gc.enable()
