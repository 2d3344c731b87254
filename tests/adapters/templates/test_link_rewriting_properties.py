import re
from html import escape

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.templates.rewriting import BASE, CLICK, destinations, marked, restored, same_quotes
from warmpost.errors import Invalid
from warmpost.rules.message.errors import CannotCompose
from warmpost.rules.tracking.tracking import UNMARKED, destination_of

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


@settings(max_examples=150, deadline=None)
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


FRAGMENTS = [
    *(
        '<a href="',
        "<a href='",
        "<a href=",
        "<A\nHREF = ",
        ' href="',
        "<v:x href='",
        '<b title="',
        '"',
        "'",
        ">",
        " ",
    ),
    *(
        "https://a.example/",
        "http://b.example/?x=1&amp;y=2",
        "mailto:x@a.example",
        "{{ u }}",
        "{{ p }}",
        "{{ q|safe }}",
    ),
    *(
        "<!--",
        "-->",
        "<!--[if mso]>",
        "<![endif]-->",
        "<style>",
        "</style>",
        "<title>",
        "</title >",
        "</a>",
        "</body>",
    ),
    *("data-track=off", "data-track='off'", "/", "=", "<", "&", "\n", "x", "ü", "\ue000", "\ue001"),
    *(
        "{% if t %}",
        "{% if not t %}",
        "{% else %}",
        "{% endif %}",
        "{% for x in l %}",
        "{% endfor %}",
        "{{ x }}",
    ),
    *("{% filter upper %}", "{% endfilter %}", "{% set y %}", "{% endset %}", "{{ y }}", "{% set y = 1 %}"),
    *(
        "{% macro m(x) %}",
        "{% endmacro %}",
        "{{ m(u) }}",
        "{{ m(p)|lower }}",
        "{% raw %}",
        "{% endraw %}",
        "{#",
        "#}",
    ),
    *("{% with u = p %}", "{% endwith %}", "{%- if t -%}", "{% call m(u) %}", "{% endcall %}"),
]
SOUP_DATA = {
    "u": "https://u.example/?a=1&b=ü",
    "p": "/path",
    "q": "https://q.example/\"'> <a href=https://q.example/>",
    "t": True,
    "l": [1, 2],
    "y": "",
    "x": "https://x.example/",
}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join), st.booleans())
def test_no_mess_of_tags_is_changed_but_for_links_that_lead_where_they_did(html, templated):
    try:
        plain = marked(html, SOUP_DATA, marks=UNMARKED, templated=templated)
    except (Invalid, CannotCompose):
        return
    result = marked(html, SOUP_DATA, templated=templated)
    pieces = CLICK.split(result)[::2]
    between = re.fullmatch("(.*?)".join(map(re.escape, pieces)), plain, re.DOTALL)
    assert between is not None
    assert [destination_of(raw, BASE) for raw in between.groups()] == destinations(result)
