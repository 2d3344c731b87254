"""Orders that wait for their time, without somebody they would go to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from warmpost.rules.erasure.redaction import without
from warmpost.rules.requests.mailboxes import split_mailbox
from warmpost.rules.requests.requests import BatchOrder, SendOrder


def without_recipient(
    order: SendOrder | BatchOrder, address: str, wanted: re.Pattern[str]
) -> SendOrder | BatchOrder:
    """The order without the address, and without content where it is left to nobody (see `reaches_nobody`)."""
    if isinstance(order, BatchOrder):
        if order.recipients is None:
            return order
        return replace(order, recipients=tuple(one for one in order.recipients if not _is(one.to, address)))
    to, cc, bcc = (_others(field, address) for field in (order.to, order.cc, order.bcc))
    if (to, cc, bcc) == (order.to, order.cc, order.bcc):
        return order
    left = replace(order, to=to, cc=cc, bcc=bcc, tags=without(order.tags, wanted))
    if not reaches_nobody(left):
        return left
    return replace(left, subject=None, html=None, text=None, data={}, headers={}, attachments=(), raw=b"")


def reaches_nobody(order: SendOrder | BatchOrder) -> bool:
    if isinstance(order, BatchOrder):
        return order.recipients == ()
    return not (order.to or order.cc or order.bcc)


def _others(written: Iterable[str], address: str) -> tuple[str, ...]:
    return tuple(one for one in written if not _is(one, address))


def _is(written: str, address: str) -> bool:
    return split_mailbox(written.strip())[1].lower() == address
