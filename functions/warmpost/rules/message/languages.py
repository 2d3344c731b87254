"""The languages readers can be spoken to in (tencent-ses.md section 12), and the footer in each."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

LANGUAGES = ("en", "zh-CN", "zh-TW", "es", "fr", "de", "ja", "ko", "ar", "th", "id", "vi")
RIGHT_TO_LEFT = frozenset({"ar"})
DEFAULT = "en"

_TRADITIONAL = ("zh-tw", "zh-hk", "zh-mo", "zh-hant")
_UNSUBSCRIBE = {
    "en": "Unsubscribe from these e-mails",
    "zh-CN": "退订此类邮件",
    "zh-TW": "取消訂閱此類郵件",
    "es": "Darse de baja de estos correos",
    "fr": "Se désabonner de ces e-mails",
    "de": "Diese E-Mails abbestellen",
    "ja": "このメールの配信を停止する",
    "ko": "이 이메일 수신 거부",
    "ar": "إلغاء الاشتراك في هذه الرسائل",
    "th": "ยกเลิกการรับอีเมลเหล่านี้",
    "id": "Berhenti menerima email ini",
    "vi": "Hủy đăng ký nhận các email này",
}
_STYLE = "margin:0;padding:24px 16px;text-align:center;font:12px/1.5 Helvetica,Arial,sans-serif;color:#666666"


@dataclass(frozen=True, slots=True)
class Footer:
    """before, after: HTML around the link's URL. text: what precedes it in plain text."""

    before: str
    after: str
    text: str


def read_language(text: str) -> str | None:
    """One of LANGUAGES for a tag (RFC 5646) such as `de-AT` or `zh-Hant`, or None."""
    low = text.strip().lower().replace("_", "-")
    if low.startswith(_TRADITIONAL):
        return "zh-TW"
    primary = low.partition("-")[0]
    if primary == "zh":
        return "zh-CN"
    return primary if primary in LANGUAGES else None


def preferred_language(accept: str) -> str | None:
    """The best of an Accept-Language field (RFC 9110 section 12.5.4), or None where none of them is known."""
    wanted: list[tuple[float, str]] = []
    for part in accept.split(",")[:20]:
        tag, _, weight = part.partition(";")
        known = read_language(tag)
        quality = _quality(weight)
        if known and quality > 0:
            wanted.append((quality, known))
    return max(wanted, key=lambda one: one[0])[1] if wanted else None


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    try:
        return float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0


def direction_of(language: str) -> str:
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"


def footer_of(language: str) -> Footer:
    """language: one of LANGUAGES, or empty."""
    language = language or DEFAULT
    words = _UNSUBSCRIBE[language]
    direction = direction_of(language)
    return Footer(
        before=f'<div lang="{language}" dir="{direction}" style="{_STYLE}"><a href="',
        after=f'" style="color:#666666;text-decoration:underline">{escape(words)}</a></div>',
        text=f"{words}:\n",
    )
