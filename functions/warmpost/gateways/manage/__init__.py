"""What the function `manage` serves: everything behind `/manage/…`, one module per collection."""

from __future__ import annotations

from warmpost.gateways.http.app import Route
from warmpost.gateways.manage import (
    addresses,
    audit,
    bounces,
    deployment,
    domains,
    erasures,
    events,
    health,
    keys,
    levels,
    lists,
    pools,
    preflight,
    recipients,
    sent_to,
    statistics,
    suppressions,
    templates,
    webhooks,
)

ROUTES: list[Route] = [
    *domains.ROUTES,
    *preflight.ROUTES,
    *levels.ROUTES,
    *addresses.ROUTES,
    *templates.ROUTES,
    *lists.ROUTES,
    *recipients.ROUTES,
    *sent_to.ROUTES,
    *statistics.ROUTES,
    *suppressions.ROUTES,
    *bounces.ROUTES,
    *webhooks.ROUTES,
    *pools.ROUTES,
    *keys.ROUTES,
    *health.ROUTES,
    *deployment.ROUTES,
    *audit.ROUTES,
    *erasures.ROUTES,
    *events.ROUTES,
]
"""As `routes.MANAGE`, which adds the document that describes them all."""
