"""What is told to the log, with what it is about: the request's trace and the batch or message being worked on.

Verbs and doors say only what is new; everything logged while a request is answered carries what was noted of it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from warmpost.errors import Unauthorized
from warmpost.rules.operations.log_events import WORDS, LogWord

log = logging.getLogger("warmpost")

Known = str | int | float | bool | None
_about: ContextVar[Mapping[str, Known]] = ContextVar("about", default={})  # noqa: B039 -- never changed in place

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}").match
_CLOUD_TRACE = re.compile(r"(?P<trace>[0-9a-fA-F]{32})(?:/(?P<span>[0-9]{1,20}))?").match


@contextmanager
def about(**known: Known) -> Iterator[None]:
    """Everything logged inside says so. Empty values are left out."""
    token = _about.set({**_about.get(), **_given(known)})
    try:
        yield
    finally:
        _about.reset(token)


def context() -> Mapping[str, Known]:
    return _about.get()


def log_event(word: LogWord, message: str, *, failed: BaseException | None = None, **figures: Known) -> None:
    """One record with its word. failed: its traceback goes along. figures: fields of the record, for counting."""
    severity, _ = WORDS[word]
    log.log(
        logging.getLevelNamesMapping()[severity],
        message,
        exc_info=failed,
        extra={"told": {"event": word, **_given(figures)}},
    )


@contextmanager
def refusals(word: LogWord, **figures: Known) -> Iterator[None]:
    """Tells of a caller who is refused inside, with the reason."""
    try:
        yield
    except Unauthorized as problem:
        log_event(word, problem.message, failed=None, code=problem.code, **figures)
        raise


def trace_of(headers: Mapping[str, str]) -> dict[str, Known]:
    """trace and span of a request: W3C Trace Context, else `X-Cloud-Trace-Context`."""
    if found := _TRACEPARENT(headers.get("traceparent", "")):
        return {"trace": found["trace"], "span": found["span"]}
    if found := _CLOUD_TRACE(headers.get("x-cloud-trace-context", "")):
        span = f"{int(found['span']) & (2**64 - 1):016x}" if found["span"] else ""
        return {"trace": found["trace"].lower(), "span": span}
    return {}


def _given(known: Mapping[str, Known]) -> dict[str, Known]:
    return {name: value for name, value in known.items() if value is not None and value != ""}
