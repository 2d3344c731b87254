"""Runs on the relay, apart from everything else here: Python's standard library only."""
