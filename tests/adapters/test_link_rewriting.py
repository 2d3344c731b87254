import quopri
import re
from base64 import b64decode
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warmpost.adapters.templates import Templates
from warmpost.rules.events import Target
from warmpost.rules.letters import Content
from warmpost.rules.mime import TextPart
from warmpost.rules.tokens import Signer
from warmpost.rules.tracking import EVERYTHING, UNMARKED, Links, Marks, Track, Unsubscribe

BASE = "https://t.example.com/track"
SIGNER = Signer(b"k" * 32)
LINKS = Links(BASE, SIGNER)
TARGET = Target(batch="12", position=345)
CLICKS = Marks(BASE, Track(clicks=True))
CLICK = re.compile(re.escape(BASE) + r"/c/([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")

templates = Templates()


def octets(part: TextPart, body: bytes) -> str:
    decoded = b64decode(body) if part.encoding == "base64" else quopri.decodestring(body)
    return decoded.decode().replace("\r\n", "\n")


def rendered(html, data=None, marks=CLICKS, templated=True, text="t") -> tuple[str, str]:
    """Text and HTML as they arrive."""
    compiled = templates.compile(Content("s", html, text, templated), marks)
    _, bodies = compiled.render({}, data or {}, LINKS.reader(TARGET, 1_790_000_000))
    plain, rich = (octets(part, body) for part, body in zip(compiled.parts, bodies, strict=True))
    return plain, rich


def marked(html, data=None, **options) -> str:
    return rendered(html, data, **options)[1]


def destinations(html) -> list[str]:
    """Where the rewritten links lead, in order."""
    found = [SIGNER.read("click", token) for token in CLICK.findall(html)]
    assert all(one is not None and one.target == TARGET for one in found)
    return [one.destination for one in found if one is not None]


def restored(html, hrefs) -> str:
    """With the links as they were before."""
    before = iter(hrefs)
    return CLICK.sub(lambda _: next(before), html)


def same_quotes(html) -> str:
    """Python and Jinja write quotes as different references."""
    return html.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


def untouched(html, data=None, **options) -> bool:
    return marked(html, data, **options) == marked(html, data, marks=UNMARKED, **options)


@pytest.mark.parametrize(
    ("html", "destination"),
    [
        ('<a href="https://a.example/x">x</a>', "https://a.example/x"),
        ("<a href='https://a.example/x'>x</a>", "https://a.example/x"),
        ("<a href=https://a.example/x>x</a>", "https://a.example/x"),
        ("<A HREF = 'HTTPS://a.example/X' >x</A>", "HTTPS://a.example/X"),
        ('<a\nclass="b"\nhref\n=\n"https://a.example/x"\n>x</a>', "https://a.example/x"),
        ('<a/href="https://a.example/x"/>x</a>', "https://a.example/x"),
        ('<area shape="rect" href="https://a.example/x">', "https://a.example/x"),
        ('<a title="a > b" href="https://a.example/x">x</a>', "https://a.example/x"),
        ('<a href="https://a.example/?a=1&amp;b=2#c&amp;d">x</a>', "https://a.example/?a=1&b=2#c&d"),
        ('<a href="https://a.example/?a=1&b=2&copy=3">x</a>', "https://a.example/?a=1&b=2&copy=3"),
        ('<a href="https://a.example/?a&copy;=3&#x2F;&#47;">x</a>', "https://a.example/?a©=3//"),
        ('<a href="https://a.example/ü?q=%C3%BC%2f+ä b">x</a>', "https://a.example/ü?q=%C3%BC%2f+ä b"),
        ('<a href=" https://a.example/x\n">x</a>', "https://a.example/x"),
        ('<!--[if mso]><v:roundrect href="https://a.example/x"><![endif]-->', "https://a.example/x"),
        ('<!--[if !mso]><!--><a href="https://a.example/x">x</a><!--<![endif]-->', "https://a.example/x"),
        ('<style>a > b { content: "<a href=" }</style><a href="https://a.example/x">', "https://a.example/x"),
    ],
)
def test_links_are_found_however_they_are_written(html, destination):
    for templated in (True, False):
        result = marked(html, templated=templated)
        assert destinations(result) == [destination]
        raw = re.search(r"""(?i)href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*))""", html.split("</style>")[-1])
        assert raw is not None
        assert restored(result, [raw[1] or raw[2] or raw[3]]) == html


@pytest.mark.parametrize(
    "html",
    [
        '<a href="mailto:ann@example.org">x</a>',
        '<a href="tel:+4930123">x</a>',
        '<a href="#top">x</a>',
        '<a href="/path?x=1">x</a>',
        '<a href="//a.example/x">x</a>',
        '<a href="path">x</a>',
        '<a href="">x</a>',
        "<a href>x</a>",
        '<a href="cid:logo">x</a>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href="https:a.example/x">x</a>',
        '<a href="https:///a.example/x">x</a>',
        '<a href="https://a.example/x" data-track="off">x</a>',
        "<a DATA-TRACK=Off href=https://a.example/x>x</a>",
        '<a href="https://a.example/unsubscribe?x=1">x</a>',
        '<a href="https://a.example/?do=UnSubscribe">x</a>',
        f'<a href="{BASE}/u/abc">x</a>',
        '<a href="HTTPS://T.example.com/elsewhere">x</a>',
        '<!-- <a href="https://a.example/x">x</a> -->',
        '<script>"<a href=https://a.example/x>"</script>',
        '<textarea><a href="https://a.example/x"></textarea>',
        '<title><a href="https://a.example/x"></title>',
        '<link href="https://a.example/x.css"><base href="https://a.example/">',
        '<img src="https://a.example/x.png"><form action="https://a.example/x"></form>',
        '<a title=" href=https://a.example/x ">x</a>',
        '<a data-href="https://a.example/x" xhref="https://a.example/x">x</a>',
        'text href="https://a.example/x" < a href="https://a.example/x">',
        '<a href="https://a.example/x',
        '<a href="https://a.example/x"',
        f'<a href="https://a.example/{"x" * 1500}">x</a>',
        '<a href="https://a.example/\x01x">x</a>',
        "https://a.example/x",
    ],
)
def test_what_is_no_link_to_follow_stays_as_it_is(html):
    assert untouched(html, templated=False)
    if "{" not in html:
        assert untouched(html)


def test_only_the_first_of_two_hrefs_counts():
    result = marked('<a href="https://a.example/1" href="https://a.example/2">x</a>')
    assert destinations(result) == ["https://a.example/1"]
    assert 'href="https://a.example/2"' in result


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ('<a href="{{ url }}">x</a>', ["https://b.example/?a=1&b='2'"]),
        ("<a href='{{ url }}'>x</a>", ["https://b.example/?a=1&b='2'"]),
        ("<a href={{ url }}>x</a>", ["https://b.example/?a=1&b='2'"]),
        (
            '<a href="https://a.example/{{ id }}?q={{ word|urlencode }}">x</a>',
            ["https://a.example/7?q=a%26b%20%C3%BC"],
        ),
        ('<a href="https://a.example/?q={{ word }}#{{ id }}">x</a>', ["https://a.example/?q=a&b ü#7"]),
        (
            '{% for n in [1, 2] %}<a href="https://a.example/{{ n }}">x</a>{% endfor %}',
            ["https://a.example/1", "https://a.example/2"],
        ),
        (
            '<a href="{% if id == 7 %}https://a.example/7{% else %}https://a.example/8{% endif %}">x</a>',
            ["https://a.example/7"],
        ),
        (
            '{% if id == 8 %}<a href="https://a.example/8">{% else %}<a href="https://a.example/9">{% endif %}x</a>',
            ["https://a.example/9"],
        ),
        (
            '<a {% if id == 8 %}href="https://a.example/8"{% else %}href="https://a.example/9"{% endif %}>x</a>',
            ["https://a.example/9"],
        ),
        (
            '{% macro button(to) %}<a href="{{ to }}">x</a>{% endmacro %}{{ button(url) }}{{ button("mailto:x") }}',
            ["https://b.example/?a=1&b='2'"],
        ),
        ('{% raw %}<a href="https://a.example/{{x}}">{% endraw %}', ["https://a.example/{{x}}"]),
        ('{%- if id -%}  <a href="https://a.example/x">  {%- endif -%}', ["https://a.example/x"]),
        (
            '{% with host = "a.example" %}<a href="https://{{ host }}/">x</a>{% endwith %}',
            ["https://a.example/"],
        ),
        ('<a href="https://a.example/{{ id }}" data-track="on">x</a>', ["https://a.example/7"]),
    ],
)
def test_links_made_by_templates_lead_where_they_did(html, wanted):
    data = {"url": "https://b.example/?a=1&b='2'", "id": 7, "word": "a&b ü"}
    for filler in ("", "ж" * 400):
        result = marked(filler + html, data)
        assert destinations(result) == wanted
        plain = marked(filler + html, data, marks=UNMARKED)
        links = re.findall(
            r"https://[ab]\.example[^'>]*" if "'{{" in html else r'https://[ab]\.example[^">]*', plain
        )
        assert restored(result, links) == plain


@pytest.mark.parametrize(
    "html",
    [
        '<a href="{{ mail }}">x</a>',
        '<a href="{{ path }}/x">x</a>',
        '<a href="{{ mail }}" data-track="{{ "off" }}">x</a>',
        '<a href="https://a.example/{{ id }}" data-track="off">x</a>',
        '<a href="https://a.example/unsubscribe/{{ id }}">x</a>',
        '<a href="{{ unsubscribe }}">x</a>',
        '<a href="{{ long }}">x</a>',
        "<a {{ attributes|safe }}>x</a>",
        '<a href={% if id %}"https://a.example/7"{% else %}"https://a.example/8"{% endif %}>x</a>',
        '{% filter upper %}<a href="https://a.example/x">x</a>{% endfilter %}',
        '{% set link %}<a href="https://a.example/x">x</a>{% endset %}{{ link|striptags }}',
        '{% macro m() %}<a href="https://a.example/x">x</a>{% endmacro %}{{ m()|upper }}',
        '{% macro m() %}<a href="https://a.example/x">x</a>{% endmacro %}{% set b = m() %}{{ b|upper }}',
        '<a href="https://a.example/{% set n = 1 %}{{ n }}">{{ n }}</a>',
        "<a href={{ spaced }}>x</a>",
        '<a href="{{ quoted|safe }}">x</a>',
    ],
)
def test_links_made_by_templates_that_are_not_followed_stay_as_they_are(html):
    data = {
        "mail": "mailto:ann@example.org",
        "path": "/x",
        "id": 7,
        "unsubscribe": "https://a.example/Unsubscribe",
        "long": "https://a.example/" + "x" * 1500,
        "attributes": 'href="https://a.example/x"',
        "spaced": "https://a.example/x onclick=1",
        "quoted": 'https://a.example/" title="x',
    }
    assert untouched(html, data)


def test_a_value_cannot_name_what_rewritten_links_are_made_with():
    data = {"the reader": 1, "url": "https://a.example/"}
    assert destinations(marked('<a href="{{ url }}">', data)) == ["https://a.example/"]


def test_links_are_numbered_as_they_stand():
    html = (
        '<a href="https://a.example/1">{% for n in [1, 2] %}<a href="https://a.example/{{ n }}">{% endfor %}'
    )
    found = [SIGNER.read("click", token) for token in CLICK.findall(marked(html))]
    assert [one.link for one in found if one] == [0, 1, 1]


@pytest.mark.parametrize(
    ("html", "before"),
    [
        ("<html><body><p>x</p></body></html>", "<html><body><p>x</p>"),
        ("<BODY>x</BODY >y", "<BODY>x"),
        ("<p>x</p>", "<p>x</p>"),
        ("<body>x<!-- </body> --></body>", "<body>x<!-- </body> -->"),
        ("<body>x<!--[if mso]></body><![endif]-->", "<body>x<!--[if mso]></body><![endif]-->"),
        ("<body>x{% if x %}</body>{% endif %}", "<body>x</body>"),
    ],
)
def test_the_picture_stands_at_the_end_of_the_body(html, before):
    result = marked(html, {"x": 1}, marks=Marks(BASE, Track(opens=True)))
    picture = re.search(r'<img src="https://t.example.com/track/o/([\w-]+)\.gif" [^>]*>', result)
    assert picture is not None
    assert result.startswith(before + picture[0])
    token = SIGNER.read("open", picture[1])
    assert token is not None and token.target == TARGET and token.sent_at == 1_790_000_000
    assert result.replace(picture[0], "") == marked(html, {"x": 1}, marks=UNMARKED)


@pytest.mark.parametrize("templated", [True, False])
@pytest.mark.parametrize(
    ("language", "words", "asked"),
    [("", "Unsubscribe from these e-mails", ""), ("ar", "إلغاء الاشتراك", "?lang=ar")],
)
def test_a_footer_is_put_below_both_bodies(templated, language, words, asked):
    marks = LINKS.marks(EVERYTHING, Unsubscribe(footer=True, language=language))
    plain, rich = rendered("<body><p>x</p></body>", marks=marks, templated=templated, text="Hello")
    for body in (plain, rich):
        assert words in body
        link = re.search(re.escape(BASE) + r"/u/([\w-]+)(\S*?)(?=[\"\s])", body)
        assert link is not None and link[2] == asked
        token = SIGNER.read("unsubscribe", link[1])
        assert token is not None and token.target == TARGET
    assert plain.startswith("Hello\n-- \n")
    assert rich.endswith("</body>") and not CLICK.search(rich)
    assert ('dir="rtl"' in rich) == (language == "ar")


def test_a_text_that_is_made_of_the_html_has_the_footer_and_the_links_as_they_were():
    for html in ('<a href="https://a.example/x">x</a>', '{{ x|safe }}<a href="https://a.example/x">x</a>'):
        marks = LINKS.marks(EVERYTHING, Unsubscribe(footer=True))
        plain, _ = rendered(html, {"x": "<b>y</b>"}, marks=marks, text=None)
        assert "https://a.example/x" in plain and plain.count(BASE) == 1 and "/o/" not in plain


url_text = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff"), max_size=12
)
urls = st.builds(
    lambda scheme, host, path, query, fragment: f"{scheme}://{host}/{path}{query}{fragment}",
    st.sampled_from(["https", "http", "HTTPS"]),
    st.sampled_from(["a.example", "A.example:8080", "user:pw@a.example", "bücher.example", "[::1]:9"]),
    url_text,
    st.one_of(st.just(""), url_text.map("?".__add__), st.just("?a=1&amp=2&copy=3&b=%C3%BC&lt;=+")),
    st.one_of(st.just(""), url_text.map("#".__add__), st.just("#x=1&y=2")),
).map(lambda url: url.rstrip("".join(map(chr, range(0x21)))))
spaces = st.sampled_from([" ", "\n", "  ", "\t"])
fillers = st.one_of(
    url_text.map(escape),
    st.sampled_from(
        [
            "<p>",
            "</p\n>",
            "<br/>",
            "<!-- <a href='https://no.example'> -->",
            "<!---->",
            "<style>a{}</style>",
            "<a name=x>",
            "<a href='#x' title=\"<b>\">",
            "<a href=mailto:x@a.example>",
            "<a href='https://a.example/' data-track='off'>",
            "</a>",
            "< a",
            "<!DOCTYPE html>",
            "<![if mso]>",
            "<?xml ?>",
            "&amp;",
            "= .\n.\nFrom \n",
            "<img src='https://a.example/x.png'>",
            "-->",
            "\"'",
        ]
    ),
)


@st.composite
def letters(draw):
    """HTML as a template, its data, what it renders to, and its links: as written, and where they lead."""
    source, plain, data, links = [], [], {}, []
    for number in range(draw(st.integers(0, 6))):
        filler = draw(fillers)
        filler_source = re.sub(r"\{(?=[{%#])", "{{ '{' }}", filler)
        source.append(filler_source)
        plain.append(filler)
        url = draw(urls)
        quote = draw(st.sampled_from(['"', "'"]))
        how = draw(st.sampled_from(["constant", "value", "both"]))
        written = escape(url)
        if how == "value":
            data[f"v{number}"] = url
            part = f"{{{{ v{number} }}}}"
        elif how == "both":
            cut = draw(st.integers(0, len(url)))
            data[f"v{number}"] = url[cut:]
            part = escape(url[:cut]).replace("{", "{{ '{' }}") + f"{{{{ v{number} }}}}"
        else:
            part = written.replace("{", "{{ '{' }}")
        tag = draw(st.sampled_from(["a", "A", "area", "v:rect"]))
        between = draw(spaces)
        beginning = f"<{tag}{between}class='x>'{between}href={quote}"
        ending = f"{quote}{draw(st.sampled_from(['', ' id=x']))}>"
        source += [beginning, part, ending]
        links.append((same_quotes(written), url))
        plain += [beginning, links[-1][0], ending]
    return "".join(source), data, "".join(plain), links


@settings(max_examples=250, deadline=None)
@given(letters(), st.booleans())
def test_every_link_leads_where_it_did_and_nothing_else_is_changed(letter, templated):
    source, data, plain, links = letter
    if not templated:
        source, data = plain, {}
    unmarked = marked(source, data, marks=UNMARKED, templated=templated)
    result = marked(source, data, templated=templated)
    followed = [(raw, url) for raw, url in links if "unsubscribe" not in url.lower()]
    assert destinations(result) == [url for _, url in followed]
    assert same_quotes(restored(result, [raw for raw, _ in followed])) == same_quotes(unmarked)
    assert CLICK.sub("", result).count(BASE) == 0
