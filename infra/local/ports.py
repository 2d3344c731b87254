"""Ports for the parts of the stack, and the sockets of the part that users talk to."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Iterable

# Below the range from which Linux takes ports for outgoing connections (ip_local_port_range, 32768 and up), so
# that nobody's client holds a part's port at the moment when the part is started again.
CANDIDATES = range(20_000, 32_000)


class PortTaken(Exception):
    """Somebody else listens on a port that was asked for by number."""


def free_ports(count: int) -> list[int]:
    """Ports on which neither TCP nor UDP is bound just now on 127.0.0.1."""
    found: list[int] = []
    for port in random.sample(CANDIDATES, len(CANDIDATES)):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise PortTaken("no free port between 20000 and 32000")


def is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:  # the last run's connections in TIME_WAIT do not count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


async def wait_until_free(numbers: Iterable[int], patience: float = 2.0) -> None:
    """Gives processes that were just killed the time to go. Raises PortTaken."""
    deadline = time.monotonic() + patience
    for number in numbers:
        while not is_free(number):
            if time.monotonic() > deadline:
                raise PortTaken(f"port {number} is in use by another program")
            await asyncio.sleep(0.05)


def listen(port: int, count: int) -> list[socket.socket]:
    """`count` sockets that listen on the same port; the kernel spreads new connections over them (SO_REUSEPORT).
    Raises PortTaken.

    The supervisor keeps them open and each worker process inherits one: connections made while a worker is being
    started again wait in its queue instead of being refused.
    """
    if not is_free(port):
        raise PortTaken(f"port {port} is in use by another program")
    sockets = []
    for _ in range(count):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if count > 1:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(2048)
        sockets.append(listener)
    return sockets
