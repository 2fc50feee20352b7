"""The profile as understood: made in Python, edited, stored."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.evidence import make_profile

from selector.errors import ProfileError, UnknownNameError, UsageError
from selector.metrics import METRICS
from selector.quantities import parse_quantity
from selector.requirements import Objective, Requirement, RequirementProfile
from selector.requirements.objective import right_direction

PLAIN = sorted(set(METRICS.names()) - {"score"})
"""Metrics of every profile; the score is there only with weights."""
UPPER = {"accuracy_top1", "accuracy_top5", "accuracy_drop", "agreement_top1"}


@st.composite
def requirements(draw, metric=None):
    name = metric or draw(st.sampled_from(METRICS.names()))
    lower = METRICS.get(name).better == "lower"
    limit = draw(st.floats(1e-9, 0.999 if name in UPPER else 1e5))
    comparison = draw(st.sampled_from(["<", "<="] if lower else [">", ">="]))
    return Requirement(metric=name, comparison=comparison, limit=limit, text=f"{comparison} {limit}")


@st.composite
def profiles(draw):
    names = draw(st.lists(st.sampled_from(PLAIN), unique=True, max_size=5))
    ranked_by = draw(st.sampled_from(PLAIN))
    objective = {"direction": right_direction(ranked_by), "metric": ranked_by}
    kind = draw(st.sampled_from(("plain", "weights", "lexicographic")))
    if kind == "weights":
        objective["weights"] = {ranked_by: draw(st.floats(0.01, 1))}
    if kind == "lexicographic":
        step = {"within": draw(st.floats(0, 1)), "relative": draw(st.booleans()), **objective}
        objective["lexicographic"] = (step,)
    return RequirementProfile(
        name=draw(st.text("abc xyz-éß한", min_size=1).filter(str.strip)),
        description=draw(st.text(max_size=50)),
        workload={
            "scenario": draw(st.sampled_from(["single-stream", "multi-stream"])),
            "image_size": draw(st.just("native") | st.tuples(st.integers(1, 2000), st.integers(1, 2000))),
            **draw(st.fixed_dictionaries({}, optional={"batch_size": st.integers(1, 512)})),
        },
        device={
            "target": draw(st.sampled_from(["auto", "cpu", "cuda", "cuda:3", "fake"])),
            "count": draw(st.integers(1, 9)),
            "memory": draw(st.none() | st.integers(1, 2**40)),
            "threads": draw(st.none() | st.integers(1, 64)),
            "price": draw(st.floats(1e-9, 1)),
        },
        requirements=tuple(draw(requirements(name)) for name in names),
        licenses=draw(st.lists(st.sampled_from(["mit", "apache-2.0", "other"]))),
        pretraining=draw(st.lists(st.sampled_from(["none", "in22k", "laion2b"]))),
        objective=objective,
        traffic=draw(st.floats(1e-6, 1e6)),
        candidates={"models": draw(st.lists(st.sampled_from(["a*", "b", "vit_?"]), min_size=1))},
        agreement=draw(st.dictionaries(st.sampled_from(["fp32", "bf16", "fp16", "int8"]), st.floats(1e-6, 1))),
        evaluation={
            "confidence": draw(st.floats(0.01, 0.99)),
            "time_budget": draw(st.none() | st.floats(1e-3, 1e6)),
        },
    )


@given(profiles())
def test_the_stored_form_is_plain_json_and_faithful(profile):
    text = json.dumps(profile.as_dict(), allow_nan=False)
    assert RequirementProfile.from_dict(json.loads(text)) == profile


@given(profiles(), st.data())
def test_edits_are_faithful_too(profile, data):
    if not profile.requirements:
        return
    key = data.draw(st.sampled_from([entry.key for entry in profile.requirements]))
    limit = data.draw(st.floats(1e-6, 0.99))
    moved = profile.with_limit(key, limit)
    assert moved.requirement(key).limit == limit
    assert moved.requirement(key).comparison == profile.requirement(key).comparison
    assert [entry.key for entry in moved.requirements] == [entry.key for entry in profile.requirements]
    assert RequirementProfile.from_dict(moved.as_dict()) == moved
    gone = profile.without(key)
    assert key not in [entry.key for entry in gone.requirements]
    assert RequirementProfile.from_dict(gone.as_dict()) == gone


@given(requirements())
def test_a_moved_limit_is_written_out(requirement):
    moved = requirement.at(requirement.limit)
    written = moved.text.removeprefix(moved.comparison)
    kind = METRICS.get(moved.metric).kind
    assert parse_quantity(written.strip(), kind) == pytest.approx(moved.limit, rel=1e-5)
    assert moved.text.startswith(f"{requirement.comparison} ")


class TestEditing:
    def test_the_original_stays_as_it_is(self):
        profile = make_profile({"latency_p95": "< 50 ms", "accuracy_top1": "> 80 %"})
        moved = profile.with_limit("latency_p95", 0.0513)
        assert profile.requirement("latency_p95").limit == 0.05
        assert moved.requirement("latency_p95").text == "< 51.3 ms"
        assert [entry.key for entry in moved.requirements] == ["latency_p95", "accuracy_top1"]
        assert moved.without("latency_p95").requirements == (profile.requirement("accuracy_top1"),)

    def test_a_test_set_is_part_of_the_key(self):
        profile = make_profile({"accuracy_top1@imagenet-1k": "> 80 %"})
        assert profile.with_limit("accuracy_top1@imagenet-1k", 0.5).requirements[0].dataset == "imagenet-1k"
        with pytest.raises(UnknownNameError):
            profile.with_limit("accuracy_top1", 0.5)

    def test_an_absent_requirement_is_not_added(self):
        profile = make_profile({"latency_p95": "< 50 ms"})
        with pytest.raises(
            UnknownNameError, match=r"unknown requirement 'latency_p90', did you mean 'latency_p95'\?"
        ):
            profile.with_limit("latency_p90", 1.0)
        with pytest.raises(UnknownNameError):
            profile.without("license")

    @pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf"), 1.5])
    def test_an_impossible_limit_is_refused(self, limit):
        profile = make_profile({"accuracy_top1": "> 80 %"})
        with pytest.raises(UsageError):
            profile.with_limit("accuracy_top1", limit)

    def test_licences_can_be_dropped(self):
        profile = make_profile({"latency_p95": "< 50 ms"}, licenses=("mit",))
        assert profile.without("license").licenses == ()

    def test_pretraining_can_be_dropped(self):
        profile = make_profile({"latency_p95": "< 50 ms"}, pretraining=("none",))
        assert profile.without("pretraining").pretraining == ()

    def test_lifting_the_memory_limit_lifts_that_of_the_device(self):
        profile = make_profile(device={"memory": 2**30})
        assert profile.with_limit("memory_peak", 2**29).device.memory == 2**30
        wider = profile.with_limit("memory_peak", 2**31)
        assert wider.device.memory is None
        assert wider.requirement("memory_peak").limit == 2**31
        assert profile.without("memory_peak").requirements == ()
        assert RequirementProfile.from_dict(profile.without("memory_peak").as_dict()).requirements == ()


class TestPython:
    def test_numbers_are_in_base_units_and_texts_as_in_a_file(self):
        given = make_profile(device={"memory": "16 GiB", "price": 0.001}, evaluation={"time_budget": 60})
        assert given.device.memory == 16 * 2**30
        assert given.device.price == 0.001
        assert given.evaluation.time_budget == 60.0

    def test_profiles_do_not_change(self):
        profile = make_profile({"latency_p95": "< 50 ms"})
        with pytest.raises(ValidationError):
            profile.name = "other"
        with pytest.raises(ValidationError):
            profile.requirements[0].limit = 1.0

    def test_contradictions_are_refused_here_too(self):
        with pytest.raises(ValidationError, match="offline"):
            make_profile({"latency_p95": "< 50 ms"}, workload={"scenario": "offline"})
        with pytest.raises(ValidationError, match="price of the device"):
            make_profile({"cost_per_million": "< 5 USD"})
        with pytest.raises(ValidationError, match="same figure"):
            make_profile({"accuracy_top1": "> 80 %", "accuracy_top1@imagenet-1k": "> 80 %"})

    @pytest.mark.parametrize(
        ("key", "text"), [("latency_95", "< 5 ms"), ("latency_p95", "5 ms"), ("latency_p95", "> 5 ms")]
    )
    def test_a_requirement_says_what_is_wrong(self, key, text):
        with pytest.raises(UsageError):
            Requirement.parse(key, text)

    def test_a_requirement_made_by_hand_is_checked(self):
        for limit in (0.0, -1.0, float("nan")):
            with pytest.raises(ValidationError):
                Requirement(metric="latency_p95", comparison="<", limit=limit, text="")
        with pytest.raises(ValidationError, match="better when lower"):
            Requirement(metric="latency_p95", comparison=">", limit=1.0, text="> 1 s")

    @pytest.mark.parametrize("name", ["accuracy_top1", "latency_p99"])
    def test_an_objective_pushes_in_the_better_direction(self, name):
        right = "maximize" if METRICS.get(name).better == "higher" else "minimize"
        wrong = {"maximize": "minimize", "minimize": "maximize"}[right]
        assert Objective(direction=right, metric=name).tie_breakers == ()
        with pytest.raises(ValidationError, match="better when"):
            Objective(direction=wrong, metric=name)


class TestStoredProfiles:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"name": None}, "name must be a text"),
            ({"surprise": 1}, "unknown key 'surprise'"),
            ({"workload": {"batch_size": 0}}, "workload.batch_size: must lie between"),
            ({"agreement": {"fp33": 1.0}}, "unknown key 'fp33' in agreement, did you mean 'fp32'"),
            ({"device": {"memory": 10**400}}, "too large a number"),
            ({"device": {"price": True}}, "device.price: must be a quantity such as 3.06 USD/h"),
            (
                {"requirements": [{"metric": "gone", "comparison": "<", "limit": 1, "text": "< 1"}]},
                "requirements, entry 1: unknown metric 'gone'",
            ),
        ],
    )
    def test_damage_is_told_in_plain_words(self, change, message):
        data = {**make_profile({"latency_p95": "< 50 ms"}).as_dict(), **change}
        with pytest.raises(ProfileError) as caught:
            RequirementProfile.from_dict(data)
        assert message in str(caught.value)
        assert "https://" not in str(caught.value)

    def test_a_missing_key_is_named(self):
        data = make_profile().as_dict()
        del data["candidates"]
        with pytest.raises(ProfileError, match="candidates is missing"):
            RequirementProfile.from_dict(data)

    @given(st.dictionaries(st.text(max_size=5), st.none() | st.text() | st.integers()))
    def test_any_data_is_a_profile_or_refused(self, data):
        with pytest.raises(ProfileError):
            RequirementProfile.from_dict(data)


class TestTestSets:
    def test_the_one_that_is_meant_where_none_is_named(self):
        assert make_profile().dataset == "imagenet-1k"
        assert make_profile(accuracy={"dataset": "imagenet-r"}).dataset == "imagenet-r"

    def test_a_profile_with_one_comes_back_from_its_document(self):
        profile = make_profile({"accuracy_top1": ">= 50 %"}, accuracy={"dataset": "imagenet-sketch"})
        assert profile.as_dict()["accuracy"] == {"dataset": "imagenet-sketch"}
        assert RequirementProfile.from_dict(profile.as_dict()) == profile
        assert "accuracy" not in make_profile().as_dict()

    def test_the_objective_may_name_one(self):
        profile = make_profile(objective={"direction": "maximize", "metric": "accuracy_top1@imagenet-r"})
        assert profile.objective.metrics == ("accuracy_top1@imagenet-r",)
        with pytest.raises(ValidationError, match="unknown test set"):
            make_profile(objective={"direction": "maximize", "metric": "accuracy_top1@imagenet-z"})

    def test_the_default_is_said_once(self):
        both = {"accuracy_top1": "> 50 %", "accuracy_top1@imagenet-r": "> 50 %"}
        assert len(make_profile(both).requirements) == 2
        with pytest.raises(ValidationError, match="same figure as"):
            make_profile(both, accuracy={"dataset": "imagenet-r"})


OWN = {"model": "resnet18", "weights": "runs/mine.pth", "num_classes": 12}


class TestOwnWeights:
    def test_may_stand_alone_and_come_back_from_their_document(self):
        profile = make_profile(candidates={"models": (), "checkpoints": [OWN]})
        assert profile.candidates.checkpoints[0].weights == "runs/mine.pth"
        assert RequirementProfile.from_dict(profile.as_dict()) == profile
        assert "checkpoints" not in make_profile().as_dict()["candidates"]

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"weights": "mine.bin"}, "must be a file of weights"),
            ({"weights": ""}, "must be a file"),
            ({"num_classes": 0}, "must lie between 1"),
            ({"sha256": "abc"}, "64 hexadecimal digits"),
        ],
    )
    def test_wrong_ones_are_told(self, change, told):
        with pytest.raises(ValidationError, match=told):
            make_profile(candidates={"models": (), "checkpoints": [{**OWN, **change}]})

    def test_a_file_stands_once(self):
        with pytest.raises(ValidationError, match="twice"):
            make_profile(candidates={"checkpoints": [OWN, OWN]})
