"""What a verb raises whose task came before its document."""

from __future__ import annotations


class NotStoredYetError(Exception):
    """The task overtook the document it is about, or that was never accepted; the queue tries a few times more."""
