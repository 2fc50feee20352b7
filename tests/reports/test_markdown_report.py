"""The Markdown report: MADR's shape, figures with units, and hostile text that stays text."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from support.sample_decisions import HOSTILE, NAMES, sample_decision

from selector.reports import Context, render
from selector.reports.markdown import escape
from selector.reports.text import plain

WORD_JOINER = "\u2060"
MADR = [
    "Context and Problem Statement",
    "Decision Drivers",
    "Considered Options",
    "Decision Outcome",
    "Ranking",
    "What was not chosen",
    "More Information",
]
PIECES = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from([*"\\`*_{}[]()<>#+-.!|~$&:@=^\"'\n\r\t 1", "://", "www.", "&lt;", "]("]),
    ),
    max_size=12,
).map("".join)


def _parse(markdown: str) -> list[Token]:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return parser.parse(markdown)


def _inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or []]


def _shown(tokens: list[Token]) -> str:
    return "".join(token.content if token.type == "text" else f"<{token.type}>" for token in _inline(tokens))


class TestEscape:
    @given(PIECES)
    @example(HOSTILE)
    @example("1. one")
    @example("1) one")
    @example("- item")
    @example("+ item")
    @example("===")
    @example("> quote")
    @example("a__b__ _c_ d_e")
    @example("a < b <c> <!-- x")
    @example("&amp; & &")
    @example("C:\\new")
    def test_any_text_shows_itself_and_nothing_else(self, text: str) -> None:
        expected = plain(text).replace(WORD_JOINER, "")
        places = (
            f"{escape(text)}\n",
            f"# {escape(text)}\n",
            f"* {escape(text)}\n",
            f"| {escape(text)} |\n| :-- |\n",
            f"Good: **x {escape(text)} x** end",
        )
        around = ("", "", "", "", "Good: <strong_open>x")
        for place, start in zip(places, around, strict=True):
            shown = _shown(_parse(place)).replace(WORD_JOINER, "")
            if start:
                assert " ".join(shown.split()) == " ".join(f"{start} {expected} x<strong_close> end".split())
            else:
                assert shown == expected

    @given(PIECES)
    @example(HOSTILE)
    def test_nothing_is_left_for_a_forge_to_link(self, text: str) -> None:
        escaped = escape(text)
        assert "://" not in escaped
        assert not re.search(r"www\.", escaped, re.IGNORECASE)
        assert not re.search(r"(?<![\w@])@\w", escaped)
        assert not re.search(r"\w@\w+\.\w", escaped)
        assert not re.search(r"#\d", escaped)
        assert not re.search(r":[\w+-]+:", escaped)

    def test_ordinary_names_are_left_as_they_are(self) -> None:
        for name in ("swin_tiny_patch4_window7_224.ms_in1k", "amp-bf16+compile", "4.25 ±0.9", "p95 < 50 ms", "R & D"):
            assert escape(name) == name


@pytest.mark.parametrize("name", NAMES)
def test_every_document_holds_no_markup_but_its_own(name: str) -> None:
    tokens = _parse(render(sample_decision(name), "md"))
    kinds = {token.type for token in [*tokens, *_inline(tokens)]}
    assert not kinds & {
        "html_block",
        "html_inline",
        "link_open",
        "image",
        "code_inline",
        "em_open",
        "s_open",
        "code_block",
    }
    assert {token.info for token in tokens if token.type == "fence"} == {"sh"}


@pytest.mark.parametrize("name", NAMES)
def test_every_table_has_as_many_cells_in_each_row_as_columns(name: str) -> None:
    tokens = _parse(render(sample_decision(name), "md"))
    widths = []
    for token in tokens:
        if token.type == "table_open":
            widths.append([])
        elif token.type == "tr_open":
            widths[-1].append(0)
        elif token.type in ("td_open", "th_open"):
            widths[-1][-1] += 1
    assert widths
    for table in widths:
        assert len(set(table)) == 1


def test_the_headings_are_those_of_a_decision_record() -> None:
    tokens = _parse(render(sample_decision("cloud"), "md"))
    headings = [
        (token.tag, _shown([tokens[place + 1]])) for place, token in enumerate(tokens) if token.type == "heading_open"
    ]
    assert headings[0][0] == "h1"
    winner = sample_decision("cloud").winner
    assert winner is not None
    assert (
        headings[0][1]
        == f"cloud-api on NVIDIA L4: {winner.planned.candidate.model} @ {winner.planned.candidate.optimization}"
    )
    seconds = [text for tag, text in headings if tag == "h2"]
    assert [text for text in seconds if text in MADR] == MADR


def test_requirements_stand_as_they_were_written() -> None:
    text = render(sample_decision("cloud"), "md")
    for line in (
        "* latency_p95: < 50 ms",
        "* cost_per_million: <= 0.30 USD",
        "* license: apache-2.0, mit, bsd-3-clause",
    ):
        assert line in text.splitlines()


def test_every_status_is_counted_and_adds_up() -> None:
    decision = sample_decision("cloud")
    text = render(decision, "md")
    titles = {"Rejected": decision.rejected, "Failed": decision.failed, "Undecided": decision.undecided}
    for title, members in titles.items():
        block = text.split(f"### {title}: {len(members)}\n")[1].split("\n#")[0]
        assert sum(int(number) for number in re.findall(r"^\* ([\d,]+) ×", block, re.MULTILINE)) == len(members)


def test_without_a_choice_it_says_what_to_relax() -> None:
    decision = sample_decision("no_choice")
    assert decision.winner is None
    text = render(decision, "md")
    assert text.startswith("# quickstart on AMD EPYC 9B14 (2 cores): no choice\n")
    block = text.split("### Nearest misses\n\n")[1].split("\n\n")[0].splitlines()
    assert len(block) == 5
    assert block[0].endswith("To have it: relax accuracy_top1 from > 76.8 % to > 76.5 %")
    assert "### Consequences" not in text


def test_the_day_is_the_runs_unless_given() -> None:
    decision = sample_decision("quickstart")
    assert "* Date: 2026-11-23\n" in render(decision, "md")
    assert "* Date: 2027-02-03\n" in render(decision, "md", Context(date=dt.date(2027, 2, 3)))
    assert "* Date: 2026-01-02\n" in render(sample_decision("hostile"), "md")
    assert "* Date: not recorded\n" in render(sample_decision("nothing_measured"), "md")


def test_the_commands_take_profile_and_store_from_the_call() -> None:
    context = Context(profile="my profiles/a b.yaml", store="sqlite:////data/x y.db")
    text = render(sample_decision("quickstart"), "md", context)
    assert "selector evaluate 'my profiles/a b.yaml' --force --store 'sqlite:////data/x y.db'\n" in text
    assert "selector dashboard --store 'sqlite:////data/x y.db'\n" in text


def test_random_weights_and_simulated_devices_are_said() -> None:
    text = render(sample_decision("offline"), "md")
    assert "3 random (speed and memory only: outputs and accuracy not observed)" in text
    assert "* weights are random\n" in text
