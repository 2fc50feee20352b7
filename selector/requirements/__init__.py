"""The requirement profile: what is asked, read from YAML, checked whole, and compared with what was observed."""

from selector.requirements.loader import bundled_profiles, load_profile, parse_profile, read_profile
from selector.requirements.objective import Objective
from selector.requirements.profile import (
    Calibration,
    CandidateSelection,
    DeviceBudget,
    Evaluation,
    RequirementProfile,
    Workload,
)
from selector.requirements.requirement import Requirement
from selector.requirements.verdicts import (
    Exclusion,
    Judgement,
    Verdict,
    judge,
    reading_for,
    static_exclusion,
)

__all__ = [
    "Calibration",
    "CandidateSelection",
    "DeviceBudget",
    "Evaluation",
    "Exclusion",
    "Judgement",
    "Objective",
    "Requirement",
    "RequirementProfile",
    "Verdict",
    "Workload",
    "bundled_profiles",
    "judge",
    "load_profile",
    "parse_profile",
    "read_profile",
    "reading_for",
    "static_exclusion",
]
