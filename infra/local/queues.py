"""The queues that a deployment has, made on the Cloud Tasks emulator through the client that production uses."""

from __future__ import annotations

import grpc.aio
from google.api_core.exceptions import AlreadyExists
from google.cloud.tasks_v2 import CloudTasksAsyncClient, Queue, RateLimits, RetryConfig
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport
from google.protobuf.duration_pb2 import Duration

# concurrent dispatches of each queue
QUEUES = {"deliver": 8, "control": 32, "notify": 32}


async def create(address: str, project: str, location: str) -> None:
    """Idempotent: a stack that goes on from its data directory has them already."""
    async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        client = CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
        parent = f"projects/{project}/locations/{location}"
        for name, concurrency in QUEUES.items():
            queue = Queue(
                name=f"{parent}/queues/{name}",
                rate_limits=RateLimits(max_dispatches_per_second=500, max_concurrent_dispatches=concurrency),
                retry_config=RetryConfig(
                    max_attempts=-1,
                    min_backoff=Duration(nanos=500_000_000),
                    max_backoff=Duration(seconds=60),
                    max_doublings=6,
                ),
            )
            try:
                await client.create_queue(parent=parent, queue=queue)
            except AlreadyExists:
                continue
