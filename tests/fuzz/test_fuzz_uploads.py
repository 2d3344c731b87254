"""What API clients and readers bring, spoilt: files, templates, addresses, links."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from tests.fuzz.mutations import BOTH, NASTY, anything, fuzz, spoilt
from warmpost.adapters.templates.templates import Templates
from warmpost.errors import Invalid, Problem
from warmpost.rules.lists.csv_import import Rejected, open_csv
from warmpost.rules.message.message import Content, Recipient
from warmpost.rules.model.addresses import Flaw
from warmpost.rules.model.events import Target
from warmpost.rules.requests.limits import MOST_RECIPIENT_DATA
from warmpost.rules.requests.mailboxes import read_mailbox
from warmpost.rules.suppressions.precedence import open_suppressions, read_suppression
from warmpost.rules.tracking.tokens import Signer, name_of, pack_destination
from warmpost.rules.tracking.tracking import read_unsubscribe_address

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SIGNER = Signer(bytes(range(32)))
LISTS = [
    b"email,name,city\nann@example.net,Ann,Bern\nbob@example.net,Bob,\n",
    b'to,note\r\n"ann@example.net","two\r\nlines, and ""marks"""\r\n',
    "email,naam\nann@münchen.example,Zoë\n".encode(),
]
SUPPRESSIONS = [
    b"address,reason,domain,expires_at,note\nold@example.net,manual,,2027-01-01T00:00:00Z,asked\nx@@y,,,,\n",
    b"address\nold@example.net\n",
]
TEMPLATES = [
    b"<p>Dear {{ name|default('friend') }}, {% for x in xs %}{{ loop.index }}: {{ x.title|upper }}{% endfor %}</p>",
    b"{% set a = 2 %}{% if a is defined and n > a %}{{ '%.2f'|format(n) }}{% else %}{{ n ** a }}{% endif %}",
    b"{% macro m(x) %}<a href='https://example.com/{{ x|urlencode }}'>{{ x }}</a>{% endmacro %}{{ m(name) }}",
    b"{{ xs|map(attribute='title')|join(', ') }}{{ range(3)|list|length }}{{ 'ab'[::-1] }}{{ name[0:2] ~ n }}",
]
PIECES = [
    b"{{",
    b"}}",
    b"{%",
    b"%}",
    b"|",
    b".__class__",
    b"*9999999",
    b"**99",
    b"range(9**9)",
    b"|format('%99999999d')",
]
DATA = {"name": "Ann", "n": 3, "xs": [{"title": "One"}, {"title": "Two"}]}


@BOTH
def test_files_of_recipients(examples):
    def holds(body):
        rows = open_csv(body)
        if isinstance(rows, Flaw):
            assert rows.reason
            return
        for row in rows:
            if isinstance(row, Rejected):
                row.reason.encode()
            else:
                assert isinstance(row.recipient, Recipient)
                assert len(str(row.recipient.data)) <= 2 * MOST_RECIPIENT_DATA

    fuzz(examples, spoilt(LISTS), holds)


@BOTH
def test_files_of_suppressions(examples):
    def holds(body):
        rows = open_suppressions(body)
        for row in () if isinstance(rows, Flaw) else rows:
            if not isinstance(row, Rejected):
                read_suppression(row, NOW)

    fuzz(examples, spoilt(SUPPRESSIONS), holds)


@BOTH
def test_addresses(examples):
    def holds(raw):
        try:
            read_mailbox(raw.decode("utf-8", "surrogateescape"), "to").address.rpartition("@")[2].encode(
                "ascii"
            )
        except Problem as problem:
            assert problem.field == "to"

    corpus = [
        b"Ann <ann@example.net>",
        b'"Ann, B." <ann@xn--mnchen-3ya.example>',
        "é@münchen.example".encode(),
    ]
    fuzz(examples, spoilt([*corpus, *NASTY]), holds)


@BOTH
def test_templates_and_data(examples):
    """A template that is accepted may still fail for someone's data, but only in our words."""

    def holds(case):
        raw, data = case
        source = raw.decode("utf-8", "replace")
        content = Content(subject="Hi", html=source, text=None, templated=True)
        templates = Templates()
        try:
            templates.inspect(content)
            templates.preview(content, data)
        except Invalid as problem:
            assert problem.field in ("html", "text", "subject") and problem.message

    sources = spoilt([*TEMPLATES, b"".join(PIECES)], most=4) | st.lists(
        st.sampled_from([*PIECES, *TEMPLATES, b" ", b"name", b"n"]), max_size=8
    ).map(b"".join)
    data = st.just(DATA) | st.fixed_dictionaries(dict.fromkeys(DATA, anything))
    fuzz(examples if examples < 100 else examples // 5, st.tuples(sources, data), holds)


@BOTH
def test_links_of_readers(examples):
    """What was not written here leads nowhere, and what was leads where it led."""
    target = Target(batch="42", position=7)
    name = name_of(target, 1_795_000_000)
    packed = pack_destination("https://example.com/?a=1")
    click = f"{SIGNER.write_click(name, 3, packed or '')}.{packed}"
    good = [SIGNER.write("open", name), SIGNER.write("unsubscribe", name), click]

    def holds(raw):
        text = raw.decode("utf-8", "surrogateescape")
        for kind in ("open", "click", "unsubscribe"):
            token = SIGNER.read(kind, text)
            assert token is None or (text in good and token.target == target)
        read_unsubscribe_address(f"unsubscribe+{text}@news.example.com", SIGNER)

    fuzz(examples, spoilt([*(one.encode() for one in good), *NASTY]), holds)
