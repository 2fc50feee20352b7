"""The arithmetic of guided search: what unmeasured candidates take, and when nothing better is likely to be missed.

It stands apart from the strategies because it needs numpy, which commands that only read do not import.
"""
