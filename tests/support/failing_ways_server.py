"""Imported by the process from which candidates' processes fork, and by nothing else."""

from support.failing_ways import ClaimsToRun, plant

plant(ClaimsToRun)
