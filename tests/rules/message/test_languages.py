import pytest

from warmpost.gateways.readers.words import WORDS
from warmpost.rules.message.languages import (
    LANGUAGES,
    direction_of,
    footer_of,
    preferred_language,
    read_language,
)


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("en", "en"),
        ("de-AT", "de"),
        ("ZH", "zh-CN"),
        ("zh-Hant-HK", "zh-TW"),
        ("zh_TW", "zh-TW"),
        ("zh-Hans", "zh-CN"),
        ("ar-EG", "ar"),
        ("pt-BR", None),
        ("", None),
        ("<script>", None),
    ],
)
def test_a_language_is_known_by_its_tag(tag, language):
    assert read_language(tag) == language


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("pt-BR,pt;q=0.9,fr;q=0.8,en;q=0.7", "fr"),
        ("en;q=0.5, de", "de"),
        ("de;q=0, en;q=0.1", "en"),
        ("*", None),
        ("", None),
        ("de;q=x", None),
        ("ja;q=1.0, ko", "ja"),
    ],
)
def test_the_language_a_reader_likes_best_is_chosen(accept, language):
    assert preferred_language(accept) == language


def test_every_language_has_its_pages_and_footer():
    assert set(WORDS) == set(LANGUAGES)
    for language in LANGUAGES:
        words = WORDS[language]
        assert all(all(text.strip() for text in part) for part in (words.ask, words.done, words.back))
        assert f'lang="{language}" dir="{direction_of(language)}"' in footer_of(language).before
    assert direction_of("ar") == "rtl"
    assert len({footer_of(language).text for language in LANGUAGES}) == len(LANGUAGES)
