import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined

from warmpost.adapters.templates import LONGEST_OUTPUT, Templates
from warmpost.errors import Invalid
from warmpost.rules.composable import CannotCompose
from warmpost.rules.letters import Content, TemplateFacts

templates = Templates()


def html(source: str) -> Content:
    return Content("Subject", html=source, text="", templated=True)


def shown(source: str, **data) -> str:
    rendered = templates.preview(html(source), data).html
    assert rendered is not None
    return rendered


def refused(content: Content) -> Invalid:
    with pytest.raises(Invalid) as caught:
        templates.inspect(content)
    return caught.value


def failure(source: str, **data) -> str:
    """How rendering for sending fails; the preview fails too."""
    with pytest.raises(CannotCompose) as sent:
        templates.compile(html(source)).render(data, {})
    with pytest.raises(Invalid) as previewed:
        templates.preview(html(source), data)
    assert previewed.value.code == "cannot_render" and previewed.value.field == "html"
    return sent.value.reason


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
        "{{ s['__cl' ~ 'ass__'] }}",
        "{{ o['__in' ~ 'it__']['__globals__'|lower] }}",
        "{{ self._TemplateReference__context }}",
        "{{ '{0.__class__}'.format(s) }}",
        "{{ '%s'|format(o) }}",
        "{{ xs|map(attribute='__class__')|list|join }}",
        "{{ xs.append(1) }}",
        "{{ o.update({'a': 1}) }}",
        "{{ s.encode() }}",
        "{{ s.translate({}) }}",
        "{{ loop }}",
        "{{ cycler }}",
        "{{ namespace }}",
        "{{ n.to_bytes(10, 'big') }}",
    ],
)
def test_templates_reach_no_python_objects(source):
    assert failure(source, s="x", o={"a": 1}, xs=["a"], n=1)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ s.__class__.__mro__ }}",
        "{{ range.__call__ }}",
        "{% if o %}{{ o.a.__init__.__globals__ }}{% endif %}",
    ],
)
def test_names_of_python_objects_are_refused_when_the_template_is_stored(source):
    with pytest.raises(Invalid, match="is not available") as refused:
        templates.inspect(html(source))
    assert refused.value.code == "template_syntax"


@pytest.mark.parametrize(
    "source",
    [
        "{{ s }}{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{{ s }}{{ range(10000000) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}{{ s }}",
        "{{ ''.encode() }}",
        "{{ cycler }}",
    ],
)
def test_what_fails_whatever_the_variables_are_is_refused_when_the_template_is_stored(source):
    with pytest.raises(Invalid) as refused:
        templates.inspect(html(source))
    assert (refused.value.code, refused.value.field) == ("cannot_render", "html")


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


DOUBLING = "{% set ns = namespace(x=s) %}{% for i in range(60) %}%s{% endfor %}{{ ns.x|length }}"


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
        "{% for a in range(10000) %}{% for b in range(10000) if b < 0 %}{% endfor %}{% endfor %}",
        "{% for a in range(10000) %}{{ range(10000)|list|length }}{% endfor %}",
        "{% for a in range(10000) %}{{ range(10000)|map('string')|join|length }}{% endfor %}",
        "{{ range(10000000) }}",
        "{{ 'x' * 1000000000 }}",
        "{{ xs * 1000000000 }}",
        "{{ 9 ** 999999999 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*d' % (1000000000, 1) }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ '{:>{}}'.format(1, 1000000000) }}",
        "{{ s|center(1000000000) }}",
        "{{ s|indent(1000000000, true) }}",
        "{{ big|wordwrap(1, wrapstring=big) }}",
        "{{ '%(a)1000000000d' % {'a': 1} }}",
        "{{ xs|batch(1000000000, 'x')|list }}",
        "{{ xs|slice(1000000000)|list }}",
        "{{ s.ljust(1000000000) }}",
        "{{ s.zfill(1000000000) }}",
        "{{ 1|round(1000000000) }}",
        "{{ n|tojson(indent=1000000000) }}",
        "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
        "{% for a in tree recursive %}{{ loop(tree) }}{{ loop(tree) }}{% endfor %}",
        DOUBLING.replace("%s", "{% set ns.x = ns.x ~ ns.x %}"),
        DOUBLING.replace("%s", "{% set ns.x = ns.x + ns.x %}"),
        DOUBLING.replace("%s", "{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}"),
        DOUBLING.replace("%s", "{% set ns.x = [ns.x, ns.x]|join %}"),
        DOUBLING.replace("%s", "{% set ns.x = ns.x.replace('x', 'xxxx') %}"),
        DOUBLING.replace("%s", "{% set ns.x = ns.x|replace('x', 'xxxx') %}"),
        DOUBLING.replace("%s", "{% set ns.x = '%s%s' % (ns.x, ns.x) %}"),
        DOUBLING.replace("%s", "{% set ns.x = '{0}{0}'.format(ns.x) %}"),
        DOUBLING.replace("%s", "{% set ns.x = [ns.x, ns.x] %}") + "{{ ns.x|tojson }}",
        DOUBLING.replace("%s", "{% set ns.x = {'a': ns.x, 'b': ns.x} %}"),
        DOUBLING.replace("%s", "{% set ns.x = dict(a=ns.x, b=ns.x) %}"),
        "{% set ns = namespace(x=7) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}",
        "{% for a in range(9000) %}{{ big }}{% endfor %}",
        "{% for a in range(9000) %}{% if big.upper() == big %}{% endif %}{% endfor %}",
        "{% for a in range(9000) %}{% if big[1:] == big[2:] %}{% endif %}{% endfor %}",
        "{{ ('<' * 1) ~ big }}" + "{{ ('<>' ~ big)|striptags }}",
    ],
)
def test_no_template_hangs_or_fills_the_worker(source):
    begin = time.process_time()
    assert failure(source, s="x", xs=[1], n=1, big="y" * 100_000, tree=[1, 2, 3])
    assert time.process_time() - begin < 20  # minutes without the bounds; not a measure of speed


@pytest.mark.parametrize("letter", ["<", "я", "="])
def test_a_short_value_pays_for_what_its_encoding_makes_of_it_each_time(letter):
    source = "{% for a in range(1000) %}{% for b in range(150) %}{{ short }}{% endfor %}{% endfor %}"
    assert "too much" in failure(source, short=letter * 64)


def test_what_renders_too_long_is_refused():
    assert "more than" in failure(
        "{% for a in range(40) %}{{ big }}{% endfor %}", big="y" * (LONGEST_OUTPUT // 39)
    )


def test_honest_templates_have_room():
    rows = [{"name": f"n{n}", "price": n} for n in range(3000)]
    source = "{% for row in rows %}<tr><td>{{ row.name|upper }}</td><td>{{ '%.2f'|format(row.price) }}</td></tr>{% endfor %}"
    assert shown(source, rows=rows).count("<tr>") == 3000


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
