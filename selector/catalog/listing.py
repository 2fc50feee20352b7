"""What `selector models` shows: the catalog filtered and sorted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from selector.catalog.families import short_name
from selector.errors import UnknownNameError
from selector.types import ImageSize, ModelFacts, PublishedFigure

DEFAULT_DATASET = "imagenet-1k"
"""The test set that is meant where none is named."""

UNKNOWN_LICENSE = "unknown"
"""What stands for a licence that is not stated."""


def published_top1(facts: ModelFacts, dataset: str = DEFAULT_DATASET) -> float | None:
    """The top-1 published for these weights on `dataset` at the native size, 0 to 1, or None."""
    figure = _native_figure(facts, dataset)
    return figure.top1 if figure else None


def published_top5(facts: ModelFacts, dataset: str = DEFAULT_DATASET) -> float | None:
    """The top-5 published for these weights on `dataset` at the native size, 0 to 1, or None."""
    figure = _native_figure(facts, dataset)
    return figure.top5 if figure else None


def published_datasets(models: Iterable[ModelFacts]) -> list[str]:
    """The test sets on which figures of any of the models are published, sorted."""
    return sorted({figure.dataset for facts in models for figure in facts.published})


def _native_figure(facts: ModelFacts, dataset: str) -> PublishedFigure | None:
    for figure in facts.published:
        if figure.dataset == dataset and figure.image_size == facts.image_size:
            return figure
    return None


@dataclass(frozen=True)
class Column:
    """Something to sort models by.

    Attributes:
        name: As written on the command line.
        value: Its value for a model; None sorts last, whichever the direction.
        descending: Whether the largest stands first unless the direction is given.
    """

    name: str
    value: Callable[[ModelFacts], str | float | None]
    descending: bool = False


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("name", lambda facts: facts.name),
        Column("architecture", lambda facts: facts.architecture),
        Column("tag", lambda facts: facts.tag),
        Column("family", lambda facts: facts.family),
        Column("image_size", lambda facts: facts.image_size[0] * facts.image_size[1]),
        Column("num_classes", lambda facts: facts.num_classes),
        Column("parameters", lambda facts: facts.parameters),
        Column("gmacs", lambda facts: facts.gmacs),
        Column("activations", lambda facts: facts.activations),
        Column("license", lambda facts: facts.license),
        Column("pretraining", lambda facts: facts.pretraining),
        Column("top1", published_top1, descending=True),
        Column("top5", published_top5, descending=True),
    )
}
"""Columns by name, in the order in which they are shown."""


@dataclass(frozen=True)
class ModelFilter:
    """Which models to list; what is empty or None lets all pass. A model passes a limit only with a known figure.

    Attributes:
        families: Family names or globs, any of them.
        licenses: Licences, any of them; "unknown" for those that state none.
        tags: Globs over the weights' tag, any of them.
        pretraining: Globs over the pretraining data, any of them.
        image_size: Native height and width, exactly.
        min_size, max_size: Longer side of the native size in pixels, at least and at most.
        num_classes: Width of the classifier, exactly.
        min_parameters, max_parameters: Number of weights.
        min_gmacs, max_gmacs: Multiply-accumulates for one image in 1e9.
        min_activations, max_activations: Elements of layer outputs for one image.
        min_top1, min_top5: Accuracy published on `dataset` at the native size at least, 0 to 1.
        dataset: The test set of published figures.
        text: Words that all occur in name, family, licence or pretraining, in upper or lower case; a word with
            wildcards is a glob over the name.
    """

    families: Sequence[str] = ()
    licenses: Sequence[str] = ()
    tags: Sequence[str] = ()
    pretraining: Sequence[str] = ()
    image_size: ImageSize | None = None
    min_size: int | None = None
    max_size: int | None = None
    num_classes: int | None = None
    min_parameters: float | None = None
    max_parameters: float | None = None
    min_gmacs: float | None = None
    max_gmacs: float | None = None
    min_activations: float | None = None
    max_activations: float | None = None
    min_top1: float | None = None
    min_top5: float | None = None
    dataset: str = DEFAULT_DATASET
    text: str = ""

    def passes(self, facts: ModelFacts) -> bool:
        """Whether the model is to be listed."""
        return self._named(facts) and self._within(facts) and all(_found(word, facts) for word in self.text.split())

    def _named(self, facts: ModelFacts) -> bool:
        license_ = facts.license or UNKNOWN_LICENSE
        return (
            _any_matches(facts.family, [short_name(family) for family in self.families])
            and (not self.licenses or license_ in [wanted.lower() for wanted in self.licenses])
            and _any_matches(facts.tag, self.tags)
            and _any_matches(facts.pretraining or "", self.pretraining)
            and self.image_size in (None, facts.image_size)
            and self.num_classes in (None, facts.num_classes)
        )

    def _within(self, facts: ModelFacts) -> bool:
        return (
            _between(max(facts.image_size), self.min_size, self.max_size)
            and _between(facts.parameters, self.min_parameters, self.max_parameters)
            and _between(facts.gmacs, self.min_gmacs, self.max_gmacs)
            and _between(facts.activations, self.min_activations, self.max_activations)
            and _between(published_top1(facts, self.dataset), self.min_top1, None)
            and _between(published_top5(facts, self.dataset), self.min_top5, None)
        )


def list_models(
    models: Iterable[ModelFacts],
    wanted: ModelFilter | None = None,
    sort: str = "name",
    descending: bool | None = None,
) -> list[ModelFacts]:
    """The models that pass, in order.

    Args:
        models: Out of which, e.g. `Catalog.models`.
        wanted: Which of them; None for all.
        sort: Name of a column of `COLUMNS`.
        descending: Largest first; None for the column's own direction (accuracy: best first).

    Returns:
        Sorted by the column, then by name; models without a value in it last.

    Raises:
        UnknownNameError: No such column; or a family, licence, tag, pretraining or test set that none of `models`
            has.
    """
    if sort not in COLUMNS:
        raise UnknownNameError("column", sort, COLUMNS)
    listed = list(models)
    column = COLUMNS[sort]
    if wanted is not None:
        _check("family", [short_name(name) for name in wanted.families], {facts.family for facts in listed})
        known = {facts.license or UNKNOWN_LICENSE for facts in listed} | {UNKNOWN_LICENSE}
        _check("licence", [name.lower() for name in wanted.licenses], known)
        _check("tag", wanted.tags, {facts.tag for facts in listed})
        _check("pretraining", wanted.pretraining, {facts.pretraining for facts in listed if facts.pretraining})
        if wanted.dataset != DEFAULT_DATASET:
            _check("test set", [wanted.dataset], published_datasets(listed))
            column = _on(column, wanted.dataset)
        listed = [facts for facts in listed if wanted.passes(facts)]
    return _sorted(listed, column, column.descending if descending is None else descending)


def _on(column: Column, dataset: str) -> Column:
    """The column with the figures of another test set, where it has published ones."""
    if column.name == "top1":
        return replace(column, value=lambda facts: published_top1(facts, dataset))
    if column.name == "top5":
        return replace(column, value=lambda facts: published_top5(facts, dataset))
    return column


def _sorted(models: list[ModelFacts], column: Column, descending: bool) -> list[ModelFacts]:
    by_name = sorted(models, key=lambda facts: facts.name)
    valued = [(column.value(facts), facts) for facts in by_name]
    present = [(value, facts) for value, facts in valued if value is not None]
    present.sort(key=lambda pair: pair[0], reverse=descending)  # stable, so that equals stay in order of name
    return [facts for _, facts in present] + [facts for value, facts in valued if value is None]


def _check(kind: str, patterns: Iterable[str], known: Collection[str]) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UnknownNameError(kind, pattern, known)


def _any_matches(value: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)


def _between(value: float | None, least: float | None, most: float | None) -> bool:
    """Whether a value is within its limits; one that is not known is within none."""
    if value is None:
        return least is None and most is None
    return (least is None or value >= least) and (most is None or value <= most)


def _found(word: str, facts: ModelFacts) -> bool:
    word = word.lower()
    if "*" in word or "?" in word:
        return fnmatchcase(facts.name.lower(), word)
    return any(word in (text or "").lower() for text in (facts.name, facts.family, facts.license, facts.pretraining))
