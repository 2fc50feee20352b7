from __future__ import annotations

from support.evidence import make_environment, make_evidence, make_measurement, make_planned, make_profile

from selector.decision import decide


def measured(name="a.x", way="eager", p50=0.01, *, top1=0.791, **changes):
    planned = make_planned(name, way, top1=top1)
    return planned, make_measurement(planned.candidate, p50, **changes)


def headline(*rows, requirements=None, environment=None, **profile) -> str:
    return decide(make_profile(requirements or {}, **profile), make_evidence(rows, environment=environment)).headline


def test_a_choice_with_its_figures_and_its_gain_over_eager():
    sentence = headline(
        measured(way="openvino", p50=0.0098, p95=0.0099),
        measured(way="eager", p50=0.0402),
        make_planned(optimization="compile"),
        requirements={"latency_p95": "< 30 ms", "throughput": ">= 40 img/s"},
    )
    assert sentence == (
        "a.x@openvino on Test CPU is the choice: 79.1 % top-1 (published), p95 9.9 ms of 30 ms, throughput 102 img/s "
        "of at least 40 img/s; 4.1 times as fast as eager; 2 of 3 candidates measured."
    )


def test_the_gain_is_told_of_throughput_where_there_is_no_latency():
    offline = {"candidate": {"scenario": "offline"}, "top1": 0.7}
    planned = [make_planned("a.x", way, **offline) for way in ("eager", "compile")]
    rows = [(one, make_measurement(one.candidate, p50)) for one, p50 in zip(planned, (0.1, 0.005), strict=True)]
    assert "; 20 times as fast as eager; " in headline(*rows, workload={"scenario": "offline"})


def test_a_gain_within_a_few_percent_is_not_told():
    assert "as fast as" not in headline(measured(way="compile", p50=0.0098), measured(way="eager", p50=0.01))
    assert "as fast as" not in headline(measured(way="eager"))
    assert "as fast as" not in headline(measured(way="compile"), measured(way="eager", outcome="crashed"))


def test_a_tie_is_told():
    rows = [measured(way=way) for way in ("eager", "compile", "openvino", "onnxruntime")]
    assert "; tied with a.x@eager, a.x@onnxruntime and 1 other; " in headline(*rows)


def test_an_objective_that_is_limited_too_is_told_once():
    sentence = headline(measured(), requirements={"accuracy_top1": "> 75 %"})
    assert sentence.count("top-1") == 1
    assert "79.1 % top-1 (published) of at least 75" in sentence


def test_a_simulated_device_is_never_shown_as_real():
    fake = make_environment(device_kind="fake", device_name="fake device")
    assert headline(measured(), environment=fake).startswith("a.x@eager on fake device (simulated) is the choice")
    said = make_environment(device_kind="fake", device_name="a simulated device")
    assert headline(measured(), environment=said).startswith("a.x@eager on a simulated device is the choice")


def test_without_a_feasible_candidate_the_nearest_is_told():
    sentence = headline(
        measured(p95=0.0513, noise=0),
        make_planned("b.x", top1=0.7999),
        make_planned("c.x", unavailable="no"),
        requirements={"latency_p95": "< 50 ms", "accuracy_top1": ">= 79 %"},
    )
    assert sentence == (
        "No candidate is proven feasible on Test CPU: of 3 candidates 2 are rejected, 1 is not measured; the nearest "
        "miss is a.x@eager: relax latency_p95 from < 50 ms to < 51.4 ms."
    )


def test_a_measured_miss_is_told_before_a_nearer_unmeasured_one():
    sentence = headline(
        measured(p95=0.06, noise=0),
        make_planned("b.x", top1=0.7899),
        requirements={"latency_p95": "< 50 ms", "accuracy_top1": ">= 79 %"},
    )
    assert "the nearest miss is a.x@eager" in sentence


def test_what_is_proven_is_said_so():
    asked = {"latency_p95": "< 5 ms"}
    gone = make_planned("b.x", unavailable="no")
    assert headline(measured(), gone, requirements=asked).startswith(
        "No candidate is feasible on Test CPU: of 2 candi"
    )
    assert headline(measured(), measured("b.x"), requirements=asked).startswith(
        "No candidate is feasible on Test CPU: all 2 candidates are rejected; the nearest miss is "
    )
    for open_ in (
        measured("b.x", outcome="crashed"),
        make_planned("b.x"),
        measured("b.x", p50=0.0045, p95=0.00499, noise=0.02),
    ):
        assert headline(measured(), open_, requirements=asked).startswith(
            "No candidate is proven feasible on Test CPU"
        )
    assert headline(measured(outcome="crashed"), requirements=asked) == (
        "No candidate is proven feasible on Test CPU: the only candidate failed."
    )


def test_nothing_measured_yet():
    sentence = headline(make_planned("a.x"), make_planned("b.x", unavailable="no"))
    assert sentence == "Nothing is measured yet on Test CPU: of 2 candidates 1 is unavailable, 1 is not measured."


def test_everything_excluded_beforehand():
    sentence = headline(make_planned("a.x", top1=0.7), requirements={"accuracy_top1": "> 75 %"})
    assert sentence == (
        "No candidate is left to measure on Test CPU: the only candidate is rejected; the nearest miss is a.x@eager: "
        "relax accuracy_top1 from > 75 % to > 69.9 %, then measure it (unmeasured so far, only its published top-1 "
        "is known)."
    )


def test_no_candidate_at_all():
    assert headline() == "There is nothing to choose from on Test CPU: no candidate matches the profile."
