"""Whether a part of the stack can be used."""

from __future__ import annotations

import aiohttp
import dns.asyncquery
import dns.exception
import dns.message

from infra.local import ports


async def answers(url: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(2)) as client,
            client.get(url) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def listens(port: int) -> bool:
    return not ports.is_free(port)


async def answers_questions(port: int) -> bool:
    try:
        query = dns.message.make_query("warmpost.invalid", "TXT")
        await dns.asyncquery.udp(query, "127.0.0.1", timeout=0.5, port=port)
    except (OSError, dns.exception.DNSException):
        return False
    return True
