"""Debian's Chromium, driven as somebody would: by visible words and roles."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.running_stack import RunningStack

CHROMIUM = shutil.which("chromium") or ""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@contextmanager
def open_browser() -> Iterator[Browser]:
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Visitor:
    """Somebody at the console of a stack. wrong: what the browser complained of, refused policies among it."""

    def __init__(self, browser: Browser, stack: RunningStack, **options: Any) -> None:
        self.base = stack.info["console_url"].rstrip("/")
        self.key = stack.api_key
        self.context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self._note)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("requestfailed", self._forget)

    def _note(self, message: Any) -> None:
        expected = ("Failed to load resource", "img-src data:")  # answers above 400, and pictures of mails
        if message.type == "error" and not any(one in message.text for one in expected):
            self.wrong.append(message.text)

    def _forget(self, request: Any) -> None:
        """What a policy kept from leaving was not asked for."""
        if request.failure == "csp":
            self.asked.remove(request.url)

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.base}{path}")
        return self.page

    def sign_in(self, key: str = "") -> None:
        page = self.go("/")
        page.get_by_label("API key").fill(key or self.key)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Overview").wait_for()

    def press(self, name: str, exact: bool = True) -> None:
        self.page.get_by_role("button", name=name, exact=exact).first.click()

    def text(self, selector: str = "main") -> str:
        return self.page.inner_text(selector)

    def flaws(self, rules: list[str] | None = None) -> list[str]:
        """What axe finds, in words. rules: these alone."""
        self.page.evaluate(AXE)
        found = self.page.evaluate(
            "tags => axe.run({runOnly: tags, resultTypes: ['violations']})", rules or STANDARD
        )
        return [f"{one['id']}: {one['nodes'][0]['html'][:150]}" for one in found["violations"]]
