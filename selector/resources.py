"""Where the bundled folders are: `profiles/`, `data/` and `app/`.

In a checkout they stand beside the package, in a wheel inside it.
"""

from __future__ import annotations

from pathlib import Path

from selector.errors import SelectorError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The bundled folder `name`.

    Raises:
        SelectorError: The installation is incomplete.
    """
    for parent in (_PACKAGE, _PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise SelectorError(f"the folder {name!r} is missing from this installation of selector; install it again")
