"""The mails in `reports/`, and what they are about: position 7 of batch 42, or recipient 2 of a single send."""

from pathlib import Path

from warmpost.rules.model.derived_ids import short_hash
from warmpost.rules.model.events import Target

REPORTS = Path(__file__).parent / "mails"
KEY = b"the key of these reports"
NOW = 1793800000.0
BATCH = Target(batch="42", position=7)
SINGLE = Target(message=short_hash("letter", length=24), position=2)


def mail(name: str) -> bytes:
    return (REPORTS / f"{name}.eml").read_bytes()
