"""What the shapes of bodies and answers are called in the OpenAPI document: by what they are, without a module's path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PREFIX = "#/components/schemas/"
NAMES = {
    "SendModel": "MessageRequest",
    "BatchModel": "BatchRequest",
    "ScheduleModel": "ScheduleRequest",
    "UncertainModel": "UncertainDecision",
    "RecipientModel": "BatchRecipient",
    "AttachmentModel": "Attachment",
    "EventModel": "ReportedEvent",
    "ReplyModel": "SmtpReply",
    "PoolAnswer": "Pool",
    "TemplateAnswer": "Template",
    "TemplateRow": "TemplateSummary",
    "WebhookAnswer": "Webhook",
    "RecipientListAnswer": "RecipientList",
    "ScheduleRow": "ScheduleSummary",
    "Line": "RecipientOutcome",
    "SentToLine": "SentItem",
    "SentTo": "SentPage",
    "Note": "HistoryNote",
    "Refusal": "Error",
    "Fault": "ErrorDetail",
    "Taken": "AcceptedEvents",
    "Settled": "SettledUncertain",
    "KeyBody": "NewKeyRequest",
    "RelayBody": "RelayRequest",
}
_PAGE = re.compile(r"Listed_(\w+)_")


def schema_name(given: str) -> str:
    """given: as msgspec names a type, `Listed_Key_` for a page of keys."""
    plain = given.rpartition(".")[2]
    if page := _PAGE.fullmatch(plain):
        return f"{schema_name(page[1])}Page"
    return NAMES.get(plain, plain)


def named(document: dict[str, Any]) -> dict[str, Any]:
    """With every shape and each reference to it under its name, and without `default`.

    Generators take a property with a default for one that is always there, and then want it in requests too.
    """
    found: dict[str, Any] = _named(document)
    schemas = found["components"]["schemas"]
    found["components"]["schemas"] = {schema_name(name): shape for name, shape in schemas.items()}
    if len(found["components"]["schemas"]) != len(schemas):
        raise ValueError(f"two shapes have one name: {sorted(map(schema_name, schemas))}")
    return found


def _named(value: Any) -> Any:
    if isinstance(value, Mapping):
        plain = {name: _named(inner) for name, inner in value.items() if not _is_default(name, value)}
        reference = plain.get("$ref")
        if isinstance(reference, str) and reference.startswith(PREFIX):
            plain["$ref"] = PREFIX + schema_name(reference.removeprefix(PREFIX))
        if isinstance(plain.get("title"), str) and "type" in plain:
            plain["title"] = schema_name(plain["title"])
        return plain
    return [_named(inner) for inner in value] if isinstance(value, list) else value


def _is_default(name: str, schema: Mapping[str, Any]) -> bool:
    """A property may be called `default`: then it is a shape itself, and stands among others, not beside a type."""
    return name == "default" and any(one in schema for one in ("type", "anyOf", "enum", "$ref", "const"))
