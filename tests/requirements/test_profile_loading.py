"""From YAML to a profile, and from a wrong one to messages that say what to write."""

import os
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.errors import ProfileError
from selector.metrics import METRICS
from selector.requirements import (
    Objective,
    RequirementProfile,
    bundled_profiles,
    load_profile,
    parse_profile,
    served,
)
from selector.requirements.profile import BF16_OVER_FP16

LEAST = """\
name: cloud
workload: {task: image-classification}
candidates: {models: ["resnet18*"]}
requirements: {latency_p95: "< 50 ms"}
"""

WHOLE = """\
name: 123
description: Everything that this version serves.
workload:
  task: image-classification
  scenario: multi-stream
  image_size: [224, 288]
  latency_scope: forward
device:
  target: cuda:1
  count: 2
  memory: 16 GiB
  threads: 4
  price: 3.06 USD/h
requirements:
  latency_p95: < 50 ms
  accuracy_top1: "> 85 %"
  accuracy_top5@imagenet-1k: ">= 0.96"
  throughput: "≥ 600 img/s"
  memory_peak: "<= 12 GiB"
  cost_per_million: "<= 5 USD"
  energy_per_image: "< 300 mJ"
  artifact_size: "< 400 MB"
  gmacs: "<= 20"
  license: [Apache-2.0, mit, mit]
  pretraining: [none, IN22k]
objective:
  minimize: latency_p95
  tie_breakers: [accuracy_top1@imagenet-1k, parameters]
candidates:
  models: ["swin_*", resnet18]
  families: vit
  exclude: ["*_xxlarge*"]
  max_parameters: 120 M
  optimizations: [eager, "amp*"]
agreement: {fp16: 1e-2, int8: 20 %}
evaluation:
  strategy: guided
  time_budget: 3 min 30 s
  confidence: 95 %
  candidate_time: 1.5 s
"""


def problems(text):
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, "p.yaml")
    return caught.value.problems


def only(text):
    found = problems(text)
    assert len(found) == 1, [problem.message for problem in found]
    return found[0]


def edited(section, text=LEAST):
    """The least profile with a section added, or put in place of its own."""
    key = section.partition(":")[0]
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(f"{key}:")) + section + "\n"


class TestGoodProfiles:
    def test_the_least_profile_gets_every_default(self):
        profile = parse_profile(LEAST)
        assert profile.workload.model_dump() == {
            "task": "image-classification",
            "scenario": "single-stream",
            "batch_size": 1,
            "image_size": "native",
            "latency_scope": "forward",
        }
        assert profile.device.model_dump() == {
            "target": "auto",
            "count": 1,
            "memory": None,
            "threads": None,
            "price": None,
        }
        assert profile.objective == Objective(
            direction="maximize", metric="accuracy_top1", tie_breakers=("latency_p50", "parameters")
        )
        assert profile.agreement == {"fp32": 1e-3, "bf16": BF16_OVER_FP16 * 2e-2, "fp16": 2e-2, "int8": 0.15}
        assert profile.evaluation.model_dump() == {
            "strategy": "auto",
            "time_budget": None,
            "confidence": 0.99,
            "candidate_time": 10.0,
        }
        assert profile.licenses == ()
        assert profile.candidates.optimizations == ()

    def test_everything_served_is_read_in_base_units(self):
        profile = parse_profile(WHOLE)
        assert profile.name == "123"
        assert profile.workload.batch_size == 8
        assert profile.workload.image_size == (224, 288)
        assert profile.device.target == "cuda:1"
        assert profile.device.memory == 16 * 2**30
        assert profile.device.price == pytest.approx(3.06 / 3600)
        assert {entry.key: (entry.comparison, entry.limit) for entry in profile.requirements} == {
            "latency_p95": ("<", 0.05),
            "accuracy_top1": (">", 0.85),
            "accuracy_top5@imagenet-1k": (">=", 0.96),
            "throughput": (">=", 600.0),
            "memory_peak": ("<=", 12 * 2**30),
            "cost_per_million": ("<=", 5.0),
            "energy_per_image": ("<", 0.3),
            "artifact_size": ("<", 400e6),
            "gmacs": ("<=", 20.0),
        }
        assert profile.requirement("latency_p95").text == "< 50 ms"
        assert profile.licenses == ("apache-2.0", "mit")
        assert profile.pretraining == ("none", "in22k")
        assert profile.objective.metric == "latency_p95"
        assert profile.objective.tie_breakers == ("accuracy_top1@imagenet-1k", "parameters")
        assert profile.candidates.families == ("vit",)
        assert profile.candidates.max_parameters == 120_000_000
        assert profile.agreement == {"fp32": 1e-3, "bf16": BF16_OVER_FP16 * 1e-2, "fp16": 1e-2, "int8": 0.2}
        assert profile.evaluation.time_budget == 210.0
        assert profile.evaluation.confidence == 0.95

    def test_the_tolerance_of_bf16_follows_that_of_fp16_up_to_all(self):
        profile = parse_profile(edited("agreement: {fp16: 0.9}"))
        assert profile.agreement["bf16"] == 1.0
        assert RequirementProfile.from_dict(profile.as_dict()) == profile
        assert parse_profile(edited("agreement: {fp16: 0.9, bf16: 0.1}")).agreement["bf16"] == 0.1

    @pytest.mark.parametrize("text", [LEAST, WHOLE])
    def test_stored_form_gives_the_same_profile(self, text):
        profile = parse_profile(text)
        assert RequirementProfile.from_dict(profile.as_dict()) == profile

    def test_offline_breaks_ties_by_throughput(self):
        offline = parse_profile(
            edited("workload: {scenario: offline}", edited('requirements: {throughput: "> 5 /s"}'))
        )
        assert offline.objective.tie_breakers == ("throughput", "parameters")

    def test_objective_alone_is_enough(self):
        text = LEAST.replace('requirements: {latency_p95: "< 50 ms"}', "objective: {minimize: latency_p95}")
        profile = parse_profile(text)
        assert profile.requirements == ()
        assert profile.objective.tie_breakers == ("accuracy_top1", "latency_p50", "parameters")

    @pytest.mark.parametrize("tie_breakers", ["[]", "[parameters]"])
    def test_tie_breakers_are_taken_as_written(self, tie_breakers):
        profile = parse_profile(edited(f"objective: {{maximize: accuracy_top1, tie_breakers: {tie_breakers}}}"))
        assert profile.objective.tie_breakers == tuple(yaml.safe_load(tie_breakers))

    @pytest.mark.parametrize("word", ["yes", "no", "on", "12:30", "1e3", "2026-01-01", "007", "true"])
    def test_yaml_does_not_guess_what_a_text_means(self, word):
        assert parse_profile(edited(f"name: {word}")).name == word

    def test_aliases_and_a_byte_order_mark_are_read(self):
        text = "\ufeff" + edited('candidates: {models: &all ["resnet18*"], optimizations: [eager]}')
        assert parse_profile(text).candidates.models == ("resnet18*",)
        text = edited("description: &text hello\nevaluation: {strategy: *text}")
        assert parse_profile(text).evaluation.strategy == "hello"

    @pytest.mark.parametrize("metric", METRICS.names())
    def test_every_registered_metric_can_be_required_and_ranked_by(self, metric):
        entry = METRICS.get(metric)
        example = {
            "time": "5 ms",
            "memory": "5 MB",
            "energy": "5 J",
            "fraction": "5 %",
            "money": "5 USD",
            "rate": "5 img/s",
            "count": "5",
        }[entry.kind]
        sign, direction = ("<", "minimize") if entry.better == "lower" else (">", "maximize")
        text = edited(
            f'requirements: {{{metric}: "{sign} {example}"}}\ndevice: {{price: 1 USD/h}}\ntraffic: 1 M/month'
        )
        if metric == "score":
            profile = parse_profile(edited("objective: {weights: {latency_p95: 1, accuracy_top1: 3}}", text))
            assert profile.requirements[0].metric == profile.objective.steps[0].metric == metric
            return
        profile = parse_profile(edited(f"objective: {{{direction}: {metric}}}", text))
        assert profile.requirements[0].metric == profile.objective.metric == metric


class TestDeviceMemory:
    def test_is_a_requirement(self):
        profile = parse_profile(edited("device: {memory: 16 GiB}"))
        budget = profile.requirement("memory_peak")
        assert (budget.comparison, budget.limit, budget.text) == ("<=", 16 * 2**30, "<= 16 GiB")

    @pytest.mark.parametrize(("written", "bytes_"), [("<= 12 GiB", 12 * 2**30), ("<= 20 GiB", 16 * 2**30)])
    def test_the_stricter_one_counts(self, written, bytes_):
        text = edited("device: {memory: 16 GiB}", edited(f'requirements: {{memory_peak: "{written}"}}'))
        (budget,) = parse_profile(text).requirements
        assert budget.limit == bytes_


class TestWrongValues:
    @pytest.mark.parametrize(
        ("section", "message", "suggestion"),
        [
            ("workload: {scenario: offlin}", "unknown scenario 'offlin'", "did you mean 'offline'?"),
            ("workload: {batch_size: 0}", "must lie between 1 and 100,000", ""),
            ("workload: {batch_size: 2.5}", "must be a whole number, not '2.5'", ""),
            ("workload: {batch_size: true}", "must be a whole number, not 'true'", ""),
            ("workload: {batch_size: [1]}", "must be a whole number, not '[1]'", ""),
            ("workload: {image_size: [224]}", "native, a number of pixels such as 224, or [height, width]", ""),
            ("workload: {image_size: 0}", "between 1 and 16,384 pixels", ""),
            ("workload: {image_size: big}", "native, a number of pixels", ""),
            ("workload: {batchsize: 3}", "unknown key 'batchsize' in workload", "did you mean 'batch_size'?"),
            ("device: {target: cdua}", "unknown device 'cdua'", "did you mean 'cuda'?"),
            ("device: {target: GPU}", "unknown device 'GPU'", "did you mean 'cuda'?"),
            ("device: {target: CPU}", "unknown device 'CPU'", "did you mean 'cpu'?"),
            ("device: {memory: 16}", "'16' has no unit: write for instance \"16 GiB\"", ""),
            ("device: {memory: 0 GiB}", "must be above zero, not '0 GiB'", ""),
            ("device: {memory: -1 GiB}", "must be above zero", ""),
            ("device: {price: 3.06 USD}", "the time it buys", ""),
            ("device: {price: 0 USD/h}", "must be above zero", ""),
            ("device: {count: -1}", "must lie between 1 and 100,000, not be -1", ""),
            ("device: {threads: many}", "must be a whole number, not 'many'", ""),
            ("device: 5", "device must hold keys and values", ""),
            ("agreement: {fp33: 1e-3}", "unknown key 'fp33' in agreement", "did you mean 'fp32'?"),
            ("agreement: {fp16: 0}", "must be above 0 and at most 1", ""),
            ("agreement: [1]", "agreement must hold keys and values", ""),
            ("candidates: {models: [a b]}", "'a b' is not a name or pattern", ""),
            ('candidates: {models: [""]}', "must not be empty", ""),
            ("candidates: {models: [a, [b]]}", "candidates.models, entry 2 must be a text", ""),
            ("candidates: {models: {a: b}}", "candidates.models must be a list", ""),
            ("candidates: {models: [a], max_parameters: many}", "'many' is not a count", ""),
            ("candidates: {models: [a], max_parameters: 120 B}", "unknown unit 'B' of a count", ""),
            ("candidates: {models: [a], exclude: [a]}", "exclude takes away what is asked for: 'a'", ""),
            ("candidates: {models: [a], exclude: ['*']}", "exclude takes away what is asked for", ""),
            ("candidates: {exclude: [a]}", "there is no model to choose from", ""),
            ("candidates: {models: [a], exclude: []}", "candidates.exclude is an empty list", ""),
            ("candidates: {}", "candidates is empty", ""),
            ("candidates: [a]", "candidates must hold keys and values", ""),
            ("evaluation: {time_budget: 20}", "'20' has no unit: write for instance \"20 min\"", ""),
            ("evaluation: {time_budget: nan s}", "'nan s' is not a time", ""),
            ("evaluation: {candidate_time: .inf}", "'.inf' is not a time", ""),
            ("evaluation: {confidence: 1}", "must be above 0 and below 1", ""),
            ("evaluation: {confidence: 99}", "did you mean 99 %?", ""),
            ("evaluation: {time_budget: 5 s, candidate_time: 9 s}", "longer than the time_budget", ""),
            ("name: ''", "name: must not be empty", ""),
            ('name: "a\\nb"', "one line of printable characters", ""),
            (f"name: {'x' * 300}", "has 300 characters; 200 are allowed", ""),
            ("name: [a]", "name must be a text", ""),
            ("evaluate: {strategy: auto}", "unknown key 'evaluate'", "did you mean 'evaluation'?"),
        ],
    )
    def test_one_message_says_what_to_write(self, section, message, suggestion):
        found = only(edited(section))
        assert message in found.message
        assert found.suggestion == suggestion
        assert found.line

    @pytest.mark.parametrize(
        ("requirement", "message", "suggestion"),
        [
            ('latency_95: "< 50 ms"', "unknown metric 'latency_95'", "did you mean 'latency_p95'?"),
            ("licence: mit", "unknown requirement 'licence'", "did you mean 'license'?"),
            ('latency_p95: "> 50 ms"', "latency_p95 is better when lower", 'did you mean "< 50 ms"?'),
            ('accuracy_top1: "<= 85 %"', "better when higher", 'did you mean ">= 85.0 %"?'),
            ("latency_p95: 50", "'50' has no comparison", 'write "< 50 ms"'),
            ("latency_p95: 50 ms", "has no comparison", 'write "< 50 ms"'),
            ("latency_p95: soon", "has no comparison", 'write for instance "< 50 ms"'),
            ('latency_p95: "< 50"', "'50' has no unit: write for instance \"50 ms\"", ""),
            ('latency_p95: "== 50 ms"', "'==' is not a comparison", ""),
            ('latency_p95: "< 0 ms"', "a limit must be above zero, not 0 s", ""),
            ('latency_p95: "< -5 ms"', "a limit must be above zero", ""),
            ('latency_p95: "< nan ms"', "'nan ms' is not a time", ""),
            ('latency_p95: "< inf"', "'inf' is not a time", ""),
            ('latency_p95: "< 1e999 s"', "too large a number", ""),
            ('latency_p95: ""', "latency_p95 has no limit", ""),
            ("latency_p95: >5", "latency_p95 has no limit", ""),
            ("latency_p95: [1, 2]", "latency_p95 must be one limit in quotes", ""),
            ('accuracy_top1: "> 85"', "did you mean 85 %?", ""),
            ('accuracy_top1: "> 101 %"', "impossible: a share is never above 100 %", ""),
            ('accuracy_top1: "> 100 %"', "impossible", ""),
            ('latency_p99@imagenet-1k: "< 5 ms"', "latency_p99 is not taken on a test set", ""),
            ('accuracy_top1@imagenet1k: "> 80 %"', "unknown test set", "did you mean 'imagenet-1k'?"),
            ('gmacs: "<= 5 G"', "gmacs counts in 1e9 already: write 5", ""),
            ('cost_per_million: "<= 5 USD"', "needs the price of the device", ""),
            ('cost_per_million: "<= 5 EUR"', "unknown unit 'EUR'", ""),
            ('{accuracy_top1: "> 80 %", accuracy_top1@imagenet-1k: "> 85 %"}', "is the same figure as", ""),
            ("license: []", "license is an empty list", ""),
            ("license: [Apache 2.0]", "'Apache 2.0' is not a licence's identifier", ""),
            ("license: {a: b}", "requirements.license must be a list", ""),
            ("pretraining: []", "pretraining is an empty list", ""),
            ("pretraining: [laion 2b]", "'laion 2b' is not a set of images", ""),
            ("pretrainig: in22k", "unknown requirement 'pretrainig'", "did you mean 'pretraining'?"),
        ],
    )
    def test_requirements(self, requirement, message, suggestion):
        section = requirement if requirement.startswith("{") else f"\n  {requirement}"
        found = only(edited(f"requirements: {section}"))
        assert message in found.message
        assert found.suggestion == suggestion
        assert found.line

    @pytest.mark.parametrize(
        ("objective", "message", "suggestion"),
        [
            ("{maximise: accuracy_top1}", "unknown key 'maximise' in objective", "did you mean 'maximize'?"),
            ("{minimize: accuracy_top1}", "better when higher", 'did you mean "maximize: accuracy_top1"?'),
            ("{maximize: latency_p95}", "better when lower", 'did you mean "minimize: latency_p95"?'),
            ("{maximize: acuracy_top1}", "unknown metric 'acuracy_top1'", "did you mean 'accuracy_top1'?"),
            ("{maximize: [accuracy_top1]}", "a metric's name must stand here", ""),
            ("{maximize: accuracy_top1, minimize: parameters}", "both maximize and minimize", ""),
            ("{tie_breakers: [parameters]}", "neither maximize nor minimize", ""),
            ("{minimize: parameters, tie_breakers: gmacs}", "tie_breakers must be a list", ""),
            ("{minimize: parameters, tie_breakers: [parameters]}", "ranked already", ""),
            ("{minimize: parameters, tie_breakers: [gmac]}", "unknown metric 'gmac'", "did you mean 'gmacs'?"),
            ("{minimize: cost_per_million}", "needs the price of the device", ""),
            ("parameters", "objective must hold keys and values", ""),
            ("{}", "objective is empty", ""),
        ],
    )
    def test_objectives(self, objective, message, suggestion):
        found = only(edited(f"objective: {objective}"))
        assert message in found.message
        assert found.suggestion == suggestion

    def test_a_latency_has_no_place_in_the_offline_scenario(self):
        text = edited(
            "workload: {scenario: offline}\nobjective: {minimize: latency_p50, tie_breakers: [latency_p99]}"
        )
        found = problems(text)
        assert [problem.message.partition(" ")[0] for problem in found] == [
            "latency_p95",
            "latency_p50",
            "latency_p99",
        ]
        assert all("offline" in problem.message for problem in found)

    def test_a_price_that_cannot_be_read_is_the_only_complaint_about_it(self):
        text = edited('requirements: {cost_per_million: "< 5 USD"}\ndevice: {price: cheap}')
        assert "is not a price" in only(text).message

    @pytest.mark.parametrize("key", ["name", "workload", "candidates"])
    def test_required_keys(self, key):
        text = "".join(line for line in LEAST.splitlines(keepends=True) if not line.startswith(key))
        found = only(text)
        assert found.message.startswith(f"{key} is missing: write for instance {key}: ")
        assert found.line == 1

    def test_requirements_or_objective(self):
        text = "".join(LEAST.splitlines(keepends=True)[:3])
        assert "requirements and objective are both missing" in only(text).message

    @pytest.mark.parametrize("key", ["description", "workload", "device", "requirements", "objective", "agreement"])
    def test_a_key_without_value_is_never_ignored(self, key):
        assert only(edited(f"{key}:")).message == f"{key!r} has no value: write one or leave the key out"
        assert only(edited(f"{key}: ~")).message == f"{key!r} has no value: write one or leave the key out"


class TestNotSupportedYet:
    @pytest.mark.parametrize(
        ("section", "what"),
        [
            ("workload: {task: zero-shot-classification}", "task 'zero-shot-classification'"),
            ("workload: {scenario: server}", "scenario 'server'"),
            ("workload: {arrival_rate: 40 /s}", "workload.arrival_rate"),
            ("workload: {latency_scope: end_to_end}", "latency scope 'end_to_end'"),
            ("device: {target: NVIDIA L4}", "device 'NVIDIA L4'"),
        ],
    )
    def test_is_said_and_nothing_else(self, section, what):
        found = only(edited(section))
        assert found.message.startswith((f"{what} is not supported yet", f"{section.split(':')[0]}."))
        assert f"{what} is not supported yet" in found.message
        assert not found.suggestion

    def test_calibration_is_a_folder_or_random(self):
        given = parse_profile(edited("calibration: {images: data/photographs, count: 64}")).calibration
        assert (given.images, given.count, given.digest) == ("data/photographs", 64, "")
        assert parse_profile(edited("calibration: {images: random}")).calibration.count is None
        assert "calibration" not in parse_profile(edited("")).as_dict()

    @pytest.mark.parametrize(
        ("section", "told"),
        [
            ("calibration: {count: 64}", "calibration.images is missing"),
            ("calibration: {images: [a, b]}", "calibration.images: must be a folder"),
            ("calibration: {images: a, count: 0}", "calibration.count: must lie between 1"),
            ("calibration: {images: a, cuont: 9}", "unknown key 'cuont' in calibration"),
            ("calibration: {images: a, digest: abc}", "calibration.digest: must be 32 hexadecimal digits"),
        ],
    )
    def test_a_wrong_calibration_is_told(self, section, told):
        assert told in only(edited(section)).message

    def test_what_later_versions_serve_is_not_served_now(self):
        assert not set(served.LATER_METRICS) & set(METRICS.names())


class TestPlaces:
    def test_all_problems_at_once_in_the_order_of_the_text(self):
        text = (
            "name: x\n"
            "workload:\n"
            "  scenario: offlin\n"
            "  batch_size: 0\n"
            "requirements:\n"
            "  latency_95: '< 50 ms'\n"
            "  latency_p95:   '> 50 ms'\n"
            "  license: [mit, a b]\n"
            "candidates:\n"
            "  models:\n"
            "    - good\n"
            "    - not good\n"
            "accuracy: 5\n"
        )
        found = problems(text)
        places = [(problem.line, problem.column) for problem in found]
        assert places == [(3, 13), (4, 15), (6, 3), (7, 18), (8, 18), (12, 7), (13, 11)]
        assert [problem.source_line for problem in found] == [text.splitlines()[line - 1] for line, _ in places]

    def test_the_message_shows_the_line_with_a_caret(self):
        with pytest.raises(ProfileError) as caught:
            parse_profile(edited('requirements:\n  latency_95: "< 50 ms"'), "profile.yaml")
        assert str(caught.value) == (
            "profile.yaml:5:3: unknown metric 'latency_95', did you mean 'latency_p95'?\n"
            '  5 |   latency_95: "< 50 ms"\n'
            "    |   ^"
        )

    def test_a_missing_key_is_where_its_section_is(self):
        found = only("# a comment\n\n" + "".join(LEAST.splitlines(keepends=True)[1:]))
        assert (found.line, found.column) == (3, 1)

    def test_many_problems_are_cut(self):
        found = problems("".join(f"key_{number}: 1\n" for number in range(3000)))
        assert len(found) == 51
        assert found[-1].message == "there are more problems; mend these first"


class TestWriting:
    """Texts that YAML cannot read, or reads as something else than was meant."""

    @pytest.mark.parametrize(
        ("text", "place", "message", "suggestion"),
        [
            ("a: > 85 %\n", (1, 4), "a value that begins with '>' must stand in quotes", 'write "> 85 %"'),
            ("a: >= 6 /s # x\n", (1, 4), "a value that begins with '>' must stand in quotes", 'write ">= 6 /s"'),
            ("a: >85 %\n", (1, 4), "a value that begins with '>' must stand in quotes", 'write ">85 %"'),
            ("a: *x*\n", (1, 4), "a value that begins with '*' must stand in quotes", 'write "*x*"'),
            ("a: [b, *_x*]\n", (1, 8), "a value that begins with '*' must stand in quotes", ""),
            ("a: *x\n", (1, 4), "'*x' refers to an anchor that is not there", "a pattern that begins with '*'"),
            ("a: %x\n", (1, 4), "a value that begins with '%' must stand in quotes", 'write "%x"'),
            ("a: @x\n", (1, 4), "a value that begins with '@' must stand in quotes", 'write "@x"'),
            ("a:\n\t- b\n", (2, 1), "a tab indents this line", "indent with blanks"),
            ('a: "b\nc: d\n', (1, 4), "opened in quotes here is never closed", ""),
            ("a: [1, 2\nb: c\n", (1, 4), "the list that is opened with '[' here is not closed", ""),
            ("a: {b: c\n", (1, 4), "opened with '{' here is not closed", ""),
            ("a:\n  b: 1\n c: 2\n", (3, 2), "does not fit the lines above", ""),
            ("a: b: c\n", (1, 5), "a text with ': ' needs quotes", ""),
            ('a: "\\q"\n', (1, 5), "a backslash in double quotes", ""),
            ("- a\n", (1, 1), "a profile is made of keys and values", ""),
            ("hello\n", (1, 1), "a profile is made of keys and values", ""),
            ("a: 1\n---\nb: 2\n", (2, 1), "a second document begins here", ""),
            ("a: b\x00c\n", (1, 5), "the character U+0000 is not allowed", ""),
            ("a: b\n\n\x1b[31m\n", (3, 1), "the character U+001B is not allowed", ""),
            ("a: \ud800\n", (1, 4), "the character U+D800 is not allowed", ""),
            ("", (None, None), "the profile is empty", "see profiles/quickstart.yaml"),
            ("# only a comment\n", (None, None), "the profile is empty", "see profiles/quickstart.yaml"),
            ("%YAML 3.0\n---\na: 1\n", (1, 1), "this version of YAML is not known", ""),
        ],
    )
    def test_is_explained_with_its_place(self, text, place, message, suggestion):
        found = only(text)
        assert message in found.message
        assert found.suggestion.startswith(suggestion)
        assert bool(found.suggestion) == bool(suggestion)
        assert (found.line, found.column) == place

    def test_a_duplicate_key_names_the_line_of_the_first(self):
        found = only(LEAST + "name: other\n")
        assert found.message == "'name' stands here a second time; the first is on line 1"
        assert (found.line, found.column) == (5, 1)

    @pytest.mark.parametrize(
        "tag", ["!!python/object/apply:os.system", "!!str", "!own", "!!python/name:os.system", "!"]
    )
    def test_tags_are_refused(self, tag):
        found = problems(edited(f"description: {tag} hello"))
        assert f"tags such as {tag!r} are not allowed" in found[0].message

    def test_a_key_that_is_no_text(self):
        assert only("? [a]\n: b\n" + LEAST).message == "a key must be a text"

    def test_an_empty_entry(self):
        found = only(edited("candidates: {models: [a, ~, b]}"))
        assert found.message == "this entry of the list is empty"
        assert (found.line, found.column) == (4, 26)

    def test_places_after_an_empty_entry_are_right(self):
        found = problems(edited("candidates:\n  models:\n    -\n    - b c"))
        assert [(problem.line, problem.column) for problem in found] == [(6, 6), (7, 7)]

    def test_merge_keys_are_not_a_way_around(self):
        assert "unknown key '<<'" in only(LEAST + "<<: {traffic: 5}\n").message


class TestHostileTexts:
    @pytest.mark.parametrize(
        "text",
        [
            "a: &a [1,1,1,1,1,1,1,1,1]\n"
            + "".join(
                f"{name}: &{name} [{','.join([f'*{last}'] * 9)}]\n"
                for last, name in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "a: &a [*a]\n",
            "a: &a x\n" + "".join(f"a{i}: &a [[[[*a]]]]\n" for i in range(500)),
            "[" * 500_000,
            "{" * 500_000,
            "? " * 500_000,
            "- " * 500_000,
            "a: 1\n" * 200_000,
            "".join(f"k{number}: 1\n" for number in range(90_000)),
            "name: " + "9" * 1_000_000,
            "x" * 1_000_000 + ": 1",
            "a: >" + " " * 900_000 + "5",
            "a: " + "[ " * 8 + " " * 900_000 + "%5",
            "#" * 1_000_000,
            "\n" * 1_000_000,
            "a: '" + "''" * 500_000,
            "!" * 1_000_000,
            "%a b\n" * 200_000,
            LEAST + "objective: {minimize: parameters, tie_breakers: [" + "latency_p9," * 4900 + "]}",
            LEAST.replace("requirements:", "agreement:").replace("latency_p95", "x" * 90)
            + "requirements:\n"
            + "".join(f"  latency_p{number}: x\n" for number in range(4900)),
            "{" + ",".join(f'"{"x" * 95}{number}": 1' for number in range(4900)) + "}",
            "a" * (2**20 + 1),
        ],
        ids=range(22),
    )
    def test_are_refused_within_two_seconds(self, text):
        start = time.perf_counter()
        assert problems(text)
        assert time.perf_counter() - start < 2

    @given(st.text(st.characters()))
    def test_any_text_is_a_profile_or_a_profile_error(self, text):
        refuse_or_accept(text)

    @given(st.text(st.sampled_from(list("ab:-?[]{},\n\t #&*!|>'\"%@`~<=.015msGiB\r\u2028\x85"))))
    def test_any_yaml_like_text(self, text):
        refuse_or_accept(text)

    @given(st.data())
    @settings(max_examples=200)
    def test_any_edit_of_a_good_profile(self, data):
        start = data.draw(st.integers(0, len(WHOLE)))
        end = data.draw(st.integers(start, min(len(WHOLE), start + 30)))
        piece = data.draw(
            st.one_of(
                st.text(max_size=20),
                st.sampled_from(
                    ["null", "[]", "{}", "-1", ".nan", "&a", "*a", "!!int 3", "'", '"', "\n", "  ", ": "]
                ),
            )
        )
        refuse_or_accept(WHOLE[:start] + piece + WHOLE[end:])

    @given(
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        st.data(),
    )
    def test_any_value_anywhere(self, value, data):
        tree = yaml.safe_load(WHOLE)
        section = data.draw(st.sampled_from(sorted(tree)))
        if isinstance(tree[section], dict) and data.draw(st.booleans()):
            tree[section][data.draw(st.sampled_from(sorted(tree[section])))] = value
        else:
            tree[section] = value
        refuse_or_accept(yaml.safe_dump(tree, allow_unicode=True))


def refuse_or_accept(text):
    """A profile whose stored form is faithful, or problems in plain words with places in the text."""
    try:
        profile = parse_profile(text, "p.yaml")
    except ProfileError as refused:
        error = refused
    else:
        assert RequirementProfile.from_dict(profile.as_dict()) == profile
        return
    assert error.problems
    lines = len(text.splitlines()) + 1
    for problem in error.problems:
        assert "Input should be" not in str(problem)
        assert "pydantic" not in str(problem)
        assert problem.line is None or 1 <= problem.line <= lines
    assert "https://" not in str(error).replace(text, "")


class TestFiles:
    def test_a_file_is_read(self, tmp_path):
        path = tmp_path / "mine.yaml"
        path.write_text(LEAST, encoding="utf-8")
        assert load_profile(path).name == load_profile(str(path)).name == "cloud"

    def test_the_path_stands_in_the_message(self, tmp_path):
        path = tmp_path / "mine.yaml"
        path.write_text(LEAST.replace("classification}", "classification, arrival_rate: 40 /s}"), encoding="utf-8")
        with pytest.raises(ProfileError) as caught:
            load_profile(path)
        assert str(caught.value).startswith(f"{path}:2:40: workload.arrival_rate is not supported yet")

    @pytest.mark.parametrize("name", ["quickstart", "quickstart.yaml", "profiles/quickstart.yaml"])
    def test_bundled_ones_are_found_by_name_from_any_folder(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert load_profile(name).name == "quickstart"

    def test_a_file_comes_before_a_bundled_one(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "quickstart.yaml").write_text(LEAST, encoding="utf-8")
        assert load_profile("quickstart.yaml").name == "cloud"
        assert load_profile("quickstart").name == "quickstart"

    def test_a_slip_in_the_name_is_answered(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ProfileError, match=r"there is no such profile, did you mean 'quickstart'\?"):
            load_profile("quickstrat.yaml")

    @pytest.mark.parametrize("path", ["", "\0", "../" * 50 + "etc/passwd", "x" * 5000, "\udcff", "profiles/../../x"])
    def test_hostile_paths(self, path, tmp_path, monkeypatch):
        folder = tmp_path / "one" / "two"
        folder.mkdir(parents=True)
        monkeypatch.chdir(folder)
        with pytest.raises(ProfileError):
            load_profile(path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"name: \xff\xfe", "line 1"),
            (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is not UTF-8"),
            (LEAST.encode("utf-16"), "is not UTF-8"),
            (b"\x00" * 100, "U\\+0000"),
            (b"#" * (2**20 + 1), "larger than 1 MiB"),
            (b"", "the profile is empty"),
        ],
    )
    def test_what_is_not_text(self, content, message, tmp_path):
        path = tmp_path / "mine.yaml"
        path.write_bytes(content)
        pattern = message if message != "line 1" else ":1:7: the byte 0xff is not UTF-8"
        with pytest.raises(ProfileError, match=pattern):
            load_profile(path)

    def test_folders_and_pipes_are_not_files(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path, tmp_path / "pipe"):
            with pytest.raises(ProfileError, match="this is not a file"):
                load_profile(path)


class TestBundledProfiles:
    @pytest.mark.parametrize("name", bundled_profiles())
    def test_every_one_is_valid_and_describes_itself(self, name):
        profile = load_profile(name)
        assert profile.name.replace("-", "_") == name
        assert profile.description
        assert RequirementProfile.from_dict(profile.as_dict()) == profile

    def test_the_two_first_ones_are_there(self):
        assert {"quickstart", "cloud_api"} <= set(bundled_profiles())

    def test_quickstart_compiles_nothing_and_ends_within_four_minutes(self):
        profile = load_profile("quickstart")
        assert profile.evaluation.time_budget < 240
        assert not [name for name in profile.candidates.optimizations if "compile" in name or name in ("*", "amp*")]
        assert len(profile.candidates.models) >= 8
