from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.bounces.classify import BounceClass
from warmpost.rules.bounces.corrections import BounceCorrection, judge, text_id, text_of

SINCE = datetime(2026, 11, 2, tzinfo=UTC)
SAID = (550, "5.7.1", "Go fishing, jo@example.org (id 4711-ab)")


def corrected(bounce_class="unknown_user"):
    text = text_of(*SAID)
    return {text_id(text): BounceCorrection(text, bounce_class, SINCE)}


def test_a_text_leaves_out_what_differs_between_refusals_of_one_kind():
    assert text_of(*SAID) == "550 5.7.1 go fishing, @ (id #"
    assert text_of(550, "5.7.1", "go  fishing, al@example.net (id 9-c)") == text_of(*SAID)


def test_a_correction_holds_from_its_moment_on_and_for_its_text_alone():
    at = SINCE.timestamp()
    assert judge(corrected(), at, *SAID) is BounceClass.UNKNOWN_USER
    assert judge(corrected(), at - 1, *SAID) is BounceClass.POLICY
    assert judge(corrected(), at, 550, "5.1.1", "go swimming") is BounceClass.UNKNOWN_USER
    assert judge({}, at, *SAID) is BounceClass.POLICY


@given(st.integers(0, 999), st.sampled_from(["", "5.1.1"]), st.text(max_size=3000))
def test_a_text_is_short_whatever_a_server_writes(code, enhanced, words):
    assert len(text_of(code, enhanced, words)) <= 200
