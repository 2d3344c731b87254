"""All 36 actions by name."""

from __future__ import annotations

from warmpost.gateways.tencent import (
    addresses,
    blacklists,
    identities,
    receivers,
    results,
    sending,
    tasks,
    templates,
)
from warmpost.gateways.tencent.calls import Action

ACTIONS: dict[str, Action] = {
    **identities.ACTIONS,
    **addresses.ACTIONS,
    **templates.ACTIONS,
    **sending.ACTIONS,
    **tasks.ACTIONS,
    **receivers.ACTIONS,
    **blacklists.ACTIONS,
    **results.ACTIONS,
}
