"""Words and rows that all formats share."""

from __future__ import annotations

import math
import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import make_evidence, make_measurement, make_planned, make_profile
from support.sample_decisions import HOSTILE, NAMES, sample_decision

from selector.decision import Decision, Status, decide
from selector.devices.fake import Fake
from selector.metrics import MetricValue
from selector.reports import Context, argument, content, provenance
from selector.reports.text import plain, shorten
from selector.reports.values import Scale, scale_for
from selector.requirements import Requirement, judge

MS = Scale("ms", 1e-3, "time")


class TestText:
    @given(st.text())
    def test_plain_text_is_one_visible_line(self, text: str) -> None:
        line = plain(text)
        assert line == plain(line)
        assert len(line.splitlines()) <= 1
        assert line == line.strip()
        line.encode("utf-8")

    def test_what_could_mislead_is_shown_as_such(self) -> None:
        assert plain("a\x1b[31mb\u202ec\x00\ud800\n d") == "a\ufffd[31mb\ufffdc\ufffd\ufffd d"
        assert plain("é 模型 👩\u200d🔬") == "é 模型 👩\u200d🔬"

    @given(st.text(max_size=60), st.integers(1, 70))
    def test_shortened_text_keeps_both_ends(self, text: str, width: int) -> None:
        short = shorten(text, width)
        assert len(short) <= max(width, 0)
        assert short == text if len(text) <= width else short[0] == text[0]


class TestValues:
    @pytest.mark.parametrize(
        ("value", "low", "high", "shown"),
        [
            (0.0381, 0.0378, 0.0385, "38.1 ±0.4"),
            (0.0381, None, None, "38.1"),
            (0.0381, 0.0381, 0.0381, "38.1"),
            (0.03812, 0.03811, 0.038125, "38.1 ±0.01"),
            (1.04, 1.0, 1.05, "1,040 ±40"),
            (0.00042, 0.0004, 0.00043, "0.420 ±0.020"),
            (0.00457, 0.0041, 0.0094, "4.57 (4.10 to 9.40)"),
            (0.0152, 0.0148, 0.0257, "15.2 (14.8 to 25.7)"),
            (0.0152, 0.0132, 0.0178, "15.2 ±2.6"),
            (0.0665, 0.0134, None, "66.5 (≥ 13.4)"),
            (0.0665, None, 0.1204, "66.5 (≤ 120.4)"),
            (0.0665, 0.0134, math.inf, "66.5 (≥ 13.4)"),
            (0.0665, -math.inf, math.inf, "66.5"),
        ],
    )
    def test_a_margin_reaches_as_far_as_the_interval(
        self, value: float, low: float | None, high: float | None, shown: str
    ) -> None:
        assert MS.with_margin(MetricValue(value, low, high)) == shown

    def test_the_unit_stands_before_the_only_end_that_is_known(self) -> None:
        assert MS.with_margin(MetricValue(0.0665, 0.0134, None), unit="ms") == "66.5 ms (≥ 13.4)"

    @pytest.mark.parametrize(
        ("key", "values", "unit"),
        [
            ("latency_p95", [0.03, 0.05, 2.0], "ms"),
            ("latency_p95", [30.0, 90.0, 200.0], "s"),
            ("latency_p95", [4e-5], "µs"),
            ("accuracy_top1", [0.8], "%"),
            ("memory_peak", [3e9], "GiB"),
            ("parameters", [28e6], "M"),
            ("gmacs", [4.5], ""),
            ("throughput", [], "img/s"),
        ],
    )
    def test_a_column_has_the_unit_of_its_typical_figure(self, key: str, values: list[float], unit: str) -> None:
        assert scale_for(key, values).unit == unit


class TestRequirements:
    def test_conditions_and_what_breaks_them(self) -> None:
        asked = Requirement.parse("latency_p95", "< 50 ms")
        assert (content.condition(asked), content.violation(asked)) == ("p95 < 50 ms", "p95 ≥ 50 ms")
        asked = Requirement.parse("accuracy_top1", ">= 85 %")
        assert (content.condition(asked), content.violation(asked)) == ("top-1 ≥ 85 %", "top-1 < 85 %")

    def test_shares_grow_towards_the_limit(self) -> None:
        ceiling, floor = Requirement.parse("latency_p95", "< 50 ms"), Requirement.parse("throughput", ">= 600 img/s")
        assert content.share_of_limit(ceiling, 0.025) == pytest.approx(0.5)
        assert content.share_of_limit(ceiling, 0.1) == pytest.approx(2.0)
        assert content.share_of_limit(floor, 1200.0) == pytest.approx(0.5)
        assert content.share_of_limit(ceiling, 0.0) is None


@pytest.mark.parametrize("name", NAMES)
def test_groups_hold_every_candidate_of_their_status_once(name: str) -> None:
    decision = sample_decision(name)
    for groups, members in (
        (content.rejected_groups(decision), decision.rejected),
        (content.failed_groups(decision), decision.failed),
        (content.unavailable_groups(decision), decision.unavailable),
        (content.undecided_groups(decision), decision.undecided),
        (content.not_measured_groups(decision), decision.not_measured),
    ):
        assert sorted(one.id for group in groups for one in group.members) == sorted(one.id for one in members)
        assert all(group.reason == plain(group.reason) for group in groups)
    assert sum(content.counts(decision).values()) == len(decision.evidence.plan.considered)


def test_the_nearest_of_a_group_is_the_nearest_miss() -> None:
    rows = []
    for number, p50 in enumerate((0.09, 0.055, 0.2)):
        planned = make_planned(f"net{number}.a_in1k")
        rows.append((planned, make_measurement(planned.candidate, p50=p50)))
    decision = decide(make_profile({"latency_p50": "< 50 ms"}), make_evidence(rows))
    (group,) = content.rejected_groups(decision)
    assert [one.planned.candidate.architecture for one in group.members] == ["net1", "net0", "net2"]
    assert group.nearest == "net1.a_in1k @ eager, p50 55 ms, limit < 50 ms, 10 % over"
    assert group.distance == (False, decision.nearest_misses[0].cost)
    assert group.members[0] is decision.nearest_misses[0].assessment


@pytest.mark.parametrize("name", NAMES)
def test_nearest_means_the_same_everywhere(name: str) -> None:
    decision = sample_decision(name)
    groups = [group for group in content.rejected_groups(decision) if group.nearest]
    rejected = [miss for miss in decision.nearest_misses if miss.assessment.status == "rejected"]
    if rejected:
        nearest = min(groups, key=lambda group: group.distance)
        assert nearest.distance[1] == rejected[0].cost
        assert nearest.nearest.startswith(content.name(rejected[0].assessment))


def test_static_exclusions_are_told_by_their_rule() -> None:
    rows = [
        make_planned("a.x", license="cc-by-nc-4.0"),
        make_planned("b.x", license=None),
        make_planned("c.x", parameters=400_000_000),
        make_planned("d.x", top1=0.5),
    ]
    profile = make_profile(
        {"accuracy_top1": "> 60 %"}, licenses=("apache-2.0",), candidates={"max_parameters": 100_000_000}
    )
    reasons = {
        group.reason: len(group.members) for group in content.rejected_groups(decide(profile, make_evidence(rows)))
    }
    assert reasons == {"licence not among those allowed": 2, "more than 100 M parameters": 1, "top-1 ≤ 60 %": 1}


def test_tables_show_what_the_profile_speaks_of() -> None:
    decision = sample_decision("cloud")
    table = content.ranking_table(decision, decision.ranked[:3])
    keys = [column.key for column in table.columns]
    assert keys[:6] == ["rank", "model", "way", "accuracy_top1", "latency_p95", "limit"]
    assert {"cost_per_million", "memory_peak", "throughput"} <= set(keys)
    share = table.rows[0][keys.index("limit")]
    latency = table.rows[0][keys.index("latency_p95")]
    assert share.number is not None
    assert latency.number is not None
    assert share.number == pytest.approx(latency.number / 50)


def _two(first: float, second: float, **changes: float) -> Decision:
    rows = []
    for name, p50 in (("fast.a_in1k", first), ("slow.a_in1k", second)):
        planned = make_planned(name, top1=changes.get(name.partition(".")[0], 0.8))
        rows.append((planned, make_measurement(planned.candidate, p50=p50)))
    return decide(make_profile({"latency_p50": "< 50 ms"}), make_evidence(rows))


def test_differences_tell_noise_from_gain() -> None:
    decision = _two(0.010, 0.0101)
    told = {one.key: one for one in argument.differences(decision, decision.ranked[1], decision.ranked[0])}
    assert told["latency_p50"].effect == "same"
    assert told["latency_p50"].text.endswith("within the noise")
    decision = _two(0.010, 0.020, slow=0.7)
    told = {one.key: one for one in argument.differences(decision, decision.ranked[1], decision.ranked[0])}
    assert (told["latency_p50"].effect, told["latency_p50"].text) == ("worse", "p50 20 ms, 100 % more")
    assert (told["accuracy_top1"].effect, told["accuracy_top1"].text) == ("worse", "top-1 70.0 %, 10.0 points less")
    assert (told["throughput"].effect, told["throughput"].text) == ("worse", "throughput 50 img/s, 50 % less")


def test_ties_are_said() -> None:
    decision = _two(0.010, 0.0101)
    assert decision.winner is not None
    assert decision.winner.tied_with
    assert any(sentence.startswith("Tied with ") for sentence in argument.claims(decision))
    assert any(sentence.startswith("a tie with 1 other candidate") for sentence in argument.consequences(decision)[1])


def test_what_the_limits_turned_away_is_a_price_of_the_choice() -> None:
    decision = _two(0.010, 0.070, slow=0.9)
    _, bad = argument.consequences(decision)
    assert (
        "top-1 is 10.0 points lower than with slow.a_in1k @ eager, which was turned away: p50 70 ms, limit < 50 ms, "
        "40 % over"
    ) in bad


def test_trust_names_device_libraries_weights_and_sources() -> None:
    facts = dict(provenance.trust(sample_decision("cloud")))
    assert facts["Device"] == "NVIDIA L4, 24 GiB of memory"
    assert facts["Power limit"] == "72 W"
    assert facts["Price"] == "0.526 USD/h for one device"
    assert "torch 2.14.1" in facts["Libraries"]
    assert facts["Weights"].endswith(" pretrained")
    assert facts["Accuracy"].startswith("published: timm results/results-imagenet.csv")
    assert "1 measured candidate" not in facts["Samples"]
    assert "2 older measurements" in dict(provenance.trust(sample_decision("offline")))["Stale"]


def test_the_simulated_device_is_never_passed_off_as_real() -> None:
    environment = replace(sample_decision("cloud").evidence.plan.environment, device_kind="fake")
    assert "simulated" in provenance.device_name(environment)


class TestCommands:
    def test_what_the_call_said_instead_of_the_profile_is_said_again(self) -> None:
        decision = sample_decision("quickstart")
        context = Context(
            profile="my.yaml",
            device="cuda:1",
            environment="12ab",
            store="sqlite:///x.db",
            measuring=("--only", "*@eager", "--time-budget", "5 min"),
        )
        assert decision.winner is not None
        explain, report, dashboard = content.commands(decision, context)
        assert explain == (
            f"selector explain my.yaml {decision.ranked[1].id} --device cuda:1 --environment 12ab --store sqlite:///x.db"
        )
        assert report == f"selector report {decision.evidence.run_id} --format md --store sqlite:///x.db"
        assert dashboard == "selector dashboard --store sqlite:///x.db"
        assert provenance.confirm(decision, context) == (
            "selector evaluate my.yaml --force --device cuda:1 --only '*@eager' --time-budget '5 min' "
            "--store sqlite:///x.db"
        )

    def test_without_a_run_the_profile_is_reported(self) -> None:
        decision = replace(
            sample_decision("quickstart"), evidence=replace(sample_decision("quickstart").evidence, run_id=None)
        )
        report = content.commands(decision, Context(profile="my.yaml", device="cpu", environment="12ab"))[1]
        assert report == "selector report my.yaml --device cpu --environment 12ab --format md"

    def test_without_a_file_the_run_is_explained(self) -> None:
        decision = sample_decision("quickstart")
        explain, report, _ = content.commands(decision, Context())
        assert explain == f"selector explain {decision.evidence.run_id} {decision.ranked[1].id}"
        assert report == f"selector report {decision.evidence.run_id} --format md"
        target = decision.profile.device.target
        assert provenance.confirm(decision, Context()) == f"selector evaluate PROFILE --force --device {target}"

    def test_where_nothing_is_measured_that_comes_next(self) -> None:
        decision = sample_decision("nothing_measured")
        assert content.commands(decision, Context(profile="my.yaml"))[0] == "selector evaluate my.yaml"
        assert not any("evaluate" in one for one in content.commands(sample_decision("quickstart"), Context()))


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        ([160, 160], "160 timed queries of each of 2 measured candidates"),
        ([7], "7 timed queries of 1 measured candidate"),
        ([1], "1 timed query of 1 measured candidate"),
        ([7, 160], "7 to 160 timed queries of each of 2 measured candidates"),
    ],
)
def test_samples_are_counted_in_good_grammar(samples: list[int], told: str) -> None:
    rows = []
    for number, count in enumerate(samples):
        planned = make_planned(f"net{number}.a")
        rows.append((planned, make_measurement(planned.candidate, samples=count)))
    assert dict(provenance.trust(decide(make_profile(), make_evidence(rows))))["Samples"] == told


def test_a_device_is_called_simulated_once() -> None:
    environment = sample_decision("cloud").evidence.plan.environment
    fake = replace(environment, device_kind="fake", device_name=Fake().name)
    assert provenance.device_name(fake).count("simulated") == 1


def test_too_few_samples_are_not_called_near() -> None:
    planned = make_planned()
    profile = make_profile({"latency_p95": "< 50 ms"})
    decision = decide(profile, make_evidence([(planned, make_measurement(planned.candidate, p50=0.001, samples=95))]))
    judgement = decision.assessments[0].judgements["latency_p95"]
    figure = judgement.result
    assert isinstance(figure, MetricValue)
    open_ended = judge(judgement.requirement, replace(figure, high=None, low=figure.value))
    assert open_ended.open_ended
    undecided = replace(decision.assessments[0], status=Status.UNDECIDED, judgements={"latency_p95": open_ended})
    (group,) = content.undecided_groups(replace(decision, ranked=(), undecided=(undecided,)))
    assert group.reason == "too few samples to be sure of p95 < 50 ms"


def test_commands_are_safe_to_paste() -> None:
    for command in content.commands(sample_decision("hostile"), Context(profile=HOSTILE, store=HOSTILE)):
        words = shlex.split(command)
        assert words[0] == "selector"
        assert "\n" not in command
