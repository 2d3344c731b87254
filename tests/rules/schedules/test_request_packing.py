import pytest

from warmpost.rules.message.message import Attachment
from warmpost.rules.requests.requests import BatchOrder, RecipientOrder, SendOrder
from warmpost.rules.schedules.request_packing import pack_order, unpack_order
from warmpost.rules.tracking.tracking import EVERYTHING, NOTHING, Unsubscribe

FILES = (Attachment("ü.bin", bytes(range(256)) * 40, "application/octet-stream"), Attachment("empty", b""))
ORDERS = [
    SendOrder("a@example.com", ("b@example.net",)),
    SendOrder(
        "News <a@example.com>",
        ("b@example.net", "c@example.net"),
        cc=("d@example.net",),
        reply_to=("e@example.com",),
        subject="Grüße 😀",
        html="<p>",
        text="",
        headers={"X-A": "1"},
        attachments=FILES,
        tags={"a": "b"},
        on_uncertain="hold",
    ),
    SendOrder(
        "a@example.com", ("b@example.net",), template="7", template_version=3, data={"x": [1, {"y": None}]}
    ),
    BatchOrder("a@example.com", "7", list="9", data={"x": [1, 2]}, on_block="hold"),
    BatchOrder("a@example.com", "welcome", recipients=(), attachments=FILES),
    BatchOrder("a@example.com", "7", list="9", track=NOTHING, unsubscribe=Unsubscribe()),
    SendOrder(
        "a@example.com", ("b@example.net",), track=EVERYTHING, unsubscribe=Unsubscribe(True, True, "de")
    ),
    BatchOrder("a@example.com", "7", recipients=(RecipientOrder("b@example.net", {"n": [1]}),), subject=""),
]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_comes_back_as_it_was_given(order):
    assert unpack_order(pack_order(order)) == order
