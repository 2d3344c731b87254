"""What the functions are told on this machine, as Terraform tells them in the cloud."""

from __future__ import annotations

import os

from infra.local.identity import Identity
from infra.local.manifest import manifest

LOCATION = "local"
INVOKER = "invoker@warmpost.local"
AS_EARNED = '{"raises_per_day": 20}'
"""The inbox is the mailbox itself: nobody has to report before a level may rise again on the same day."""


def function_settings(identity: Identity, database: str, relay: str) -> dict[str, str]:
    """What a deployment sets for the functions, with this machine's addresses.

    database: host:port of Firestore. relay: URL, empty for the inbox.
    """
    issuer = identity.url("tasks_http")
    return {
        "PYTHONPATH": "functions",
        "no_grpc_proxy": "127.0.0.1",
        "GOOGLE_CLOUD_PROJECT": identity.project,
        "FIRESTORE_EMULATOR_HOST": database,
        "CLOUD_TASKS_EMULATOR_HOST": identity.address("tasks"),
        "WARMPOST_LOCATION": LOCATION,
        "WARMPOST_BASE_URL": identity.url("functions"),
        "WARMPOST_API_KEY": identity.api_key,
        "WARMPOST_MASTER_KEY": identity.master_key,
        "WARMPOST_EVENTS_SECRET": identity.event_secret,
        "WARMPOST_EVENTS_SECRET_KUMOMTA": identity.event_secret,
        "WARMPOST_EVENTS_SECRET_DSN": identity.event_secret,
        "WARMPOST_EVENTS_SECRET_ARF": identity.event_secret,
        "WARMPOST_PROXIES": "0",
        "WARMPOST_WEBHOOK_ALLOW_PRIVATE": "1",
        "WARMPOST_LOG": os.environ.get("WARMPOST_LOG", "text"),
        "WARMPOST_DNS": identity.address("dns"),
        "WARMPOST_OIDC_ISSUER": issuer,
        "WARMPOST_OIDC_JWKS_URL": f"{issuer}/jwks",
        "WARMPOST_INVOKER_EMAIL": INVOKER,
        "WARMPOST_INSTANCES": ",".join(
            f"{one.handler}={one.cpu}x{one.memory}" for one in manifest().functions
        ),
        **({} if relay or "WARMPOST_LEVELS" in os.environ else {"WARMPOST_LEVELS": AS_EARNED}),
        "WARMPOST_RELAY": relay or f"smtp://{identity.address('smtp')}?starttls=never",
    }
