"""What stops one recipient's message from being made, as an exception that the composer turns into a value."""

from __future__ import annotations


class CannotCompose(Exception):
    """reason: a sentence for whoever wrote the template or supplied the data; it names what is at fault."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
