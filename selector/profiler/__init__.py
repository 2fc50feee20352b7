"""One candidate, measured: built and timed in child processes, by the rules that `protocol` states."""
