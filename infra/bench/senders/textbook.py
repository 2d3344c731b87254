"""As the manuals of aiosmtplib, dkimpy, Jinja2 and Python's `email` show it, ten connections side by side."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr, formatdate, make_msgid
from typing import Any

import aiosmtplib
import dkim
from jinja2 import Environment

from infra.bench.senders.job import Job, measuring, read_job


class Loop:
    def __init__(self, job: Job) -> None:
        self._job = job
        plain, escaping = Environment(), Environment(autoescape=True)  # noqa: S701 (plain text)
        self._subject = plain.from_string(job.content["subject"])
        self._text = plain.from_string(job.content["text"])
        self._html = escaping.from_string(job.content["html"])
        self._files = [
            (base64.b64decode(one["content"]), *one["content_type"].split("/"), one["filename"])
            for one in job.attachments
        ]

    async def send(self, messages: range) -> None:
        waiting = iter(messages)
        await asyncio.gather(*[self._connection(waiting) for _ in range(self._job.connections)])

    async def _connection(self, waiting: Iterator[int]) -> None:
        smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=self._job.port, start_tls=False)
        async with smtp:
            for number in waiting:
                recipient = self._job.recipient(number)
                await smtp.sendmail(self._job.sender, [recipient["to"]], self._signed(recipient))

    def _signed(self, recipient: dict[str, Any]) -> bytes:
        job, data = self._job, recipient["data"]
        message = EmailMessage(policy=SMTP)
        message["From"] = formataddr((job.sender_name, job.sender))
        message["To"] = recipient["to"]
        message["Subject"] = self._subject.render(data)
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=job.domain)
        message["List-Unsubscribe"] = f"<{data['unsubscribe']}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(self._text.render(data))
        message.add_alternative(self._html.render(data), subtype="html")
        for content, kind, subtype, name in self._files:
            message.add_attachment(content, maintype=kind, subtype=subtype, filename=name)
        octets = message.as_bytes()
        signature: bytes = dkim.sign(octets, job.selector.encode(), job.domain.encode(), job.key.encode())
        return signature + octets


async def run(job: Job) -> None:
    loop = Loop(job)
    if job.warm_up:
        await loop.send(range(job.warm_up))
    with measuring(job.messages):
        await loop.send(range(job.warm_up, job.warm_up + job.messages))


if __name__ == "__main__":
    asyncio.run(run(read_job()))
