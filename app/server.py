"""The dashboard's server, warm: what the first page needs is at hand when somebody opens it.

Run by ``selector dashboard``; takes what ``streamlit run app/main.py`` takes. By itself Streamlit imports a page, and
the page reads the store, when the first visitor is already waiting for both.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

_HERE = Path(__file__).resolve().parent
if str(_HERE) not in sys.path:
    sys.path.insert(0, str(_HERE))
PATIENCE = 2.0
"""Seconds that the server waits for the store to be read; a huge one is read on while it serves."""


def main() -> None:
    """Serves until it is ended."""
    given = sys.argv[1:]
    from dashboard import sources, warming

    warming.imports()
    url = sources.store_url(given[given.index("--") + 1 :] if "--" in given else [])
    reading = threading.Thread(target=warming.first_page, args=(url,), name="warming", daemon=True)
    reading.start()
    from streamlit.web import cli

    reading.join(PATIENCE)
    sys.argv = ["streamlit", "run", str(_HERE / "main.py"), *given]
    cli.main(prog_name="streamlit")


if __name__ == "__main__":
    main()
