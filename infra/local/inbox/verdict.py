"""An independent opinion on DKIM signatures (RFC 6376): dkimpy's verifier on the octets that came over the wire.

Nothing of the code that signs is used here, and keys come from the DNS as any receiver would get them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import dkim
import dns.exception
import dns.resolver

DNS_SECONDS = 3.0

KeyLookup = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One signature's result. domain, selector, algorithm: its d=, s= and a=. reason: a sentence, also when it passed.

    aligned: the domain is that of the From address or above it, as DMARC asks.
    """

    domain: str
    selector: str
    algorithm: str
    passed: bool
    aligned: bool
    reason: str


class LookupFailed(Exception):
    """The DNS gave no answer, which is neither a key nor its absence."""


def keys_from(server: tuple[str, int] | None) -> KeyLookup:
    """Looks keys up at one DNS server; None asks the system's resolvers."""

    def look_up(name: str) -> bytes | None:
        resolver = dns.resolver.Resolver(configure=server is None)
        if server is not None:
            resolver.nameservers, resolver.port = [server[0]], server[1]
        try:
            found = resolver.resolve(name, "TXT", lifetime=DNS_SECONDS, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(str(error)) from error
        return b"".join(found[0].strings)

    return look_up


def judge(wire: bytes, look_up: KeyLookup) -> tuple[Verdict, ...]:
    """The verdict on each signature of a message, topmost first; none for an unsigned one.

    Takes milliseconds and waits for the DNS: not for an event loop.
    """
    try:
        headers, _ = dkim.rfc822_parse(wire)
    except dkim.MessageFormatError:
        return ()
    signatures = [value for name, value in headers if name.lower() == b"dkim-signature"]
    author = next((value for name, value in headers if name.lower() == b"from"), b"")
    domains = re.findall(r"@([\w.-]+)", author.decode(errors="replace"))
    return tuple(
        _judge_one(wire, number, value, look_up, domains[-1].lower() if domains else "")
        for number, value in enumerate(signatures)
    )


def _judge_one(wire: bytes, number: int, value: bytes, look_up: KeyLookup, author: str) -> Verdict:
    tags = _tags(value)
    domain, selector, algorithm = tags.get("d", ""), tags.get("s", ""), tags.get("a", "")
    passed, reason = _verify(wire, number, look_up)
    aligned = bool(domain) and f".{author}".endswith(f".{domain.lower()}")
    return Verdict(domain, selector, algorithm, passed, aligned, reason)


def _verify(wire: bytes, number: int, look_up: KeyLookup) -> tuple[bool, str]:
    complaints = _Complaints()

    def dnsfunc(name: bytes, timeout: int = 5) -> bytes | None:
        key = look_up(name.decode("ascii", errors="replace").rstrip("."))
        if key is None:
            raise dkim.KeyFormatError(f"no key is published at {name.decode(errors='replace').rstrip('.')}")
        return key

    try:
        verifier = _Verifier(wire, logger=complaints.logger)
        if verifier.verify(number, dnsfunc=dnsfunc):
            return True, f"the signature verifies{verifier.remark}"
    except LookupFailed as error:
        return False, f"the key could not be looked up: {error}"
    except (
        Exception
    ) as error:  # hostile signatures end in many kinds of exceptions; each means it does not verify
        return False, _plain(str(error) or type(error).__name__)
    return False, _plain(complaints.first or "the signed headers were changed, or another key signed them")


class _Verifier(dkim.DKIM):  # type: ignore[misc]
    """dkimpy's verifier for a stack whose clock can be moved: signed in this machine's future is a remark, no failure."""

    remark = ""

    def verify_headerprep(self, idx: int = 0) -> object:
        try:
            return super().verify_headerprep(idx)
        except dkim.ValidationError as error:
            if "t= value is in the future" not in str(error):
                raise
        tags = dict(self.signature_fields)
        signed = datetime.fromtimestamp(int(tags.pop(b"t")), UTC)
        dkim.validate_signature_fields(tags)
        self.remark = f"; it is dated {signed:%Y-%m-%d %H:%M} UTC, ahead of this machine's clock"
        self.domain, self.selector = tags[b"d"], tags[b"s"]
        signed_headers = [name.lower() for name in re.split(rb"\s*:\s*", tags[b"h"])]
        self.include_headers = tuple(signed_headers)
        return tags, signed_headers, [pair for pair in self.headers if pair[0].lower() == b"dkim-signature"]


class _Complaints(logging.Handler):
    """dkimpy logs some of its reasons instead of raising them."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.first = ""
        self.logger = logging.Logger("dkim")
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.first = self.first or record.getMessage()


def _tags(value: bytes) -> dict[str, str]:
    text = re.sub(r"\s+", "", value.decode(errors="replace"))
    return {name: content for name, _, content in (tag.partition("=") for tag in text.split(";")) if content}


def _plain(reason: str) -> str:
    if reason.startswith("body hash mismatch"):
        return "the body was changed after signing (body hash mismatch)"
    return re.sub(r"b'([^']*)'", r"\1", reason)
