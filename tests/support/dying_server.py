"""Kills whatever process imports it, as a runtime does that was built for another processor."""

import os

os.abort()
