"""Keeps message contents, whatever their size, and remembers the ones just read: many chunks share one."""

from __future__ import annotations

from collections import OrderedDict

from warmpost.actions.ports import Store
from warmpost.rules.delivery.documents import Part
from warmpost.rules.message.message import MessageContent
from warmpost.rules.message.message_packing import MOST_INLINE, PART, slices, unpack_message_content
from warmpost.rules.model.writes import Put

PARTS_PER_COMMIT = 3
REMEMBERED_BYTES = 64 * 1024 * 1024


async def store_parts(store: Store, path: str, packed: bytes, most_inline: int = MOST_INLINE) -> int:
    """Writes the parts of a message below `path`, before the document that names them; 0 where it fits inline.

    A crash in between leaves parts that no document names.
    """
    if len(packed) <= most_inline:
        return 0
    pieces = [Put(f"{path}/parts/{number:03d}", Part(piece)) for number, piece in enumerate(slices(packed))]
    for start in range(0, len(pieces), PARTS_PER_COMMIT):
        await store.commit(*pieces[start : start + PARTS_PER_COMMIT])
    return len(pieces)


class MessageStore:
    """Reads message contents; the latest ones stay in memory, up to REMEMBERED_BYTES of packed size."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[str, tuple[int, MessageContent]] = OrderedDict()

    async def read(self, path: str, inline: bytes, parts: int) -> MessageContent:
        if path in self._known:
            self._known.move_to_end(path)
            return self._known[path][1]
        packed = inline
        if parts:
            found = await self._store.find(Part, f"{path}/parts", limit=parts)
            packed = b"".join(one.value.content for one in found)
        message_content = unpack_message_content(packed)
        self._known[path] = (len(packed) + PART // 100, message_content)
        while len(self._known) > 1 and sum(size for size, _ in self._known.values()) > REMEMBERED_BYTES:
            self._known.popitem(last=False)
        return message_content
