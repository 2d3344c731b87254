"""Postfix's `smtp-source`: the same bytes over and over, neither rendered nor signed. What SMTP alone would allow."""

from __future__ import annotations

import resource
import subprocess

from infra.bench.needs import postfix_tool
from infra.bench.senders.job import Job, measuring, read_job

SIZE = 10_000


def run(job: Job) -> None:
    command = [postfix_tool("smtp-source"), "-d", "-s", str(job.connections), "-l", str(SIZE)]
    command += ["-m", str(job.messages), "-f", job.sender, "-t", job.recipient(0)["to"]]
    with measuring(job.messages, resource.RUSAGE_CHILDREN):
        subprocess.run([*command, f"127.0.0.1:{job.port}"], check=True)


if __name__ == "__main__":
    run(read_job())
