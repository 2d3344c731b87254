"""What the verbs need from the outside, as protocols: the composition root gives them the real things.

Nothing here imports a vendor library, so a verb can be read, typed and tested without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol, TypeVar

from warmpost.rules.delivery.envelope import Outcome, Outgoing
from warmpost.rules.delivery.relay_selection import Closed
from warmpost.rules.delivery.throttling import Gate
from warmpost.rules.identity.domains import DomainKey
from warmpost.rules.message.message import Content, Data, Job, MessageContent, TemplateFacts, Unrenderable
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.model.tasks import Queue, Task
from warmpost.rules.model.usage import Usage
from warmpost.rules.model.writes import Filter, Stored, Write
from warmpost.rules.operations.health import QueueState
from warmpost.rules.schedules.recurrence import Series
from warmpost.rules.webhooks.webhooks import Answer

T = TypeVar("T")


class Clock(Protocol):
    def now(self) -> datetime:
        """The moment in UTC; nothing else in the project reads the time."""
        ...

    def timestamp(self) -> float: ...


class Store(Protocol):
    """Documents by path. A value is a frozen dataclass of `rules.model.documents`; its fields are the document's."""

    async def get(self, kind: type[T], path: str) -> Stored[T] | None: ...

    async def find(
        self,
        kind: type[T],
        collection: str,
        *where: Filter,
        order_by: str | None = None,
        descending: bool = False,
        after: object | None = None,
        limit: int | None = None,
        everywhere: bool = False,
        partial: bool = False,
    ) -> list[Stored[T]]:
        """Documents of a collection in order; `order_by` None means by id, `after` is exclusive.

        partial: `kind` has some of the fields of larger documents, and no others are read.

        everywhere: `collection` is the last segment of the path, wherever it stands (a collection group).
        """
        ...

    async def fields(
        self,
        collection: str,
        *where: Filter,
        select: Sequence[str],
        order_by: str | None = None,
        after: object | None = None,
        limit: int | None = None,
        everywhere: bool = False,
    ) -> list[tuple[str, dict[str, Any]]]:
        """Ids and a few fields of a collection's documents, where whole ones would be large; `after` as in find.

        everywhere: as in find, and paths in place of ids.
        """
        ...

    async def some(self, kind: type[T], paths: Sequence[str]) -> list[Stored[T] | None]:
        """Documents in the order of their paths, None for those that are not there; `kind` as in find with `partial`."""
        ...

    async def count(self, collection: str, *where: Filter) -> int: ...

    async def sums(self, collection: str, fields: Sequence[str]) -> dict[str, int]:
        """By the last part of each field's name. A document that lacks one of the fields may count for none of them."""
        ...

    async def commit(self, *writes: Write) -> list[Any]:
        """All or nothing; the new versions in order. Raises errors.Moved where a version or an absence did not hold."""
        ...

    async def next_number(self, counter: str, step: int = 1) -> int:
        """1, 2, 3 …: never the same twice; gaps are possible. step: how many are taken; the last of them comes back."""
        ...


class Tasks(Protocol):
    async def enqueue(self, *tasks: Task) -> None:
        """Queues all; a name that was used before counts as queued. Raises errors.Unavailable."""
        ...


class Metering(Protocol):
    """Keeps what work uses up until a commit takes it along; see `rules.model.usage`."""

    @property
    def kept(self) -> Mapping[str, Usage]:
        """What no commit has taken along yet, by name; what is under way is missing."""
        ...

    def invocation(self, function: str) -> AbstractContextManager[None]:
        """While a function has a request in process."""
        ...

    def bill_to(self, name: str) -> None:
        """Whose work this invocation does: a batch's id or `send`."""
        ...

    def add(self, usage: Usage) -> None: ...

    def overdue(self) -> Sequence[str]:
        """Names for which enough is left over to write it down without another occasion."""
        ...


class Templates(Protocol):
    def inspect(self, content: Content) -> TemplateFacts:
        """Raises errors.Invalid `template_syntax`, with field `subject`, `html` or `text`."""
        ...

    def preview(self, content: Content, data: Data) -> Content: ...


class Composer(Protocol):
    """Turns recipients of one message content into messages ready for the socket."""

    async def compose(self, jobs: Sequence[Job]) -> list[Outgoing | Unrenderable]: ...


class SigningPool(Protocol):
    """Prepares composers; keeps compiled templates and opened keys for the life of the process."""

    def composer(
        self, message_content: MessageContent, domain: str, keys: Sequence[DomainKey]
    ) -> Composer: ...

    def new_key(self, algorithm: str, selector: str, domain: str) -> DomainKey: ...

    def rsa_bits(self, key: DomainKey) -> int | None:
        """The size of an RSA key, None for one of another kind."""
        ...


class Relays(Protocol):
    async def hand_over(
        self,
        pool: Pool,
        claim_batch: Sequence[Outgoing],
        *,
        stop_at: float | None = None,
        gates: Sequence[Gate] = (),
    ) -> list[Outcome]: ...

    def closed(self, pool: Pool) -> Closed | None:
        """Why nobody of the pool takes mail now, known without asking; None where one may be asked."""
        ...

    async def reach(self, pool: Pool) -> str:
        """Asks for a connection now, whatever failed before; why there is none, empty where there is one."""
        ...


class Recurrence(Protocol):
    """When a series runs; see `rules.schedules.recurrence`."""

    def parse_series(
        self,
        start_at: datetime,
        timezone: str = "UTC",
        *,
        every: int | str | None = None,
        rrule: str | None = None,
        until: datetime | None = None,
        count: int | None = None,
    ) -> Series:
        """Raises errors.Invalid, with the field to blame."""
        ...

    def next_run(self, after: datetime | None, series: Series) -> datetime | None: ...

    def missed_runs(self, last: datetime | None, now: datetime, series: Series) -> Iterator[datetime]: ...


class Encryption(Protocol):
    """Keeps secrets at rest; what is sealed opens in its own context only."""

    def encrypt(self, plain: bytes, context: str) -> bytes: ...

    def decrypt(self, sealed: bytes, context: str) -> bytes: ...


class WebhookClient(Protocol):
    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One request, never to an address that is not public. What goes wrong is part of the answer."""
        ...


class Resolver(Protocol):
    async def txt(self, name: str) -> list[str]:
        """TXT values, the strings of each joined; empty where there are none. Raises errors.Unavailable."""
        ...

    async def mx(self, name: str) -> list[str]:
        """Mail exchangers in order of preference, `""` for the null MX (RFC 7505). Raises errors.Unavailable."""
        ...


class Probes(Protocol):
    """Whether what the work needs is there, without any work."""

    async def queue(self, name: Queue, now: datetime) -> QueueState:
        """Raises errors.Unavailable."""
        ...

    async def relay(self, relay: Relay) -> str:
        """Why it would take no mail now, empty where it would."""
        ...


class Pictures(Protocol):
    def lines(self, title: str, labels: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> bytes:
        """An SVG document: one line per series over the labels."""
        ...
