import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined

from tests.adapters.templates.rendering import failure, html, refused, shown, templates
from warmpost.errors import Invalid
from warmpost.rules.message.errors import CannotCompose
from warmpost.rules.message.message import Content, TemplateFacts


def test_html_is_escaped_and_text_is_not():
    content = Content("Hi {{ n }}", html="<b>{{ n }}</b>{{ n|safe }}", text="{{ n }}", templated=True)
    shown = templates.preview(content, {"n": "<i>&"})
    assert shown == Content("Hi <i>&", html="<b>&lt;i&gt;&amp;</b><i>&", text="<i>&")


def test_literal_content_is_never_interpreted():
    content = Content("{{ a }}", html="{% for %}", text="{{", templated=False)
    assert templates.inspect(content) == TemplateFacts(frozenset(), frozenset())
    assert templates.preview(content, {}) == content


@pytest.mark.parametrize(
    ("source", "required", "optional"),
    [
        ("{{ a }}{{ b.c }}{{ d['e'] }}", "a b d", ""),
        ("{{ a|default('x') }}{{ b|d }}{{ c|default(e) }}", "e", "a b c"),
        ("{{ a|upper|default('x') }}", "a", ""),
        ("{% if a is defined %}{{ a }}{% endif %}", "", "a"),
        ("{% if a is defined %}{{ a }}{% endif %}{{ a }}", "a", ""),
        ("{% if a is defined and a %}{{ a }}{% endif %}", "", "a"),
        ("{% if a is not defined or not a %}x{% else %}{{ a }}{% endif %}", "", "a"),
        ("{% if a is undefined %}{{ b }}{% else %}{{ a }}{% endif %}", "b", "a"),
        ("{% if a is undefined %}x{% elif a %}y{% endif %}", "", "a"),
        ("{{ a if a is defined else 'x' }}", "", "a"),
        ("{% if a %}{{ a }}{% endif %}", "a", ""),
        ("{% for x in xs %}{{ x }}{{ loop.index }}{% endfor %}", "xs", ""),
        ("{% set a = b %}{{ a }}{{ range(3)|join }}", "b", ""),
        ("{% macro m(x) %}{{ x }}{{ y }}{% endmacro %}{{ m(1) }}", "y", ""),
        ("{# {{ a }} #}{% raw %}{{ b }}{% endraw %}", "", ""),
    ],
)
def test_variables_a_template_needs_and_those_it_can_do_without(source, required, optional):
    facts = templates.inspect(html(source))
    assert facts == TemplateFacts(frozenset(required.split()), frozenset(optional.split()))


def test_facts_cover_subject_text_and_html():
    content = Content("{{ a }}", html="{{ b|d }}{{ c }}", text="{{ b }}", templated=True)
    assert templates.inspect(content) == TemplateFacts(frozenset("abc"), frozenset())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("a\n{{ b", "line 2"),
        ("{% if a %}", "line 1"),
        ("\n\n{% include 'x' %}", "line 3: {% include %} is not available"),
        ("{% extends 'x' %}", "extends"),
        ("{% import 'x' as y %}", "import"),
        ("{% from 'x' import y %}", "import"),
        ("{% block x %}{% endblock %}", "block"),
        ("{% if a %}{{ a|nonsense }}{% endif %}", "no filter named 'nonsense'"),
        ("{{ a|_spent }}", "no filter"),
        ("{% if a is nonsense %}{% endif %}", "no test named 'nonsense'"),
        ("{{ a|pprint }}{{ a|attr('b') }}", "no filter"),
        ("{% for a in b %}" * 30 + "{% endfor %}" * 30, "too deep"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "too deep"),
        ("{{ a }}\ud800", "half a character"),
    ],
)
def test_a_template_that_is_not_one_says_where(source, says):
    for field in ("subject", "text", "html"):
        parts = {"subject": "s", "text": None, "html": None, field: source}
        error = refused(Content(**parts, templated=True))
        assert error.code == "template_syntax" and error.field == field
        assert says in str(error)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("a\n{{ missing }}", "html, line 2: 'missing' is undefined"),
        ("{{ o.missing }}", "'dict object' has no attribute 'missing'"),
        ("{{ 1 // 0 }}", "zero"),
        ("{{ o }}", "a dict cannot be written out"),
        ("{{ xs }}", "a list cannot be written out"),
        ("{{ xs ~ 'a' }}", "a list cannot be written out"),
        ("{{ o.missing.deeper }}", "missing"),
        ("{{ s() }}", "not callable"),
        ("{{ 'a' + 1 }}", "concatenate"),
        ("{{ s\n }}\n{{ 's\ud83d'[1:] }}".replace("\ud83d", "") + "{{ half }}", "half a character"),
        ("{{ nul }}", "NUL"),
    ],
)
def test_what_fails_for_a_recipient_says_why(source, says):
    if "half" in source or "nul" in source:
        with pytest.raises(CannotCompose, match=says):
            templates.compile(html(source)).render({"s": "x", "half": "\ud800", "nul": "\0"}, {})
        return
    assert says in failure(source, o={"a": 1}, xs=[1], s="x")


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in xs %}{{ x.name }}{% endfor %}",
        "{{ '%.2f'|format(n) }}",
        "{{ o.items() }}",
        "{{ o.join }}",
    ],
)
def test_variables_may_have_to_be_more_than_texts(source):
    assert templates.inspect(html(source)).required


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "{{ 'Since 2019: {:,.2f}'.format(1234.5) }}|{{ '%05.1f' % 3.14159 }}|{{ '%s' % s }}",
            "Since 2019: 1,234.50|003.1|x",
        ),
        (
            "{{ xs|join(', ') }}|{{ xs|sum }}|{{ os|map(attribute='k')|join }}|{{ os|sum('k') }}",
            "1, 2|3|12|3",
        ),
        ("{{ o.items }}|{{ o.keys()|join }}|{{ o.get('zz', 4) }}", "own|items|4"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"),
        ("{% set x %}<b>{{ s }}</b>{% endset %}{{ x }}{{ x|length }}", "<b>x</b>8"),
        ("{% macro m(a, b=2) %}<{{ a }}{{ b }}>{% endmacro %}{{ m('&') }}", "<&amp;2>"),
        ("{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}é{% endcall %}", "[é]"),
        ("{% filter upper %}a{{ s }}{% endfilter %}{% with a = 1 %}{{ a }}{% endwith %}", "AX1"),
        ("{% for a in tree recursive %}{{ a.n }}{{ loop(a.c) }}{% endfor %}", "123"),
        ("{% for a in xs %}{{ loop.index }}{{ loop.last }}{% else %}none{% endfor %}", "1False2True"),
        (
            "{% for a in [] %}{% else %}none{% endfor %}{{ s.replace('x', 'z') }}{{ 2 ** 10 }}",
            "nonez1024",
        ),
        ("{{ s ~ 1 ~ '<' }}{{ xs[:1]|first }}{{ (1, 2)|last }}{{ cycler('a', 'b').next() }}", "x1&lt;12a"),
        (
            "{{ 'a b'|urlencode }}{{ 'abcdefgh'|truncate(1, true, '', 0) }}{{ 'abc'|wordwrap(2) }}{{ 'a'|center(3) }}",
            "a%20baab\nc a ",
        ),
        ("{{ o|tojson }}{{ '<b>x</b>'|striptags }}{{ xs|batch(1)|list|length }}", '{"items": "own"}x2'),
    ],
)
def test_the_language_does_what_jinja_does(source, expected):
    data = {
        "s": "x",
        "xs": [1, 2],
        "o": {"items": "own"},
        "os": [{"k": 1}, {"k": 2}],
        "tree": [{"n": 1, "c": [{"n": 2, "c": []}]}, {"n": 3, "c": []}],
    }
    assert shown(source, **data) == expected


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0{}#%\r"), max_size=30)


values = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30)
    | st.integers()
    | st.floats(allow_nan=False)
)


snippets = st.one_of(
    words,
    st.sampled_from(
        [
            "{{ a }}", "{{ b }}", "{{ a|upper }}", "{{ a ~ b }}", "{{ xs|join('-') }}", "{{ a|safe }}", "{{ b|e }}",
            "{% for x in xs %}{{ loop.index }}.{{ x }}\n{% endfor %}", "{% if a == b %}same{% else %}é{% endif %}",
            "{% set a = b %}", "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(a) }}",
            "{% filter upper %}ß{{ b }}{% endfilter %}",
        ]
    ),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(snippets, max_size=6).map("".join), values, values, st.lists(values, max_size=4))
def test_previews_are_what_jinja_renders(source, a, b, xs):
    data = {"a": a, "b": b, "xs": xs}
    for autoescape in (True, False):
        plain = Environment(autoescape=autoescape, undefined=StrictUndefined, keep_trailing_newline=True)
        expected = plain.from_string(source).render(data)
        content = Content("s", html=source if autoescape else None, text=source, templated=True)
        previewed = templates.preview(content, data)
        assert (previewed.html if autoescape else previewed.text) == expected


@settings(deadline=None)
@given(
    st.text(string.printable, max_size=40).map(lambda text: "{{ " + text)
    | st.text("{}%# abi'|.()[]", max_size=60)
)
def test_any_source_is_a_template_or_refused_with_a_reason(source):
    try:
        templates.inspect(html(source))
    except Invalid as error:
        assert error.code == "template_syntax" and error.field == "html" and error.message


def test_compiled_templates_are_kept():
    content = html("{{ a }} kept")
    assert templates.compile(content) is templates.compile(html("{{ a }} kept"))


def test_columns_are_reached_by_their_own_names():
    content = Content("{{ data['First Name'] }}", html='<p>{{ data["Total Spent ($)"] }}</p>', templated=True)
    made = templates
    assert made.inspect(content).required == {"first_name", "total_spent"}
    seen = made.preview(content, {"first_name": "Ann", "total_spent": 5})
    assert (seen.subject, seen.html) == ("Ann", "<p>5</p>")


def test_a_template_with_a_variable_named_data_of_its_own_keeps_it():
    content = Content(
        "{% set data = {'First Name': 'own'} %}{{ data['First Name'] }}", text="x", templated=True
    )
    assert templates.preview(content, {}).subject == "own"


@pytest.mark.parametrize(
    ("source", "required"),
    [
        ("{% if a %}{% set x = 1 %}{{ x }}{% endif %}", {"a"}),
        ("{% if a %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}", {"a"}),
        (
            "{% if a %}{% set x = 1 %}{% elif b %}{% set x = 3 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}",
            {"a", "b"},
        ),
        ("{% if a %}{% set x %}text{% endset %}{{ x }}{% endif %}", {"a"}),
        ("{% for one in rows %}{% if one %}{% set y = one %}{{ y }}{% endif %}{% endfor %}", {"rows"}),
        ("{% if a %}{% set x = 1 %}{% endif %}{{ x }}", {"a", "x"}),
        ("{% if a %}{{ x }}{% set x = 1 %}{% endif %}", {"a", "x"}),
    ],
)
def test_what_a_branch_assigns_is_there_for_what_follows_in_it(source, required):
    assert templates.inspect(html(source)).required == required
