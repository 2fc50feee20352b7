"""Hypothesis without a clock: the machine that runs the tests may be busy."""

from hypothesis import settings

settings.register_profile("decision", deadline=None, max_examples=60)
settings.load_profile("decision")
