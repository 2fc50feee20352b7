"""Whether this machine can measure: a visit in which every registered check looks at one thing and says what to do.

A check is one function under `@check` in a module of this package (or in a package of your own, entry point group
``selector.check``); whatever lists, runs or prints checks follows from the registry. `visiting` runs them, `report`
writes down what they found.
"""

from __future__ import annotations

from selector.doctor.base import CHECKS, Check, Finding, Result, Visit, check
from selector.doctor.report import Report, document, render_text
from selector.doctor.visiting import examine

__all__ = ["CHECKS", "Check", "Finding", "Report", "Result", "Visit", "check", "document", "examine", "render_text"]
