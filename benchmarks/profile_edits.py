"""How benchmarks/fuzz_profiles.py makes its profiles: good ones, and edits that know the grammar.

Everything is drawn from the source of randomness that is handed in, so that a seed gives the same profiles.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from selector.requirements import bundled_profiles
from selector.resources import folder

WHOLE_FORMAT = """\
name: cloud-api
description: Image classification behind a cloud API.
workload:
  task: image-classification   # | feature-extraction | zero-shot-classification
  scenario: single-stream      # single-stream | multi-stream | server | offline
  batch_size: 32
  image_size: native           # or 224, or [height, width]
  latency_scope: forward       # | end_to_end
  arrival_rate: 40 /s
device:
  target: cuda                 # auto | cpu | cuda | cuda:1 | fake
  count: 1
  memory: 16 GiB
  threads: 4
  price: 3.06 USD/h
requirements:
  latency_p95: "< 50 ms"
  accuracy_top1: "> 85 %"
  accuracy_top1@imagenet-r: ">= 50 %"
  throughput: ">= 600 img/s"
  memory_peak: "<= 12 GiB"
  cost_per_million: "<= 5 USD"
  license: [apache-2.0, mit, bsd-3-clause]
objective:
  maximize: accuracy_top1
  # weights: {accuracy_top1: 0.5, latency_p95: 0.3, cost_per_million: 0.2}, or
  # lexicographic: [{maximize: accuracy_top1, within: 0.3 points}, {minimize: cost_per_million}]
  tie_breakers: [latency_p95, parameters]
candidates:
  models: ["swin_*", "convnext_*.fb_in22k_ft_in1k", "vit_base_patch16_224.augreg2_in21k_ft_in1k"]
  families: [vit, swin, convnext, efficientnet]
  exclude: ["*_xxlarge*"]
  checkpoints:
    - {model: swin_tiny_patch4_window7_224, weights: runs/swin.safetensors, num_classes: 12}
  max_parameters: 120 M
  optimizations: ["eager", "amp*", "compile*", "tensorrt*"]
accuracy:
  dataset: imagenet-1k
  max_drop: 0.5 points
calibration: {images: path/to/folder, count: 256}
agreement: {fp32: 1e-3, fp16: 2e-2, int8: 0.15}
traffic: 20 M/month
evaluation:
  strategy: auto
  time_budget: 20 min
  confidence: 0.99
  candidate_time: 10 s
"""
SERVED = """\
name: small
workload: {task: image-classification, scenario: offline, image_size: [224, 288]}
device: {target: cpu, threads: 4, price: 3.06 USD/h}
requirements: {throughput: "≥ 600 img/s", accuracy_top5@imagenet-1k: ">= 0.96", license: mit}
objective: {minimize: cost_per_million, tie_breakers: [accuracy_top1]}
candidates: {models: [resnet18, "swin_*"], families: vit, max_parameters: 120 M, optimizations: [eager, "amp*"]}
agreement: {fp16: 1e-2, int8: 20 %}
evaluation: {time_budget: 3 min 30 s, confidence: 95 %, candidate_time: 1.5 s}
"""

SIGNS = (*"-?:,[]{}#&*!|>'\"%@`<=~\t\n\r\u2028\x85\ufeff", "- ", ": ", "? ", "<<: ", "---\n", "...\n")
_TEXTS = """null; ~; yes; .nan; -.inf; nan %; < nan ms; > -5 %; < 1e999 s; 0x10; 0o7; 1_0; < 50 ms; > 85 %; 1 h 1 h;
>= 600 img/s; <= 12 GiB; <= 5 USD; 3.06 USD/h; -3 USD/h; 20 min; -20 min; 1e9999 M; ٣ s; ５ ms; 1,5 s; 1,000,00 s;
< < 5 ms; ≤≥5 ms; 5 ms <; cuda:99999; cuda:-1; fake; *; **; [; [!; []]; [z-a]; ../../etc; $(id); accuracy_top1@; @;
LATENCY_P95; accuracy_top1@imagenet-1k; accuracy_top1@imagenet-r; exhaustive; guided; random; eager; *@*; resnet18;
resnet_18; vitt"""
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**30, -(10**400), 0.5, 1e-320, float("nan"), float("inf"), float("-inf")),
    *_TEXTS.replace("\n", " ").split("; "),
    *("", " ", "5 " * 40, "9" * 70, "*" * 150, "?" * 150, "*a" * 70, "a" * 201, "latency_p95 ", "\x07", "\x1b[31m"),
    *("a\nb", "\u202egpj.exe", "\U0001f600", "é" * 200, "e\u0301", "\u200b", "a\tb", "\x9b31m"),
    *(
        [],
        {},
        [[]],
        [None],
        {"": ""},
        [{}],
        ["a"] * 60,
        {"a": {"b": {"c": {"d": [1]}}}},
        [224, 0],
        [1, 2, 3],
        [-1, -1],
    ),
)


def mutated(source: random.Random) -> tuple[str, str | bytes]:
    """A good profile after one to four edits, and the kind of the last of them."""
    text = source.choice(GOOD)
    if source.random() < 0.5:
        tree = json.loads(source.choice(TREES))
        for _ in range(source.choice((1, 1, 1, 2, 3))):
            edit_tree(source, tree)
        text = written(source, tree)
        if source.random() < 0.7:
            return "structure", text
    for _ in range(source.choice((1, 1, 2, 4))):
        name = source.choice(list(EDITS))
        text = EDITS[name](source, text)
    if source.random() < 0.2:
        return "bytes", flip_bytes(source, text.encode("utf-8", "surrogatepass"))
    return name, text


def edit_tree(source: random.Random, tree: dict[str, Any]) -> None:
    """One edit of the structure: another value, or a key renamed, dropped, moved or filled from elsewhere."""
    places = list(holders(tree))
    where = source.choice(places)
    keys = list(where) if isinstance(where, dict) else list(range(len(where)))
    if not keys:
        return
    key = source.choice(keys)
    action = source.randrange(6)
    if action <= 2:
        where[key] = copy.deepcopy(source.choice(VALUES))
    elif action == 3:
        other = source.choice(places)
        value = copy.deepcopy(where[key])
        if isinstance(other, dict):
            other[source.choice(WORDS)] = value
        else:
            other.append(value)
    elif action == 4:
        del where[key]
    elif isinstance(where, dict):
        value = where.pop(key)
        where[slip(source, str(key)) if source.random() < 0.5 else source.choice(WORDS)] = value
    else:
        where[key] = source.choice(WORDS)


def holders(node: Any) -> Iterator[Any]:
    """Every section and list of a tree."""
    if isinstance(node, dict | list):
        yield node
        for child in node.values() if isinstance(node, dict) else node:
            yield from holders(child)


def written(source: random.Random, tree: Any) -> str:
    """A tree as YAML, in one of two styles; NaN and infinities as their words."""
    if source.random() < 0.6:
        return json.dumps(tree, ensure_ascii=False)
    try:
        text: str = yaml.dump(tree, Dumper=DUMPER, allow_unicode=True, sort_keys=False)
    except yaml.YAMLError:
        return json.dumps(tree)
    return text


def slip(source: random.Random, word: str) -> str:
    """A word with one letter changed, dropped or doubled."""
    if not word:
        return "x"
    place = source.randrange(len(word))
    return word[:place] + source.choice(("", word[place] * 2, "x", "_", word[place].upper())) + word[place + 1 :]


def put_in(source: random.Random, text: str) -> str:
    """A sign of YAML's, or a hostile value, somewhere."""
    place = source.randint(0, len(text))
    piece = source.choice(SIGNS) if source.random() < 0.6 else str(source.choice(VALUES))
    return text[:place] + piece + text[place:]


def cut_out(source: random.Random, text: str) -> str:
    """Up to forty characters gone."""
    start = source.randint(0, len(text))
    return text[:start] + text[start + source.randint(1, 40) :]


def shuffle_lines(source: random.Random, text: str) -> str:
    """A line doubled, dropped, moved, or indented otherwise."""
    lines = text.splitlines(keepends=True) or [""]
    place = source.randrange(len(lines))
    action = source.randrange(4)
    if action == 0:
        lines.insert(source.randint(0, len(lines)), lines[place])
    elif action == 1:
        del lines[place]
    elif action == 2:
        lines.insert(source.randint(0, len(lines) - 1), lines.pop(place))
    else:
        lines[place] = " " * source.randrange(5) + lines[place].lstrip(" ")
    return "".join(lines)


def replace_word(source: random.Random, text: str) -> str:
    """A word or number slipped, or replaced by a hostile value."""
    found = source.choice(list(re.finditer(r"[\w.@*-]+", text)) or [None])
    if found is None:
        return text
    new = slip(source, found[0]) if source.random() < 0.5 else str(source.choice(VALUES))
    return text[: found.start()] + new + text[found.end() :]


def anchor(source: random.Random, text: str) -> str:
    """Anchors, aliases, tags and merge keys where values stand."""
    places = [found.end() for found in re.finditer(r"[:\[,] ", text)]
    for name in source.choices(("&a ", "*a", "&a [*a] ", "!!int ", "!!python/name:os.system ", "<<: *a, "), k=2):
        if places:
            place = source.choice(places)
            text = text[:place] + name + text[place:]
    return text


def repeat(source: random.Random, text: str) -> str:
    """A piece many times over."""
    start = source.randint(0, len(text))
    piece = text[start : start + source.randint(1, 12)]
    return text[:start] + piece * source.choice((2, 20, 300)) + text[start:]


def flip_bytes(source: random.Random, content: bytes) -> bytes:
    """Up to eight bytes changed, or the file cut."""
    changed = bytearray(content)
    for _ in range(source.randint(1, 8)):
        if changed:
            changed[source.randrange(len(changed))] = source.randrange(256)
    return bytes(changed[: source.randint(0, len(changed))] if source.random() < 0.2 else changed)


def drawn_documents(seed: int, count: int) -> list[str]:
    """Documents that hypothesis draws: any tree below the format's keys, and texts of YAML's signs."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st

    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS)
    keys = st.sampled_from(WORDS) | st.text(max_size=8)
    trees = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=25
    )
    texts = st.text(st.sampled_from("ab:-?[]{},\n\t #&*!|>'\"%@`~<=.015msGiB\r\u2028\x85"), max_size=200)
    documents: list[str] = []

    @seeded(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(texts, st.dictionaries(st.sampled_from(WORDS), trees, max_size=8).map(json.dumps)))
    def draw(text: str) -> None:
        documents.append(text)

    if count:
        draw()
    return documents[:count]


class _Dumper(yaml.SafeDumper):
    """Without aliases for equal parts, which the reader has its own edits for."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature of the base
        return True


DUMPER = _Dumper
EDITS: dict[str, Callable[[random.Random, str], str]] = {
    "signs and values put in": put_in,
    "pieces cut out": cut_out,
    "lines shuffled": shuffle_lines,
    "words replaced": replace_word,
    "anchors, aliases and tags": anchor,
    "pieces repeated": repeat,
}
GOOD = (
    *((folder("profiles") / f"{name}.yaml").read_text(encoding="utf-8") for name in bundled_profiles()),
    WHOLE_FORMAT,
    SERVED,
)
TREES = tuple(json.dumps(yaml.safe_load(text)) for text in GOOD)
_KEYS = {word for text in GOOD for word in re.findall(r"^[ {-]*([a-z_0-9@-]+):", text, re.MULTILINE)}
_MORE = """task scenario image_size latency_p50 latency_p99 accuracy_top5 energy_per_image minimize weights
lexicographic parameters gmacs bf16 int8 mit offline server eager <<"""
WORDS = ("", *sorted({*_KEYS, *_MORE.split()}))
