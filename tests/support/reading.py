"""The words of a report as a person sees them, whatever its format."""

from __future__ import annotations

import io
import re


def readable(report: str | bytes) -> str:
    """Its text on one line; of a PDF what can be copied from its pages."""
    if isinstance(report, bytes):
        import pypdf

        report = "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(report)).pages)
    return re.sub(r"\s+", " ", report)
