"""The address of the page: whoever opens it elsewhere sees the same profile, limits, weights, selection and page.

Widgets keep their state in the session; of the address a session reads what it was opened with, once, and writes what
the page shows now. Keys of `st.session_state` that belong to no widget survive a change of page, widgets' do not.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any

import streamlit as st

_ASKED, _SHOWN, _SENT = "address:asked", "address:shown", "address:sent"
LONGEST = 6_000
"""Characters of a profile in the address; browsers and servers cut addresses that are much longer."""


def take() -> None:
    """Reads the address that the session was opened with, once; begins to note what is shown."""
    if _ASKED not in st.session_state:
        st.session_state[_ASKED] = {key: st.query_params[key] for key in st.query_params}
    st.session_state[_SHOWN] = {}


def asked(key: str) -> str | None:
    """What the address said when the session was opened."""
    found = st.session_state[_ASKED].get(key)
    return None if found is None else str(found)


def asked_below(prefix: str) -> dict[str, str]:
    """All that the address said under a prefix: "limit." gives limits by requirement."""
    given: dict[str, Any] = st.session_state[_ASKED]
    return {key.removeprefix(prefix): str(value) for key, value in given.items() if key.startswith(prefix)}


def forget(*keys: str) -> None:
    """What the address said no longer counts, because a person chose something else."""
    for key in keys:
        st.session_state[_ASKED].pop(key, None)


def note(key: str, value: str | None) -> None:
    """Notes what the page shows; nothing for None."""
    if value is not None:
        st.session_state[_SHOWN][key] = value


def write() -> None:
    """Writes what was noted into the address."""
    shown: dict[str, str] = st.session_state[_SHOWN]
    if {key: st.query_params[key] for key in st.query_params} != shown:
        st.query_params.from_dict(shown)


def packed(text: str) -> str | None:
    """A text as a part of an address; None where it is too long for one."""
    found = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")
    return found if len(found) <= LONGEST else None


def unpacked(part: str, most: int) -> bytes | None:
    """What `packed` took; None for anything else, or for more than `most` bytes."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        reader = zlib.decompressobj()
        found = reader.decompress(data, most + 1)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return found if len(found) <= most and reader.eof else None


def send_to(page: str) -> None:
    """Shows another page at the next run; for buttons."""
    st.session_state[_SENT] = page


def sent_to() -> str | None:
    """The page that a button asked for, once."""
    found = st.session_state.pop(_SENT, None)
    return None if found is None else str(found)
