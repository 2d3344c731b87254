"""Files of a request: names, types, and content in base64."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

from msgspec import Meta, Struct

from warmpost.errors import Invalid
from warmpost.rules.message.message import Attachment

_SPACE = re.compile(r"\s+")


class AttachmentModel(Struct, forbid_unknown_fields=True, kw_only=True):
    """content: base64, with or without line breaks. content_type: with its parameters. content_id: of a picture that
    the HTML shows as `cid:…`.
    """

    filename: Annotated[str, Meta(max_length=1000)]
    content: str
    content_type: Annotated[str, Meta(max_length=255)] = ""
    content_id: Annotated[str, Meta(max_length=255)] = ""


def read_attachments(models: list[AttachmentModel]) -> tuple[Attachment, ...]:
    return tuple(_attachment(one, f"attachments[{number}]") for number, one in enumerate(models))


def _attachment(model: AttachmentModel, path: str) -> Attachment:
    content_id = model.content_id.strip().removeprefix("<").removesuffix(">")
    return Attachment(
        model.filename, read_base64(model.content, f"{path}.content"), model.content_type, content_id
    )


def read_base64(text: str, path: str) -> bytes:
    try:
        return base64.b64decode(_SPACE.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("invalid_base64", "The content is not valid base64.", path) from None
