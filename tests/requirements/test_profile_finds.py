"""What benchmarks/fuzz_profiles.py and hostile hands found, kept."""

from __future__ import annotations

import time

import pytest

from selector.errors import ProfileError
from selector.requirements import parse_profile
from selector.requirements.fields import MOST_PATTERNS
from selector.requirements.loader import MAX_NAMES
from selector.search.names import unknown_names

HEAD = 'name: a\nworkload: {task: image-classification}\nrequirements: {latency_p95: "< 5 s"}\n'


def refusal(text: str, look_up: bool = False) -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, "p.yaml", unknown_names if look_up else None)
    return caught.value


@pytest.mark.parametrize("text", ["{", '{"a": 1, "b": {', "name: x\na: {b: 1,", "? "])
def test_a_place_lies_in_the_text_where_it_ends_without_line_break(text: str) -> None:
    for problem in refusal(text).problems:
        assert problem.line is None or problem.line <= text.count("\n") + 1


@pytest.mark.parametrize("text", ["@\t?{!", "&!\t=i|>[#", "a: @\u202egpj", "a: %\tx\x85"])
def test_what_to_write_instead_can_be_shown(text: str) -> None:
    assert all(line.isprintable() for line in str(refusal(text)).split("\n"))


@pytest.mark.parametrize(
    "section",
    [
        'agreement: {"\\e[31m\\xa0": strategy}',
        'evaluation: {"\\e[2J": []}',
        'device: {"\\u202e": 1}',
        '"\\e[31m": 1',
        'objective: {"\\e[31m": 1, maximize: accuracy_top1}',
        'requirements: {"\\e[31m": 1}',
        'description: "x"\n"\\e]0;title\\a": []',
    ],
)
def test_keys_that_yaml_escapes_hide_control_characters_in_are_escaped(section: str) -> None:
    text = HEAD if not section.startswith("requirements") else HEAD.partition("requirements")[0]
    error = refusal(text + "candidates: {models: [resnet18]}\n" + section)
    assert all(line.isprintable() for line in str(error).split("\n"))


def test_hundreds_of_names_that_do_not_exist_are_told_at_once() -> None:
    """A near name of each was looked for among 3,000, twice: eleven seconds for 200."""
    names = ",".join(f"resnext_{number}_base_patch16_224.augreg" for number in range(900))
    began = time.perf_counter()
    error = refusal(f"{HEAD}candidates: {{models: [{names}]}}", look_up=True)
    assert time.perf_counter() - began < 20, "was a minute"
    assert len(error.problems) == MAX_NAMES + 1
    assert error.problems[-1].message == "there are more problems; mend these first"


def test_a_list_of_patterns_is_bounded() -> None:
    names = ",".join(f"'?*{number}*'" for number in range(MOST_PATTERNS + 1))
    (problem,) = refusal(f"{HEAD}candidates: {{models: [{names}]}}").problems
    assert "has 1,001 entries; 1,000 are allowed" in problem.message


def test_a_path_of_ten_thousand_characters_is_cut_in_the_message() -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile("", "x" * 10_000)
    assert len(str(caught.value)) < 500
