"""What handing a message to a relay costs: `python tests/bench/hand_over.py [--uvloop] [--messages 2000]`.

Sends 10 KB messages in strides into Postfix's smtp-sink (package `postfix`) and prints messages a second and CPU
microseconds of this process a message.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2] / "functions"))

from warmpost.adapters.smtp import Relays
from warmpost.rules.envelope import Envelope, HandOver, Outgoing
from warmpost.rules.relays import Pool, Relay


def messages(count: int, size: int) -> list[Outgoing]:
    line = b"A line of a newsletter that somebody may even want to read, once a week.\r\n"
    body = line * (size // len(line))
    return [
        Outgoing(
            Envelope(f"bounces+{n}@news.example.com", f"reader{n}@example.net"),
            (b"Subject: Issue %d\r\nMessage-ID: <%d@news.example.com>\r\n\r\n" % (n, n), body),
        )
        for n in range(count)
    ]


async def measure(port: int, mail: list[Outgoing], stride: int, connections: int) -> tuple[float, float]:
    """Wall seconds and CPU seconds for all of it, connections already open."""
    pool = Pool("bench", (Relay("sink", "127.0.0.1", port, security="none", max_connections=connections),))
    relays = Relays(secret=lambda _: "", local_hostname="bench.example.com")
    await relays.hand_over(pool, mail[: connections * 5])
    began, used = time.perf_counter(), time.process_time()
    for start in range(0, len(mail), stride):
        outcomes = await relays.hand_over(pool, mail[start : start + stride])
        assert all(outcome.hand_over is HandOver.ACCEPTED for outcome in outcomes)
    took = time.perf_counter() - began, time.process_time() - used
    await relays.close()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--stride", type=int, default=100)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-pipelining", action="store_true")
    arguments = parser.parse_args()
    sink = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")
    if sink is None:
        sys.exit("smtp-sink is missing: apt-get install postfix")
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    flags = [
        "-c",
        *(["-p"] if arguments.no_pipelining else []),
        *(["-u", "nobody"] if os.getuid() == 0 else []),
    ]
    server = subprocess.Popen([sink, *flags, f"127.0.0.1:{port}", "100"], stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.3)
        mail = messages(arguments.messages, arguments.size)
        for _ in range(arguments.rounds):
            run = uvloop.run if arguments.uvloop else asyncio.run
            wall, cpu = run(measure(port, mail, arguments.stride, arguments.connections))
            print(
                f"{len(mail) / wall:8.0f} messages/s   {cpu / len(mail) * 1e6:6.1f} µs CPU a message   "
                f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB peak"
            )
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
