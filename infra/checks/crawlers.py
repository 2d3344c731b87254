"""Makes the list of crawlers anew from the package that keeps it, after its version was raised in tests/requirements.txt.

python -m infra.checks.crawlers
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

_LICENCE = "MIT License, Copyright (c) 2017 Martin Monperrus and contributors"
FILE = Path(__file__).parents[2] / "functions/warmpost/rules/tracking/crawlers.txt"


def patterns() -> list[str]:
    """The expressions of the installed crawler-user-agents, in their order. Raises re.error for one that is none."""
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    found: list[str] = [one["pattern"] for one in CRAWLER_USER_AGENTS_DATA]
    for one in found:
        re.compile(one)
    return found


def listing() -> str:
    """What the file holds: where it is from, then an expression a line."""
    return "\n".join((f"# crawler-user-agents {version('crawler-user-agents')}, {_LICENCE}", *patterns(), ""))


if __name__ == "__main__":
    FILE.write_text(listing())
    print(f"{FILE}: {len(patterns())} expressions")
