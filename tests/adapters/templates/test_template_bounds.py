"""What no template can do: reach what is not its own, hang, or fill the worker."""

import time

import pytest

from tests.adapters.templates.rendering import failure, html, shown, templates
from warmpost.adapters.templates.encoders import LONGEST_OUTPUT
from warmpost.errors import Invalid


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


LISTS = [[1] * 50 for _ in range(2000)]
OTHERS = [[1] * 50 for _ in range(2000)]


@pytest.mark.parametrize(
    "work",
    [
        "{% if one == other %}{% endif %}",
        "{% if 7 in one %}{% endif %}",
        "{% if one is eq(other) %}{% endif %}",
        "{% if 7 is in(one) %}{% endif %}",
        "{% if text in like %}{% endif %}",
        "{% if [text] < [like] %}{% endif %}",
        "{% set x = [one, other, one]|sort %}",
        "{% set x = [one, other]|max %}",
        "{% set x = [{'a': one}, {'a': other}]|sort(attribute='a') %}",
        "{% set x = [{'a': one}, {'a': other}]|sort(false, false, 'b,a') %}",
        "{% set x = [{'a': one}, {'a': other}]|groupby('a')|list %}",
        "{% set x = {'a': one, 'b': other}|dictsort(by='value') %}",
        "{% set x = loop.changed(one) %}",
        "{% set x = '%s%s%s%s%s%s%s%s' % (text, text, text, text, text, text, text, text) %}",
        "{% set x = '{0}{0}{0}{0}{0}{0}{0}{0}'.format(text) %}",
        "{% set x = '%(a)s%(a)s%(a)s%(a)s'|format(a=text) %}",
        "{% set x = '{0!r}{0!r}{0!r}{0!r}'.format(wide) %}",
        "{% set x = '%999d%999d%999d%999d%999d' % (1, 1, 1, 1, 1) %}",
        "{% for j in range(9) %}{% set x = text|e %}{% endfor %}",
        "{% for j in range(9) %}{% set x = text|safe %}{% endfor %}",
        "{% set x = text[:19000]|wordwrap(1) %}",
        "{% set x = hexadecimal|int(base=16) %}",
        "{% set x = one|urlencode %}",
    ],
)
def test_an_operation_pays_before_it_works(work):
    begin = time.process_time()
    text = "y" * 200_000
    values = {
        "one": LISTS,
        "other": OTHERS,
        "text": text,
        "like": text[1:] + "z",
        "wide": "\U0001f600" * 50_000,
    }
    source = "{% for i in range(9999) %}" + work + "{% for k in range(99) %}{% endfor %}{% endfor %}"
    assert failure(source, **values, hexadecimal="f" * 400_000)
    assert time.process_time() - begin < 10  # minutes and gigabytes otherwise; not a measure of speed


@pytest.mark.parametrize(
    "call", ["update(o, {'a': 2})", "setdefault(o, 'b', 2)", "pop(o, 'a')", "clear(o)", "fromkeys(o)"]
)
def test_no_method_of_a_class_reaches_what_others_share(call):
    shared = {"a": 1}
    assert failure("{{ dict." + call + " }}", o=shared)
    assert shared == {"a": 1}


def test_dictionaries_can_still_be_made():
    assert shown("{% set d = dict(o, b=2) %}{{ d.a }}{{ d.b }}", o={"a": 1}) == "12"


def test_comparisons_sorts_and_formats_of_honest_templates_have_room():
    rows = [{"name": f"n{n}", "price": n % 7} for n in range(1000)]
    source = (
        "{% for row in rows|sort(attribute='price,name') if row.price != 3 and row.name not in left %}"
        "{{ '%-20s %8.2f'|format(row.name, row.price) }}{% endfor %}{{ rows|map(attribute='price')|max }}"
    )
    assert "n1 " in shown(source, rows=rows, left=["n2", "n3"])


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
