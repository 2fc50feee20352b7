"""How well a backbone's features carry over to a user's classes, before anything is fine-tuned.

Each image's frozen features (timm's pooled output before the classifier, fp32 eager) are computed once and kept in
the artifact cache. A linear probe or k-nearest neighbours then answers every image in a fold that it was not fitted
on (stratified, five folds, or as many as the smallest class has images), so that each image is answered exactly once
by something that has not seen it. What comes of it are answers as a classifier gives them, and accuracy is counted
as for one; between folds they share three quarters of what they were fitted on, which Wilson's interval does not
know of.

Linear probe: logistic regression (scikit-learn, L-BFGS) on features scaled to mean 0 and variance 1; the strength of
its regularization is chosen in each fold on a fifth of what it is fitted on. Radford et al. 2021, "Learning
Transferable Visual Models From Natural Language Supervision", A.3, do so with a sweep.
Nearest neighbours: the 20 nearest by cosine vote with weight exp(similarity / 0.07), as Caron et al. 2021, "Emerging
Properties in Self-Supervised Vision Transformers", 4.1, do.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.artifacts import ArtifactCache
from selector.devices.base import library_versions
from selector.errors import UsageError
from selector.profiler import models
from selector.profiler.examining import Answers, Questions, decoded, normalized, plain, ranks_of
from selector.profiler.labelled import KEY, LabelledSet
from selector.profiler.photographs import preprocessing
from selector.types import Protocol

if TYPE_CHECKING:
    from selector.profiler.stages import Job

Features = NDArray[np.float32]
Classes = NDArray[np.int64]

FOLDS = 5
NEIGHBOURS = 20
_TEMPERATURE = 0.07
_STRENGTHS = (1e-3, 1e-2, 1e-1)
"""Of the data against the regularization (scikit-learn's C), weakest first: of equals the simpler probe is taken."""
_ITERATIONS = 300
_CHUNK = 32
_SEED = 0
_NEVER = -1e9


def check_transfer(images: LabelledSet, protocol: Protocol) -> None:
    """Looks whether a probe can be fitted on labelled images.

    Raises:
        UsageError: It cannot; the message says what to change.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise UsageError(f"accuracy.protocol {protocol} needs scikit-learn: pip install 'vision-selector[transfer]'")
    sizes = Counter(images.labels)
    if len(sizes) < 2:
        raise UsageError(f"{KEY}: a probe tells classes apart, and {images.path} has one only")
    name, least = min(sizes.items(), key=lambda pair: (pair[1], pair[0]))
    if least < 2:
        raise UsageError(
            f"{KEY}: the class {name!r} has one image only; a probe is fitted on some images of a class and asked "
            "about others, so give each class two at least, better twenty"
        )


def probe(job: Job, questions: Questions, phase: Callable[[str], None]) -> Answers:
    """What a probe on the model's frozen features answers to every image of a set.

    Raises:
        LabelledImageError: An image cannot be decoded.
    """
    cache = ArtifactCache(job.cache)
    phase("weights")
    stored = models.fetch_weights(cache, job.facts, job.candidate, pretrained=job.pretrained)
    phase("features")
    key = {
        "weights": stored.key,
        "set": [questions.digest, len(questions.files)],
        "versions": library_versions(("timm", "torch", "pillow")),
        "preprocessing": plain(preprocessing(job.facts, job.candidate.image_size)),
    }
    path = cache.path("features", key, ".npy")
    features = _read(path, len(questions.files))
    if features is None:
        features = np.concatenate(list(_features(job, cache, stored, questions)))
        with cache.writing(path) as temporary, temporary.open("wb") as file:
            np.save(file, features)
    else:
        cache.touch([path])
    phase("probe")
    scores = out_of_fold(features, np.asarray(questions.classes), PROBES[questions.protocol])
    firsts = scores.argmax(axis=1).astype("<i4")
    return Answers(ranks_of(scores, np.asarray(questions.classes)).tobytes(), firsts.tobytes(), stored.weights)


def _features(job: Job, cache: ArtifactCache, stored: models.StoredWeights, asked: Questions) -> Iterator[Features]:
    """Pooled features, shape (images, features), some images at a time."""
    import torch

    model = models.load_model(job.facts, job.candidate, stored)
    model.reset_classifier(0)  # type: ignore[operator]  # every model of timm answers with what came before, then
    model.to(job.device().torch_device)
    for pixels in decoded(cache, job.facts, job.candidate, asked, job.threads):
        for start in range(0, len(pixels), _CHUNK):
            batch = normalized(pixels[start : start + _CHUNK], job.facts, job.candidate.image_size)
            with torch.inference_mode():
                answer = model(torch.from_numpy(batch).to(job.device().torch_device))
            yield answer.float().flatten(1).cpu().numpy()


def out_of_fold(features: Features, classes: Classes, fitted: Fit) -> Features:
    """Scores of every image from a probe that was fitted without its fold, shape (images, classes).

    Args:
        features: Shape (images, features).
        classes: Numbers from 0, each class at least twice.
        fitted: What is fitted.
    """
    from sklearn.model_selection import StratifiedKFold

    count = int(classes.max()) + 1
    least = min(Counter(classes.tolist()).values())
    scores = np.full((len(classes), count), _NEVER, np.float32)
    folds = StratifiedKFold(min(FOLDS, least), shuffle=True, random_state=_SEED)
    for known, asked in folds.split(features, classes):
        seen = np.unique(classes[known])
        given = fitted(features[known], classes[known])(features[asked])
        scores[np.ix_(asked, seen)] = np.maximum(given, _NEVER)  # a chance that underflowed is still a number
    return scores


Scores = Callable[[Features], Features]
Fit = Callable[[Features, Classes], Scores]
"""Takes features and classes; returns what scores features for each class that it saw, in ascending order."""


def linear_probe(features: Features, classes: Classes) -> Scores:
    """Logistic regression on scaled features."""
    from sklearn.model_selection import train_test_split

    best = _STRENGTHS[0]
    if min(Counter(classes.tolist()).values()) > 1 and len(set(classes.tolist())) <= len(classes) // 5:
        known, asked, right, truth = train_test_split(
            features, classes, test_size=0.2, random_state=_SEED, stratify=classes
        )
        best = max(_STRENGTHS, key=lambda strength: _logistic(strength, known, right).score(asked, truth))
    model = _logistic(best, features, classes)
    # Of two classes scikit-learn gives the second's score only.
    return lambda some: model.predict_log_proba(some).astype(np.float32)


def _logistic(strength: float, features: Features, classes: Classes) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=_ITERATIONS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a probe that could still gain a little will do
        return model.fit(features, classes)


def nearest_neighbours(features: Features, classes: Classes) -> Scores:
    """Votes of the nearest by cosine similarity."""
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(
        min(NEIGHBOURS, len(classes)), metric="cosine", weights=lambda far: np.exp((1 - far) / _TEMPERATURE)
    )
    model.fit(features, classes)
    return lambda some: model.predict_proba(some).astype(np.float32)


PROBES: dict[Protocol | None, Fit] = {"linear-probe": linear_probe, "knn": nearest_neighbours}


def _read(path: Any, images: int) -> Features | None:
    """What is kept, None where nothing is, or something damaged."""
    try:
        found: Features = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.ndim == 2 and len(found) == images and found.dtype == np.float32 else None
