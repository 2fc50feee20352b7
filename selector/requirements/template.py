"""A profile as a commented file: what `selector init` writes.

Any profile can be written; what is not asked for stands there as a comment with an example. Pure: reading the text
again gives the same profile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import yaml

from selector.metrics import METRICS
from selector.quantities import Kind, format_price, format_quantity, parse_price, parse_quantity
from selector.requirements.profile import Evaluation, RequirementProfile, with_device_memory
from selector.requirements.requirement import Requirement

_PLAIN = re.compile(r"[A-Za-z][\w./-]*(?: [\w./-]+)*", re.ASCII)
_EXAMPLES = {
    "latency_p95": '"< 50 ms"            # 95 of 100 queries are answered faster than this',
    "accuracy_top1": '"> 75 %"           # published top-1 on ImageNet-1k of exactly these weights at this size',
    "throughput": '">= 100 img/s"',
    "memory_peak": '"<= 2 GiB"',
    "parameters": '"<= 30 M"',
}


def render_profile(profile: RequirementProfile, command: str = "") -> str:
    """The profile as YAML with comments.

    Args:
        profile: What is asked.
        command: How its file is evaluated, for the head of the text; left out without.
    """
    asked = (_head, _workload, _device, _requirements, _traffic, _objective)
    parts = (*asked, _candidates, _accuracy, _agreement, _calibration, _evaluation)
    top = [
        "# What a vision model has to do, on what hardware, and what counts.",
        *(["#", f"#   {command}"] if command else []),
        "#",
        "# Lines that begin with # are comments. `selector validate FILE` tells everything that is wrong at once.",
    ]
    sections = ["\n".join(part(profile)) for part in parts]
    return "\n\n".join(["\n".join(top), *filter(None, sections)]) + "\n"


def _head(profile: RequirementProfile) -> Iterator[str]:
    yield f"name: {_scalar(profile.name)}"
    if profile.description:
        yield f"description: {_scalar(profile.description)}"


def _workload(profile: RequirementProfile) -> Iterator[str]:
    workload = profile.workload
    size = workload.image_size
    yield "# What the model is asked to do. Scenarios are named as MLPerf names them: single-stream sends the next"
    yield "# query when the last one is answered, multi-stream likewise with several images; offline has no latency."
    yield "workload:"
    yield f"  task: {workload.task}"
    yield f"  scenario: {workload.scenario}"
    yield f"  batch_size: {workload.batch_size:<14} # images in one query; a latency is the time of one query"
    shown = size if isinstance(size, str) else f"[{size[0]}, {size[1]}]"
    yield f"  image_size: {shown:<14} # native: each model's own; or 224, or [height, width]"
    yield f"  latency_scope: {workload.latency_scope}"


def _device(profile: RequirementProfile) -> Iterator[str]:
    device = profile.device
    yield "# Where it runs, and the budget."
    yield "device:"
    yield f"  target: {device.target:<18} # auto (a GPU if there is one), cpu, cuda, cuda:1, or fake to try it out"
    if device.count != 1:
        yield f"  count: {device.count:<19} # devices; multiplies throughput and price, not latency"
    yield _optional("memory", device.memory and _exact(device.memory, "memory"), "16 GiB", "also a requirement")
    yield _optional("threads", device.threads, "4", "default: one a physical core")
    yield _optional("price", device.price and _price(device.price), "0.50 USD/h", "for cost_per_million")


def _optional(key: str, value: object, example: str, comment: str) -> str:
    """A key with its value, or as a comment with an example."""
    return f"  {key + ': ' + str(value):<26} # {comment}" if value else f"  # {key + ': ' + example:<24} # {comment}"


def _requirements(profile: RequirementProfile) -> Iterator[str]:
    written = _without_device_memory(profile)
    yield "# What must hold. What is not known, or not sure enough, never counts as holding. Limits stand in quotes."
    if written or profile.licenses or profile.pretraining:
        yield "requirements:"
    else:
        yield "# requirements:"
    for one in written:
        yield f"  {one.key}: {_scalar(_limit(one), quoted=True)}"
    if profile.licenses:
        yield f"  license: {_inline(profile.licenses)}"
    if profile.pretraining:
        yield f"  pretraining: {_inline(profile.pretraining)}"
    asked = {one.metric for one in profile.requirements}
    for metric, example in _EXAMPLES.items():
        without_latency = metric.startswith("latency") and _has_no_latency(profile)
        without_class = metric.startswith("accuracy") and _names_no_class(profile)
        if metric not in asked and not without_latency and not without_class:
            yield f"  # {metric}: {example}"
    if not profile.licenses:
        yield "  # license: [apache-2.0, mit, bsd-3-clause]"
    if not profile.pretraining:
        yield "  # pretraining: [none, in12k, in21k, in22k] # data that weights may have seen before"


def _has_no_latency(profile: RequirementProfile) -> bool:
    latencies = any(one.metric.startswith("latency_") for one in profile.requirements)
    return latencies or profile.workload.scenario == "offline"


def _without_device_memory(profile: RequirementProfile) -> list[Requirement]:
    """The requirements but for the one that `device.memory` brings by itself."""
    rest = tuple(one for one in profile.requirements if one.metric != "memory_peak")
    if profile.device.memory is not None:
        brought = with_device_memory(rest, profile.device.memory)
        if {(one.key, one.comparison, one.limit) for one in brought} == {
            (one.key, one.comparison, one.limit) for one in profile.requirements
        }:
            return list(rest)
    return list(profile.requirements)


def _limit(requirement: Requirement) -> str:
    """The limit as written, unless it was moved since by less than that shows."""
    quantity = requirement.text.removeprefix(requirement.comparison).strip()
    kind = METRICS.get(requirement.metric).kind
    exact = parse_quantity(quantity, kind) == requirement.limit
    return f"{requirement.comparison} {quantity if exact else _exact(requirement.limit, kind)}"


def _traffic(profile: RequirementProfile) -> Iterator[str]:
    yield "# Images that have to be answered; for devices_needed and cost_per_month."
    traffic = profile.traffic
    yield "# traffic: 20 M/month" if traffic is None else f"traffic: {traffic!r} img/s"


def _objective(profile: RequirementProfile) -> Iterator[str]:
    objective = profile.objective
    yield "# What is preferred among those that meet all of it. The tie-breakers decide, in turn, between candidates"
    yield "# that the objective cannot tell apart."
    yield "objective:"
    if objective.weights:
        yield "  weights:   # what a relative change of each counts; brought to a sum of 1"
        for name, weight in objective.weights.items():
            yield f"    {name}: {weight!r}"
    elif objective.lexicographic:
        yield "  lexicographic:   # each step keeps everyone within its tolerance of the best"
        for step in objective.lexicographic:
            within = f", within: {step.tolerance}" if step.within else ""
            yield f"    - {{{step.direction}: {step.metric}{within}}}"
    else:
        yield f"  {objective.direction}: {objective.metric}"
    yield f"  tie_breakers: {_inline(objective.tie_breakers)}"


def _candidates(profile: RequirementProfile) -> Iterator[str]:
    chosen = profile.candidates
    yield "# What there is to choose from, in every way of running it. `selector models` lists models, --families"
    yield "# their families, `selector optimizations` the ways. Names as timm writes them; patterns work too."
    yield "candidates:"
    for key, names in (("models", chosen.models), ("families", chosen.families), ("exclude", chosen.exclude)):
        yield from _listed(key, names)
    if chosen.checkpoints:
        yield "  checkpoints:"
    for own in chosen.checkpoints:
        yield f"    - model: {_scalar(own.model)}"
        yield f"      weights: {_scalar(own.weights)}"
        if own.num_classes is not None:
            yield f"      num_classes: {own.num_classes}"
        if own.labels is not None:
            yield f"      labels: {_scalar(own.labels)}"
        given = own.preprocessing.pairs()
        if given:
            told = ", ".join(f"{name}: {list(value) if isinstance(value, tuple) else value}" for name, value in given)
            yield f"      preprocessing: {{{told}}}"
        if own.sha256:
            yield f"      sha256: {_scalar(own.sha256, quoted=True)}"
    limit = chosen.max_parameters
    yield _optional("max_parameters", limit and _exact(limit, "count"), "50 M", "larger models are left out")
    if chosen.optimizations:
        yield from _listed("optimizations", chosen.optimizations)
    else:
        yield '  # optimizations: ["eager", "openvino*"]   # default: all that the device supports'


def _listed(key: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"  {key}:"
        yield from (f"    - {_scalar(name)}" for name in names)


def _agreement(profile: RequirementProfile) -> Iterator[str]:
    given = ", ".join(f"{precision}: {error!r}" for precision, error in profile.agreement.items())
    yield "# How much a way may differ from fp32 eager (relative error of its output), or it is not even timed."
    yield f"agreement: {{{given}}}"


def _calibration(profile: RequirementProfile) -> Iterator[str]:
    yield "# Images for int8, which needs some to choose its scales; without them no int8 way runs. A folder of"
    yield "# photographs like those that the model will see, or random for made-up data (told in every report)."
    given = profile.calibration
    if given is None:
        yield "# calibration: {images: path/to/folder, count: 256}"
        return
    yield "calibration:"
    yield f"  images: {_scalar(given.images)}"
    yield _optional("count", given.count, "256", "evenly from the sorted files; default: all, up to 256")
    if given.digest:
        yield f"  digest: {_scalar(given.digest, quoted=True)}  # of their content: no other will do"


def _names_no_class(profile: RequirementProfile) -> bool:
    return profile.workload.task == "feature-extraction"


def _accuracy(profile: RequirementProfile) -> Iterator[str]:
    if _names_no_class(profile):
        return
    yield "# What an accuracy is meant on where a requirement names no test set with @: a published one (imagenet-1k,"
    yield "# imagenet-real, -v2, -a, -r, -sketch), or your own labelled images, a folder per class or a .csv of file"
    yield "# and label: then accuracy is measured, of every way, and max_drop is what one may lose against fp32."
    basis = profile.accuracy
    if basis is None:
        yield "# accuracy: {dataset: imagenet-1k}"
        return
    yield "accuracy:"
    yield f"  dataset: {_scalar(basis.dataset)}"
    if profile.test_set is None:
        return
    drop = "" if basis.max_drop is None else f"{100 * basis.max_drop:.10g} points"
    if basis.protocol is not None:
        yield f"  protocol: {basis.protocol}  # on frozen features, for those who will fine-tune"
    else:
        yield "  # protocol: linear-probe  # or knn, on each model's frozen features: for those who will fine-tune"
        yield _optional("max_drop", drop, "0.5 points", "that a way may lose against fp32")
    if basis.digest:
        yield f"  digest: {_scalar(basis.digest, quoted=True)}  # of their content: no other will do"


def _evaluation(profile: RequirementProfile) -> Iterator[str]:
    evaluation = profile.evaluation
    yield "# How much effort goes into it."
    yield "evaluation:"
    yield f"  strategy: {_scalar(evaluation.strategy)}"
    budget = evaluation.time_budget
    yield _optional("time_budget", budget and _exact(budget, "time"), "20 min", "for the whole run; none without it")
    if evaluation.confidence != Evaluation().confidence:
        yield f"  confidence: {evaluation.confidence!r}"
    yield _optional(
        "candidate_time", _exact(evaluation.candidate_time, "time"), "", "at most, for timing one candidate"
    )


def _exact(value: float, kind: Kind) -> str:
    """A quantity that reads back as exactly this value, as short as can be."""
    for digits in (3, 6, 12):
        text = format_quantity(value, kind, digits)
        if parse_quantity(text, kind) == value:
            return text
    unit = {"time": "s", "memory": "B", "energy": "J", "fraction": "", "money": "USD", "rate": "img/s", "count": ""}
    return f"{value!r} {unit[kind]}".strip()


def _price(price: float) -> str:
    text = format_price(price)
    return text if parse_price(text) == price else f"{price!r} USD/s"


def _inline(names: Sequence[str]) -> str:
    return f"[{', '.join(_scalar(name) for name in names)}]"


def _scalar(text: str, *, quoted: bool = False) -> str:
    """The text as YAML reads it back: plain where that is safe, else in quotes."""
    if not quoted and _PLAIN.fullmatch(text) and yaml.safe_load(text) == text:
        return text
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**9)).rstrip("\n")
