"""`PYTHONPATH=functions python -m tests.simulation.replay SEED`: a schedule step by step, and what it broke."""

from __future__ import annotations

import logging
import sys

from tests.simulation.loop import SeededChoices
from tests.simulation.scenarios import SCENARIOS, Run


def main() -> None:
    logging.disable(logging.CRITICAL)
    seed = int(sys.argv[1])
    scenario = SCENARIOS[seed % len(SCENARIOS)]
    run = Run(scenario, SeededChoices(seed, faults=seed % 5, hurried=scenario.control == "cancel"))
    try:
        run.go()
    finally:
        sys.stdout.write(f"{run.history}\n")


if __name__ == "__main__":
    main()
