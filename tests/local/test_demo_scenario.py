from __future__ import annotations

import pytest

from infra.local.demo.scenario import Ending, Imported, unaccounted

STATUSES = (
    "held queued sending sent delivered deferred bounced suppressed failed uncertain cancelled complained"
)
IMPORTED = Imported(list_id=1, added=10, duplicates=0, rejected=())


def ending(arrived: int, simulated: int = 0, **counts: int) -> Ending:
    everything = dict.fromkeys(STATUSES.split(), 0) | counts
    return Ending(10, everything, 1.0, 20, (), 0, simulated, arrived)


@pytest.mark.parametrize(
    "end",
    [
        ending(arrived=10, sent=10),
        ending(arrived=6, simulated=1, sent=7, bounced=2, deferred=1),
        ending(arrived=9, sent=9, uncertain=1),  # the relay had not taken it
        ending(arrived=10, sent=9, uncertain=1),  # it had
    ],
)
def test_every_recipient_is_accounted_for_where_counts_and_inbox_agree(end):
    assert unaccounted(IMPORTED, end) == []


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        (ending(arrived=9, sent=9), "10 on the list, 10 in the batch, 9 in its counts"),
        (ending(arrived=9, sent=9, queued=1), "still queued"),
        (ending(arrived=9, sent=10), "10 were sent, 9 arrived in the inbox"),
        (ending(arrived=11, sent=10), "10 were sent, 11 arrived in the inbox"),
    ],
)
def test_what_does_not_add_up_is_said(end, sentence):
    assert unaccounted(IMPORTED, end) == [sentence]
