"""Composes messages a group at a time, on threads beside the event loop.

OpenSSL lets go of the GIL while it signs, so two threads keep both processors busy while the loop talks to relays. They
render, too: a thread that only signs would come back from each signature to a GIL that somebody who renders holds for
milliseconds; one that renders as well gives it away for the whole of its next signature.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from warmpost.adapters.message.composer import Composer
from warmpost.adapters.message.dkim_signing import generate_ed25519_key, generate_rsa_key, rsa_bits
from warmpost.adapters.message.encryption import DecryptionFailed, Encryption
from warmpost.adapters.message.raw_composer import RawComposer
from warmpost.adapters.templates.templates import Templates
from warmpost.errors import Invalid
from warmpost.rules.delivery.envelope import Outgoing
from warmpost.rules.identity.domains import DomainKey
from warmpost.rules.message.dkim import SigningKey
from warmpost.rules.message.message import Job, MessageContent, Unrenderable
from warmpost.rules.tracking.tracking import UNMARKED, Links

GROUP = 25
"""Messages composed in one visit to a thread: few enough that all threads come to the end of a claim batch together."""


class SigningPool:
    """Implements `actions.ports.SigningPool`; keeps keys open and templates compiled for the life of the process.

    links: where readers' links lead; without them no message gets any.
    """

    def __init__(
        self, templates: Templates, encryption: Encryption, threads: int, links: Links | None = None
    ) -> None:
        self._templates = templates
        self._links = links
        self._encryption = encryption
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="composing")
        self._keys: dict[tuple[str, bytes], SigningKey] = {}

    def composer(
        self, message_content: MessageContent, domain: str, keys: Sequence[DomainKey]
    ) -> ThreadedComposer:
        """Raises errors.Invalid for a template or key that cannot be used."""
        opened = [self._opened(domain, key) for key in keys]
        marks = (
            self._links.marks(message_content.track, message_content.unsubscribe) if self._links else UNMARKED
        )
        if message_content.raw:
            raw = RawComposer(message_content, self._templates, marks, opened, self._links)
            return ThreadedComposer(raw, self._threads)
        compiled = self._templates.compile(message_content.content, marks)
        return ThreadedComposer(Composer(message_content, compiled, opened, self._links), self._threads)

    def _opened(self, domain: str, key: DomainKey) -> SigningKey:
        known = self._keys.get((domain, key.sealed))
        if known is None:
            try:
                private = self._encryption.decrypt(key.sealed, key_context(domain, key.selector))
            except DecryptionFailed:
                raise Invalid(
                    "dkim_key_sealed",
                    f"The key {key.selector} of {domain} does not open under this master key.",
                ) from None
            known = SigningKey(domain, key.selector, key.algorithm, private)
            self._keys[domain, key.sealed] = known
        return known

    def new_key(self, algorithm: str, selector: str, domain: str) -> DomainKey:
        if algorithm == "ed25519-sha256":
            private, public = generate_ed25519_key()
            sealed = self._encryption.encrypt(private, key_context(domain, selector))
            return DomainKey(selector, "ed25519-sha256", public, sealed)
        private, public = generate_rsa_key()
        return DomainKey(
            selector, "rsa-sha256", public, self._encryption.encrypt(private, key_context(domain, selector))
        )

    def rsa_bits(self, key: DomainKey) -> int | None:
        return rsa_bits(key.public) if key.algorithm == "rsa-sha256" else None


def key_context(domain: str, selector: str) -> str:
    """What a sealed key is bound to: put under another name it does not open."""
    return f"dkim:{domain}:{selector}"


class ThreadedComposer:
    """Implements `actions.ports.Composer`."""

    def __init__(self, composer: Composer | RawComposer, threads: ThreadPoolExecutor) -> None:
        self._composer = composer
        self._threads = threads

    async def compose(self, jobs: Sequence[Job]) -> list[Outgoing | Unrenderable]:
        """In the order of the jobs."""
        loop = asyncio.get_running_loop()
        groups = [
            loop.run_in_executor(self._threads, self._composer.compose, jobs[at : at + GROUP])
            for at in range(0, len(jobs), GROUP)
        ]
        return [one for group in await asyncio.gather(*groups) for one in group]
