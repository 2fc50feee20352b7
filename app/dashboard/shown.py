"""How text of others is shown: as text, whatever it holds."""

from __future__ import annotations

import re

from selector.reports.markdown import escape

_DIRECTIVE = re.compile(r"(?<!\\):")


def as_text(text: object) -> str:
    """Markdown for Streamlit that shows just `text`: its own colours and icons (``:red[…]``) are escaped too."""
    return _DIRECTIVE.sub(r"\\:", escape(text))
