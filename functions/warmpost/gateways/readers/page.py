"""The page behind an unsubscribe link: one card, readable by everybody, that loads and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html import escape

from starlette.responses import Response

from warmpost.rules.message.languages import direction_of

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6470; --paper: #ffffff; --ground: #f2f4f7;
  --line: #dfe3e8; --strong: #1f5fbf; --on-strong: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceff3; --soft: #a4adb9; --paper: #1d2126; --ground: #121518;
  --line: #333a42; --strong: #8ab8ff; --on-strong: #0d1a2c; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--ground);
  color: var(--ink); font: 1.0625rem/1.6 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif; }
main { width: 100%; max-width: 27rem; padding: 2.5rem 2rem; background: var(--paper); border: 1px solid var(--line);
  border-radius: 1rem; text-align: center; }
.sender { margin: 0 0 1.25rem; color: var(--soft); font-size: .9375rem; overflow-wrap: anywhere; }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.3; }
p { margin: 0; color: var(--soft); }
h1, p { text-wrap: balance; }
form { margin: 2rem 0 0; }
button { min-height: 3rem; padding: .75rem 1.75rem; border: 1px solid var(--strong); border-radius: .625rem;
  background: var(--strong); color: var(--on-strong); font: inherit; font-weight: 600; cursor: pointer; }
button.quiet { background: transparent; color: var(--strong); }
button:hover { filter: brightness(1.08); }
button:focus-visible { outline: 3px solid var(--strong); outline-offset: 3px; }
@media (max-width: 24rem) { main { padding: 2rem 1.25rem; } button { width: 100%; } }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


@dataclass(frozen=True, slots=True)
class Button:
    """Posts to a URL when it is pressed. quiet: not what most people have come for."""

    words: str
    url: str
    quiet: bool = False


def page(
    language: str, title: str, text: str, sender: str = "", button: Button | None = None, status: int = 200
) -> Response:
    pressed = _form(button) if button else ""
    shown = f'<p class="sender"><bdi>{escape(sender)}</bdi></p>\n' if sender else ""
    html = f"""<!DOCTYPE html>
<html lang="{language}" dir="{direction_of(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
{shown}<h1>{escape(title)}</h1>
<p role="status">{escape(text)}</p>
{pressed}</main>
</body>
</html>
"""
    return Response(html, status, _headers(language, button), "text/html")


def _form(button: Button) -> str:
    kind = ' class="quiet"' if button.quiet else ""
    return f"""<form method="post" action="{escape(button.url)}">
<input type="hidden" name="confirm" value="yes">
<button type="submit"{kind}>{escape(button.words)}</button>
</form>
"""


def _headers(language: str, button: Button | None) -> dict[str, str]:
    target = "'self' " + "/".join(button.url.split("/")[:3]) if button else "'none'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action {target}; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Content-Language": language,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Language",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
