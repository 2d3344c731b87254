"""The runbook's table of the log's words: `python -m infra.manifest.log_table`."""

from __future__ import annotations

import sys

from infra.local.bootstrap import ROOT

sys.path.insert(0, str(ROOT / "functions"))

from warmpost.rules.operations.log_events import WORDS


def log_table() -> str:
    rows = ["| `event` | severity | it means |", "| --- | --- | --- |"]
    rows += [f"| `{word}` | {severity} | {means} |" for word, (severity, means) in WORDS.items()]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(log_table(), end="")
