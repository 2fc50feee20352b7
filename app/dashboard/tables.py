"""Tables of the dashboard: figures sort as figures, names are not cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from selector.reports import browsing, content

WIDTHS = {"rank": 50, "model": 200, "way": 120, "limit": 110}
"""Pixels of columns that are not figures."""
_LETTER, _WIDEST = 8, 640
"""Pixels of a letter, and of the widest column of names."""
ROWS = 500
"""Rows of a table at most; the CSV and JSON reports have all."""


def ranking(table: content.Table, key: str, *, pick: bool = False) -> int | None:
    """A table of candidates.

    Args:
        table: Its rows.
        key: Of the widget.
        pick: Whether a row can be picked.

    Returns:
        The place of the row that is picked, None without one.
    """
    columns: dict[str, Any] = {}
    data: dict[str, list[Any]] = {}
    for place, column in enumerate(table.columns):
        cells = [row[place] for row in table.rows]
        arrow = browsing.arrow(column)
        heading = f"{column.heading} {arrow}".strip()
        if column.key in ("rank", "model", "way"):
            data[heading] = [cell.text for cell in cells]
            columns[heading] = st.column_config.TextColumn(width=_width(column.key, data[heading]))
        elif column.key == "limit":
            data[heading] = [None if cell.number is None else 100 * cell.number for cell in cells]
            columns[heading] = st.column_config.ProgressColumn(
                width=WIDTHS["limit"], format="%.0f %%", min_value=0.0, max_value=100.0
            )
        else:
            data[heading] = [cell.number for cell in cells]
            columns[heading] = st.column_config.NumberColumn(format=f"%.{column.decimals}f")
    if not pick:
        st.dataframe(data, column_config=columns, hide_index=True, width="stretch", key=key)
        return None
    event = st.dataframe(
        data,
        column_config=columns,
        hide_index=True,
        width="stretch",
        key=key,
        on_select="rerun",
        selection_mode="single-row",
    )
    rows = event.selection.rows
    return rows[0] if rows and rows[0] < len(table.rows) else None


def _width(key: str, texts: Sequence[str]) -> int:
    """Pixels that show the longest name whole."""
    return max(WIDTHS[key], min(_WIDEST, _LETTER * max(map(len, texts), default=0)))


def plain(data: Mapping[str, Sequence[Any]], key: str | None = None) -> None:
    """A table of words."""
    columns = {
        name: st.column_config.TextColumn(width=_width(name, texts) if name in WIDTHS else None)
        for name, texts in data.items()
    }
    st.dataframe(data, column_config=columns, hide_index=True, width="stretch", key=key)


def rows(headings: Sequence[str], lines: Sequence[Sequence[str]], key: str | None = None) -> None:
    """A table of words, row by row."""
    plain({title or "·": [line[place] for line in lines] for place, title in enumerate(headings)}, key)
