"""Where an address stands among what was sent or is to be sent, found by its hash and confirmed by itself."""

from __future__ import annotations

from warmpost.actions.context import Services
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.model.compression import inflate
from warmpost.rules.model.derived_ids import address_hash

Place = tuple[str, str, int]
"""Path of the batch or message, chunk or empty, position in the batch or message."""


async def find_places(services: Services, address: str) -> list[Place]:
    wanted, number = address.lower(), address_hash(address)
    found: list[Place] = []
    chunks = await services.store.fields(
        "chunks", ("hashes", "array_contains", number), select=("first",), everywhere=True
    )
    for path, _ in chunks:
        chunk = await services.store.get(Chunk, path)
        if chunk is None:
            continue
        batch, _, name = path.partition("/chunks/")
        addresses = [one.address.lower() for one in unpack(chunk.value)]
        found += [(batch, name, chunk.value.first + at) for at, one in enumerate(addresses) if one == wanted]
    messages = await services.store.fields(
        "messages", ("hashes", "array_contains", number), select=("recipients",)
    )
    for id, row in messages:
        addresses = [one.lower() for one in inflate(row["recipients"])]
        found += [(f"messages/{id}", "", at) for at, one in enumerate(addresses) if one == wanted]
    return found
