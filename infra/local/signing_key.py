"""The key with which the local stack's users sign requests of the Tencent protocol."""

from __future__ import annotations

from dataclasses import dataclass, field

import aiohttp

SCOPES = ("send", "manage", "read")


@dataclass(frozen=True, slots=True)
class SigningKey:
    secret_id: str
    secret_key: str = field(repr=False)


async def signing_key(url: str, api_key: str, known: str) -> SigningKey | None:
    """A new one; None where the one that is known holds, which it does not when the documents of the last time are gone."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {api_key}"}) as session:
        if known:
            async with session.get(f"{url}/manage/keys/{known}") as found:
                if found.status == 200:
                    return None
        wanted = {"name": "tencent", "scopes": SCOPES, "tencent": True}
        async with session.post(f"{url}/manage/keys", json=wanted) as answered:
            made = await answered.json()
    return SigningKey(made["secret_id"], made["secret_key"])
