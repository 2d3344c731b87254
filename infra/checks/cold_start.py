"""How long each function takes from the start of its process to its first answer, and how much memory that needs:
`python -m infra.checks.cold_start`. Prints the middle of three runs; the first time, sets up their environment."""

from __future__ import annotations

import compileall
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from infra.checks.functions_apart import NOBODY, SETTINGS, STRANGERS, RunningFunction
from infra.checks.upload import unpack_upload

RUNS = 3


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Seconds since the process was started; memory in MiB."""

    listens: float
    answers: float
    memory: float


def cold_start(handler: str, upload: Path) -> ColdStart:
    with RunningFunction(handler, upload, {**SETTINGS, **NOBODY}, upload / f"{handler}.log") as function:
        function.wait_until_it_listens()
        listens = time.perf_counter() - function.started
        function.ask(STRANGERS[handler])
        return ColdStart(listens, time.perf_counter() - function.started, function.memory)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="warmpost-cold-start-") as folder:
        upload = unpack_upload(Path(folder))
        compileall.compile_dir(upload, quiet=1)  # as the platform's build does
        cold_start("send", upload)  # files are read from disk once
        print("| function | listens | first answer | memory |\n| --- | --- | --- | --- |")
        for handler in STRANGERS:
            runs = [cold_start(handler, upload) for _ in range(RUNS)]
            middle = [
                statistics.median(getattr(one, name) for one in runs)
                for name in ("listens", "answers", "memory")
            ]
            print(
                f"| `{handler}` | {middle[0]:.2f} s | {middle[1]:.2f} s | {middle[2]:.0f} MiB |", flush=True
            )


if __name__ == "__main__":
    main()
