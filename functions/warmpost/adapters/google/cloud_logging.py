"""Log records as lines: JSON as Cloud Logging reads it from standard output, or plain text for people.

Whatever is logged, by us or by a library, exceptions and their texts included, passes through `redacted` here.
https://cloud.google.com/logging/docs/structured-logging
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from warmpost.rules.operations.log_events import redacted

LONGEST = 20_000
"""Characters of a message or a traceback: a record may have 256 KB."""

_SEVERITIES = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class LogLines(logging.Formatter):
    """One line per record. secrets: never shown, wherever they come from. context: what the record is about."""

    def __init__(
        self, project: str, secrets: Collection[str], context: Callable[[], Mapping[str, Any]]
    ) -> None:
        super().__init__()
        self._project = project
        self._secrets = sorted((one for one in secrets if len(one) >= 6), key=len, reverse=True)
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "severity": record.levelname if record.levelname in _SEVERITIES else "DEFAULT",
            "message": self._clean(record.getMessage()),
        }
        known = {**self._context(), **getattr(record, "told", {})}
        trace, span = known.pop("trace", ""), known.pop("span", "")
        if trace:
            line["logging.googleapis.com/trace"] = f"projects/{self._project}/traces/{trace}"
        if span:
            line["logging.googleapis.com/spanId"] = span
        line |= {name: self._value(value) for name, value in known.items() if name not in line}
        if traceback := self._traceback(record):
            line["stack_trace"] = traceback
        line["logger"] = record.name
        return msgspec.json.encode(line).decode()

    def _traceback(self, record: logging.LogRecord) -> str:
        pieces = [self.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
        pieces += [self.formatStack(record.stack_info)] if record.stack_info else []
        return self._clean("\n".join(pieces))

    def _value(self, value: object) -> object:
        return value if isinstance(value, int | float | None) else self._clean(str(value))

    def _clean(self, text: str) -> str:
        whole = text[:LONGEST].encode("utf-8", "replace").decode()
        return redacted(whole, self._secrets)


class TextLines(LogLines):
    """The same for people in front of a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        known = {**self._context(), **getattr(record, "told", {})}
        shown = {name: value for name, value in known.items() if name not in ("trace", "span")}
        figures = " ".join(f"{name}={self._value(value)}" for name, value in shown.items())
        lines = [f"{record.levelname.lower()}: {self._clean(record.getMessage())}  {figures}".rstrip()]
        return "\n".join([*lines, *filter(None, [self._traceback(record)])])


class StandardOutput(logging.StreamHandler[Any]):
    """Asks for standard output with every record, as tests and servers put another in its place."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)

    @property
    def stream(self) -> Any:
        return sys.stdout

    @stream.setter
    def stream(self, value: Any) -> None:
        """Nothing else is ever written to."""


def write_log(lines: LogLines) -> None:
    """Of everybody what is a warning at least, of ours what is told at all. Calling it again changes the form."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, StandardOutput)]:
        root.removeHandler(handler)
    handler = StandardOutput()
    handler.setFormatter(lines)
    root.addHandler(handler)
    logging.getLogger("warmpost").setLevel(logging.INFO)
