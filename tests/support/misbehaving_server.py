"""Imported by the process from which candidates' processes fork, and by nothing else."""

from support.misbehaving import install

install()
