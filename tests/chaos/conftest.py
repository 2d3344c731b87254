"""Stacks that are made to be killed."""

from tests.e2e.conftest import start_stack

__all__ = ["start_stack"]
