"""What keeps the console to itself: its Content-Security-Policy, and who may send its forms."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from warmpost.errors import Forbidden

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src {images}; sandbox; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
SAFE = ("GET", "HEAD", "OPTIONS")


def page_headers(language: str = "en") -> dict[str, str]:
    return {**_common(), "Content-Security-Policy": PAGE_POLICY, "Content-Language": language}


def mail_headers(with_pictures: bool) -> dict[str, str]:
    """For what a mail contains: it runs nothing, asks nobody, and loads pictures only where the reader said so."""
    images = "data: https:" if with_pictures else "data:"
    return {**_common(), "Content-Security-Policy": _MAIL_POLICY.format(images=images)}


def _common() -> dict[str, str]:
    return {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def refuse_foreign(method: str, headers: Mapping[str, str]) -> None:
    """A form that another site sends in somebody's name. Raises Forbidden.

    Browsers say whence a request comes in `Sec-Fetch-Site`, older ones in `Origin`; programs, which carry no cookie of
    a browser, may say nothing.
    """
    if method in SAFE:
        return
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        is_ours = site in ("same-origin", "none")
    else:
        is_ours = origin is None or origin.partition("://")[2] == headers.get("host", "")
    if not is_ours:
        raise Forbidden(
            "foreign_form", "This form was sent from another site; open the console and send it there."
        )


def base_path(request: Request) -> str:
    """In front of the console's own paths: a service of Cloud Run has its address to itself, all others are
    `/console`."""
    host = request.headers.get("host", "").partition(":")[0]
    return "" if host.endswith(".run.app") else "/console"
