"""Where measuring happens. One engine so far: this machine."""

from __future__ import annotations

from selector.engines.local import LocalEngine, Order, Result

__all__ = ["LocalEngine", "Order", "Result"]
