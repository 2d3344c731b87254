"""Which files may be attached, and how they may be called.

The lists are the model's (Tencent SES, attachment types); an extension in neither is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from warmpost.errors import Invalid
from warmpost.rules.message.message import Attachment

MOST_ATTACHMENTS = 10
LONGEST_FILENAME = 255

_REFUSED = """
m4v wma ogg flac wav aif aifc aiff mp4 mov avi mkv mpeg mpg wmv ade adp app asp bas bat cer chm cmd com cpl crt csh der
exe fxp gadget hlp hta inf ins isp its js jse ksh lib lnk mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt
mdw mdz msc msh msh1 msh2 mshxml msh1xml msh2xml msi msp
"""
REFUSED_EXTENSIONS = frozenset(_REFUSED.split())

_FORBIDDEN_IN_NAMES = re.compile(r'[\x00-\x1f\x7f-\x9f?\\*|"<>:/\ud800-\udfff\u2028-\u202e\u2066-\u2069]')
_CONTENT_TYPE = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", re.IGNORECASE
)


def extension_of(filename: str) -> str:
    """The last extension in lower case, empty where there is none."""
    return filename.rpartition(".")[2].lower() if "." in filename else ""


def check_attachments(attachments: Sequence[Attachment]) -> None:
    """Raise Invalid, naming the field, for the first attachment that may not be sent."""
    if len(attachments) > MOST_ATTACHMENTS:
        raise Invalid(
            "too_many_attachments",
            f"{len(attachments)} attachments; a message carries {MOST_ATTACHMENTS} at most",
            "attachments",
        )
    for number, attachment in enumerate(attachments):
        where = f"attachments[{number}]"
        check_filename(attachment.filename, f"{where}.filename")
        content_type = attachment.content_type
        if content_type and not _CONTENT_TYPE.fullmatch(content_type):
            raise Invalid(
                "invalid_content_type",
                "a content type reads `type/subtype`, without parameters",
                f"{where}.content_type",
            )


def check_filename(filename: str, field: str) -> None:
    """Raise Invalid for a name that is empty, too long, could mislead or whose type is refused."""
    if not 1 <= len(filename) <= LONGEST_FILENAME:
        raise Invalid("invalid_filename", f"a file name has 1 to {LONGEST_FILENAME} characters", field)
    if found := _FORBIDDEN_IN_NAMES.search(filename):
        raise Invalid("invalid_filename", f"a file name must not hold {found[0]!r}", field)
    if filename != filename.strip(" ") or filename.endswith("."):
        raise Invalid(
            "invalid_filename",
            "a file name neither begins nor ends with a space, nor ends with a dot",
            field,
        )
    if (extension := extension_of(filename)) in REFUSED_EXTENSIONS:
        raise Invalid("attachment_type_refused", f"files of type .{extension} are not sent", field)
