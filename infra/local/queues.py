"""The queues that a deployment has, made on the Cloud Tasks emulator through the client that production uses."""

from __future__ import annotations

from datetime import timedelta

import grpc.aio
from google.api_core.exceptions import AlreadyExists
from google.cloud.tasks_v2 import CloudTasksAsyncClient, Queue, RateLimits, RetryConfig
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport

from infra.local.manifest import manifest


async def create(address: str, project: str, location: str) -> None:
    """Idempotent: a stack that goes on from its data directory has them already."""
    async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        client = CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
        parent = f"projects/{project}/locations/{location}"
        for declared in manifest().queues:
            queue = Queue(
                name=f"{parent}/queues/{declared.name}",
                rate_limits=RateLimits(
                    max_dispatches_per_second=declared.dispatches_per_second,
                    max_concurrent_dispatches=declared.concurrent_dispatches,
                ),
                retry_config=RetryConfig(
                    max_attempts=declared.attempts,
                    min_backoff=timedelta(seconds=declared.min_backoff),
                    max_backoff=timedelta(seconds=declared.max_backoff),
                    max_doublings=declared.doublings,
                ),
            )
            try:
                await client.create_queue(parent=parent, queue=queue)
            except AlreadyExists:
                continue
