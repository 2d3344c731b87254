"""Runs the emulator: `python -m infra.local.cloud_tasks --grpc-port P --http-port P --data FILE --clock FILE`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop
from aiohttp import web

from infra.local.clock import MovableClock
from infra.local.cloud_tasks.admin import Admin
from infra.local.cloud_tasks.advance_clock import Traveller
from infra.local.cloud_tasks.dispatch import Dispatcher
from infra.local.cloud_tasks.http_request import Courier
from infra.local.cloud_tasks.issuer import Issuer, new_signing_key
from infra.local.cloud_tasks.registry import Registry
from infra.local.cloud_tasks.service import CloudTasksService, new_server
from infra.local.cloud_tasks.store import Store
from infra.local.scheduler import CronJob, Scheduler, read_jobs

HOST = "127.0.0.1"
_GRACE = 0.2


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return share


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.cloud_tasks", description="Local Cloud Tasks."
    )
    parser.add_argument("--grpc-port", type=int, required=True, help="where the client library connects")
    parser.add_argument("--http-port", type=int, required=True, help="health, keys of the OIDC issuer, clock")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="FILE", help="SQLite file of queues and tasks"
    )
    parser.add_argument(
        "--clock", type=Path, required=True, metavar="FILE", help="the clock all processes share"
    )
    parser.add_argument(
        "--duplicate-rate", type=_share, default=0.0, metavar="SHARE", help="tasks delivered twice, 0 to 1"
    )
    parser.add_argument("--cron", type=Path, metavar="FILE", help="JSON list of jobs to fire on a schedule")
    return parser.parse_args()


async def serve(arguments: argparse.Namespace, jobs: list[CronJob]) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError or RuntimeError if a port cannot be had."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    async with AsyncExitStack() as cleanup:
        clock = cleanup.enter_context(MovableClock(arguments.clock))
        store = Store(arguments.data)
        cleanup.callback(store.close)
        issuer = Issuer(f"http://{HOST}:{arguments.http_port}", store.signing_key(new_signing_key))
        courier = await cleanup.enter_async_context(Courier(issuer, clock))
        changed = asyncio.Event()
        registry = Registry(store, clock)
        dispatcher = Dispatcher(registry, courier, changed, arguments.duplicate_rate)
        scheduler = Scheduler(jobs, clock, courier, changed)
        cleanup.push_async_callback(scheduler.close)
        cleanup.push_async_callback(dispatcher.close)
        traveller = Traveller(clock, (dispatcher, scheduler), changed)

        server = new_server(CloudTasksService(registry, dispatcher))
        server.add_insecure_port(f"{HOST}:{arguments.grpc_port}")
        admin = Admin(registry, dispatcher, traveller, issuer).application()
        runner = web.AppRunner(admin, access_log=None, shutdown_timeout=_GRACE)
        await runner.setup()
        cleanup.push_async_callback(runner.cleanup)
        await server.start()
        cleanup.push_async_callback(server.stop, _GRACE)
        await web.TCPSite(runner, HOST, arguments.http_port).start()
        dispatcher.start()
        scheduler.start()
        await stop.wait()


def main() -> int:
    arguments = _arguments()
    try:
        jobs = read_jobs(arguments.cron) if arguments.cron else []
        uvloop.run(serve(arguments, jobs))
    except (OSError, RuntimeError, ValueError) as error:
        print(f"cloud tasks emulator: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
