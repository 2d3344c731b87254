"""Message content that was kept is what is sent."""

from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.message.message import Attachment, Content, Mailbox, MessageContent
from warmpost.rules.message.message_packing import PART, pack_message_content, slices, unpack_message_content

texts = st.text('aZ0@. "\\\n\x00é漢🎉', max_size=30)
mailboxes = st.builds(Mailbox, texts, texts)
several = st.lists(mailboxes, max_size=3).map(tuple)
message_store = st.builds(
    MessageContent,
    sender=mailboxes,
    content=st.builds(Content, texts, st.none() | texts, st.none() | texts, st.booleans()),
    reply_to=several,
    to=several,
    cc=several,
    headers=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
    attachments=st.lists(st.builds(Attachment, texts, st.binary(max_size=200), texts), max_size=3).map(tuple),
    data=st.dictionaries(
        texts, st.none() | st.booleans() | st.integers() | texts | st.lists(texts), max_size=3
    ),
)


@given(message_store)
def test_what_is_packed_is_unpacked(message_content):
    assert unpack_message_content(pack_message_content(message_content)) == message_content


@given(message_store)
def test_the_same_letter_is_the_same_bytes(message_content):
    assert pack_message_content(message_content) == pack_message_content(message_content)


@given(st.integers(0, 3 * PART + 5))
def test_slices_put_together_are_the_whole(size):
    packed = bytes(size)
    pieces = list(slices(packed))
    assert b"".join(pieces) == packed
    assert all(0 < len(piece) <= PART for piece in pieces)
