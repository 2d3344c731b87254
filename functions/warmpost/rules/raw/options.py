"""What a message says to Warmpost alone, in header fields that it takes out: tags, tracking, unsubscribing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from warmpost.errors import Invalid
from warmpost.rules.message.languages import LANGUAGES, read_language
from warmpost.rules.raw.fields import Field, among
from warmpost.rules.tracking.tracking import EVERYTHING, NOTHING, Track, Unsubscribe

PREFIX = b"x-warmpost-"
IDEMPOTENCY_KEY = b"x-warmpost-idempotency-key"

_YES, _NO = ("yes", "true", "1", "on"), ("no", "false", "0", "off", "none")


@dataclass(frozen=True, slots=True)
class RawOptions:
    """None where a message does not say."""

    tags: dict[str, str] = field(default_factory=dict)
    track: Track | None = None
    unsubscribe: Unsubscribe | None = None


def read_options(fields: Iterable[Field]) -> RawOptions:
    """Raises Invalid with the header to blame."""
    fields = tuple(fields)
    return RawOptions(_tags(fields), _track(fields), _unsubscribe(fields))


def _tags(fields: Iterable[Field]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for one in among(fields, b"x-warmpost-tag"):
        name, equals, value = one.text.partition("=")
        if not equals:
            raise Invalid("invalid_tag", "X-Warmpost-Tag is `name=value`.", "X-Warmpost-Tag")
        tags[name.strip()] = value.strip()
    return tags


def _track(fields: Iterable[Field]) -> Track | None:
    found = among(fields, b"x-warmpost-track")
    if not found:
        return None
    words = found[-1].text.lower().replace(",", " ").split()
    if len(words) == 1 and words[0] in _NO:
        return NOTHING
    if len(words) == 1 and words[0] in _YES:
        return EVERYTHING
    if not words or not set(words) <= {"opens", "clicks"}:
        raise Invalid(
            "invalid_field", "X-Warmpost-Track is `opens`, `clicks`, both, or `no`.", "X-Warmpost-Track"
        )
    return Track("opens" in words, "clicks" in words)


def _unsubscribe(fields: Iterable[Field]) -> Unsubscribe | None:
    found = among(fields, b"x-warmpost-unsubscribe")
    if not found:
        return None
    word = found[-1].text.strip()
    if word.lower() in _NO:
        return Unsubscribe()
    if word.lower() in _YES:
        return Unsubscribe(headers=True, footer=True)
    language = read_language(word)
    if language is None:
        known = ", ".join(LANGUAGES)
        raise Invalid(
            "unknown_language",
            f"X-Warmpost-Unsubscribe is yes, no or one of {known}, not {word[:40]!r}.",
            "X-Warmpost-Unsubscribe",
        )
    return Unsubscribe(headers=True, footer=True, language=language)
