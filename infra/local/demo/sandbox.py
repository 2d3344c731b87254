"""What a fresh stack begins with, so that the first command sends: a domain, a template and a list of ten."""

from __future__ import annotations

from infra.local.demo.api import Api

DOMAIN = "sandbox.example"
TEMPLATE = "welcome"
LIST = "ten readers"
NAMES = ("Ann", "Bob", "Chen", "Dana", "Emre", "Fatou", "Goran", "Hana", "Ines", "Jun")
CSV = "email,name\n" + "".join(f"{name.lower()}@readers.example,{name}\n" for name in NAMES)


async def furnish(api: Api) -> None:
    """Make what an earlier start of the same data has not. Raises Refused."""
    if not await _is_there(api, "/manage/domains", "domain", DOMAIN):
        made = await api.post("/manage/domains", {"domain": DOMAIN})
        for record in made["records"]:
            body = {"name": record["name"], "type": record["type"], "values": [record["expected"]]}
            await api.post("/_local/dns", body)
        await api.post(f"/manage/domains/{DOMAIN}/verify")
        await api.patch(f"/manage/domains/{DOMAIN}", {"warmup": False})
    if not await _is_there(api, "/manage/templates", "name", TEMPLATE):
        text = "Dear {{ name }},\n\nthis is the sandbox: mail goes no farther than the inbox beside it.\n"
        html = "<p>Dear {{ name }},</p><p>this is the <b>sandbox</b>: mail goes no farther than the inbox beside it.</p>"
        await api.post(
            "/manage/templates",
            {"name": TEMPLATE, "subject": "Welcome, {{ name }}", "html": html, "text": text},
        )
    if not await _is_there(api, "/manage/lists", "name", LIST):
        made = await api.post("/manage/lists", {"name": LIST})
        await api.post_csv(f"/manage/lists/{made['id']}/recipients", CSV.encode())


async def _is_there(api: Api, path: str, field: str, value: str) -> bool:
    return value in [one[field] async for one in api.pages(path, "items")]


def first_lines() -> str:
    """Commands to paste after URL and KEY are exported: a single message, and a batch to the ten."""
    single = f'{{"from": "Shop <shop@{DOMAIN}>", "to": ["ann@readers.example"], "subject": "Hello", "text": "It works."}}'
    batch = f'{{"from": "news@{DOMAIN}", "template": "{TEMPLATE}", "list": "{LIST}"}}'
    call = 'curl -s -H "Authorization: Bearer $KEY" $URL'
    return f"{call}/send -d '{single}'\n{call}/batch-submit -d '{batch}'"
