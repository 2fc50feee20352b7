"""The catalog: models by name, family and pattern."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from selector.catalog.families import short_name
from selector.errors import UnknownNameError
from selector.types import ModelFacts

_WILDCARD = re.compile(r"[*?\[]")


class Catalog:
    """All known models.

    Args:
        models: What is known of each; names are unique.
        defaults: Architecture to the name of the model that its bare name means (timm's default weights).
    """

    def __init__(self, models: Iterable[ModelFacts], defaults: Mapping[str, str]) -> None:
        self._models = {facts.name: facts for facts in sorted(models, key=lambda facts: facts.name)}
        self._defaults = dict(defaults)

    @property
    def models(self) -> tuple[ModelFacts, ...]:
        """Everything, by name."""
        return tuple(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    def names(self) -> list[str]:
        """Full names, ``architecture.tag``, sorted."""
        return list(self._models)

    def families(self) -> dict[str, int]:
        """Family to the number of its models, sorted by name."""
        counts = Counter(facts.family for facts in self._models.values())
        return {family: counts[family] for family in sorted(counts)}

    def facts(self, name: str) -> ModelFacts:
        """What is known of one model.

        Args:
            name: ``architecture.tag``, or an architecture alone for timm's default weights of it.

        Raises:
            UnknownNameError: No such model; the message offers a near one.
        """
        facts = self._models.get(self._defaults.get(name, name))
        if facts is None:
            raise UnknownNameError("model", name, self._near_models(name))
        return facts

    def select(
        self, models: Sequence[str] = (), families: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> list[ModelFacts]:
        """The models that a profile's `candidates` name: `models` and `families` united, less `exclude`.

        Args:
            models: Names, or globs over full names ("swin_*", "*.fb_in22k_ft_in1k"). An architecture alone means
                timm's default weights of it.
            families: Family names or globs; timm's module names are understood too ("vision_transformer" is "vit").
            exclude: Like `models`, but an architecture alone takes all of its weights away.

        Returns:
            Sorted by name, each once; every model when neither `models` nor `families` names any.

        Raises:
            UnknownNameError: A name or glob, to exclude too, that no model in the catalog has.
        """
        chosen: set[str] = set()
        for pattern in models:
            chosen |= self._matching(pattern)
        for family in families:
            chosen |= self._members(family)
        if not models and not families:
            chosen = set(self._models)
        for pattern in exclude:
            chosen -= self._weights_of(pattern) or self._matching(pattern)
        return [facts for name, facts in self._models.items() if name in chosen]

    def _matching(self, pattern: str) -> set[str]:
        """Names of the models that a name or a glob means; never empty."""
        if not _WILDCARD.search(pattern):
            return {self.facts(pattern).name}
        found = set(fnmatch.filter(self._models, pattern))
        if not found:
            raise UnknownNameError("model", pattern, self._near_globs(pattern))
        return found

    def _members(self, pattern: str) -> set[str]:
        """Names of the models of the families that a name or a glob means; never empty."""
        families = self.families()
        meant = {family for family in families if fnmatch.fnmatchcase(family, short_name(pattern))}
        if not meant:
            raise UnknownNameError("family", pattern, families)
        return {name for name, facts in self._models.items() if facts.family in meant}

    def _weights_of(self, architecture: str) -> set[str]:
        return {name for name, facts in self._models.items() if facts.architecture == architecture}

    def _near_models(self, name: str) -> Collection[str]:
        """What to offer for a wrong name: weights of its architecture when that is right, else anything."""
        return self._weights_of(name.partition(".")[0]) or [*self._models, *self._defaults]

    def _near_globs(self, pattern: str) -> list[str]:
        """What to offer for a glob without match: the same with its first word corrected, where that matches."""
        head = re.split(r"[^A-Za-z0-9]", pattern, maxsplit=1)[0]
        words = sorted({facts.architecture.split("_")[0] for facts in self._models.values()})
        near = difflib.get_close_matches(head, words, n=1)
        if not near:
            return [f"{word}*" for word in words]
        corrected = near[0] + pattern[len(head) :]
        return [corrected if fnmatch.filter(self._models, corrected) else f"{near[0]}*"]
