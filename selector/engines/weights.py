"""Which models run on their published weights in a run, and why others do not."""

from __future__ import annotations

from collections.abc import Sequence

from selector.profiler import hub
from selector.types import DeviceKind, ModelFacts


class WeightsPolicy:
    """Published weights where they lie in the cache or the hub can be asked, random ones elsewhere.

    Args:
        device_kind: A simulated device needs none.
        models: The models to be measured; the hub is asked for one of them, once, unless all are cached.
        offline: Never ask the hub.
    """

    def __init__(self, device_kind: DeviceKind, models: Sequence[ModelFacts], *, offline: bool) -> None:
        self._device_kind = device_kind
        self._given_up: set[str] = set()
        self._cached: set[str] = set()
        models = [facts for facts in models if facts.checkpoint is None]  # own weights lie here
        self.gap: str | None = None
        if device_kind == "fake" or not models:
            self._given_up = {facts.name for facts in models}
        else:
            self._cached = {facts.name for facts in models if hub.cached(facts)}
            missing = [facts for facts in models if facts.name not in self._cached]
            if missing:
                self.gap = "--offline was given" if offline else hub.unreachable(missing[0])
        self.offline = offline or self.gap is not None

    def pretrained(self, facts: ModelFacts) -> bool:
        """Whether a model's published weights are wanted."""
        if facts.checkpoint is not None:
            return self._device_kind != "fake"
        if facts.name in self._given_up:
            return False
        return facts.name in self._cached or self.gap is None

    def give_up(self, facts: ModelFacts) -> None:
        """Its published weights could not be had; they are not asked for again in this run."""
        self._given_up.add(facts.name)

    @property
    def note(self) -> str | None:
        """A sentence for every report, or None when nothing is missing."""
        if self.gap is None:
            return None
        return (
            f"Published weights were not to be had for every model: {self.gap}. Such models were measured on random "
            "weights, which changes neither speed nor memory; agreement of classes was then not observed."
        )
