"""A bench as a child process gets it, for tests that call `build` and `load` of a way themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.evidence import make_candidate

from selector.artifacts import ArtifactCache
from selector.catalog import load_catalog
from selector.optimizations import Bench
from selector.profiler import models


def real_bench(folder: Path, model: str, optimization: str = "onnxruntime", **changes: Any) -> Bench:
    """A small timm model on random weights, with a cache in `folder`; `changes` go into the candidate."""
    (facts,) = load_catalog().select((model,), (), ())
    candidate = make_candidate(facts, optimization, **changes)
    cache = ArtifactCache(folder)
    stored = models.fetch_weights(cache, facts, candidate, pretrained=False)
    return Bench(
        candidate=candidate,
        torch_device="cpu",
        threads=1,
        cache=cache,
        weights_key=stored.key,
        weights_bytes=stored.path.stat().st_size,
        model=lambda: models.load_model(facts, candidate, stored),
    )
