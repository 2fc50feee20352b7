"""Python and the libraries: are they what selector was written for, and do they bear each other?"""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from selector.doctor.base import Finding, Visit, check

_DISTRIBUTION = "vision-selector"
_SLOW_IMPORT = "torch"


@dataclass(frozen=True)
class KnownBad:
    """Versions that do not work, alone or beside each other.

    Attributes:
        packages: Distribution to the versions meant ("" for any); bad where all of them are installed.
        reason: What happens.
        advice: What to do.
    """

    packages: tuple[tuple[str, str], ...]
    reason: str
    advice: str


KNOWN_BAD = (
    KnownBad(
        (("onnxruntime", ""), ("onnxruntime-gpu", "")),
        "both install into the same folder and overwrite each other's files; which of them runs is left to chance "
        "(nvidia-modelopt[onnx] brings the second)",
        "pip uninstall onnxruntime-gpu onnxruntime, then install the one that is wanted",
    ),
    KnownBad(
        (("amdsmi", ""), ("ray", "")),
        "amdsmi breaks `import ray` (zeus brings it)",
        "pip uninstall amdsmi",
    ),
    KnownBad(
        (("tensorrt", "<10.12"),),
        "these versions lack strongly typed networks with graph precision as 11.x has them: fp16 engines may "
        "silently be built in fp32",
        "pip install 'tensorrt>=10.12'",
    ),
    KnownBad(
        (("torch", ">=2.14"), ("torchao", "<0.18")),
        "torch has no quantize_pt2e any more, and this torchao is older than the one that was tried with it",
        "pip install 'torchao>=0.18'",
    ),
)
"""Each with what was seen; add a line where another one is found."""


@check("libraries", "Python and libraries", 10)
def libraries(visit: Visit) -> Iterator[Finding]:  # noqa: ARG001 - the same everywhere
    """Versions against the declared bounds, combinations known to be bad, and whether imports are compiled."""
    yield Finding("Python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield from _bounds(metadata.requires(_DISTRIBUTION) or ())
    yield from known_bad(_installed(name for bad in KNOWN_BAD for name, _ in bad.packages))
    yield from _bytecode()


def _bounds(requirements: Iterable[str]) -> Iterator[Finding]:
    """Every declared dependency, those of extras where they are installed or missing as a whole."""
    missing: dict[str, list[str]] = {}
    fitting = []
    for requirement, extra in _declared(requirements):
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            if extra:
                missing.setdefault(extra, []).append(requirement.name)
            else:
                yield Finding(
                    requirement.name,
                    "fail",
                    "is not installed, though selector needs it",
                    f"pip install '{requirement.name}{requirement.specifier}'",
                )
            continue
        if requirement.specifier.contains(version, prereleases=True):
            fitting.append(f"{requirement.name} {version}")
        else:
            yield Finding(
                requirement.name,
                "warn",
                f"{version} is installed; selector was written for {requirement.specifier}",
                f"pip install '{requirement.name}{requirement.specifier}'",
            )
    yield Finding("libraries", "ok", ", ".join(dict.fromkeys(fitting)))
    for extra, names in missing.items():
        yield Finding(
            f"extra {extra}",
            "skipped",
            f"without {', '.join(names)}",
            f"pip install '{_DISTRIBUTION}[{extra}]'",
        )


def _declared(requirements: Iterable[str]) -> Iterator[tuple[Requirement, str]]:
    """Dependencies with the user's extra that brings them ("" for none); those of developers are left out."""
    for line in requirements:
        requirement = Requirement(line)
        if canonicalize_name(requirement.name) == _DISTRIBUTION:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement, ""
            continue
        for extra in metadata.metadata(_DISTRIBUTION).get_all("Provides-Extra") or ():
            if extra not in ("dev", "all") and requirement.marker.evaluate({"extra": extra}):
                yield requirement, extra


def known_bad(installed: dict[str, str]) -> Iterator[Finding]:
    """What `KNOWN_BAD` says of installed distributions.

    Args:
        installed: Distribution to version.
    """
    for bad in KNOWN_BAD:
        if all(
            name in installed and SpecifierSet(versions).contains(Version(installed[name]), prereleases=True)
            for name, versions in bad.packages
        ):
            present = " and ".join(f"{name} {installed[name]}" for name, _ in bad.packages)
            yield Finding("known bad", "warn", f"{present}: {bad.reason}", bad.advice)


def _installed(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in set(names):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _bytecode() -> Iterator[Finding]:
    """Without compiled modules an import of torch costs three times as much, in every new process."""
    spec = importlib.util.find_spec(_SLOW_IMPORT)
    if spec is None or spec.origin is None:
        return  # told as a missing dependency
    folder = Path(spec.origin).parent
    if Path(importlib.util.cache_from_source(spec.origin)).is_file():
        yield Finding("compiled imports", "ok", f"{_SLOW_IMPORT} is byte-compiled")
    else:
        yield Finding(
            "compiled imports",
            "warn",
            f"{folder} holds no compiled modules: an import takes about three times as long, each time",
            f"{sys.executable} -m compileall -q {folder.parent}",
        )
