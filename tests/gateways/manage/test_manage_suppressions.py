from __future__ import annotations

import asyncio
import csv
import io

from tests.problems import problem
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.suppressions.documents import Suppression

CSV = {"Content-Type": "text/csv"}


def imported(*rows: str) -> bytes:
    return "\n".join(rows).encode()


async def addresses(api, **query) -> list[str]:
    seen: list[str] = []
    cursor = None
    while True:
        page = (await api.get("/suppressions", params=query | ({"cursor": cursor} if cursor else {}))).json()
        seen += [one["address"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return sorted(seen)


class TestOneAddress:
    async def test_it_is_suppressed_and_shown(self, api) -> None:
        created = await api.post(
            "/suppressions", json={"address": "No@Mail.Example", "note": "asked by phone"}
        )
        assert created.status_code == 201
        body = created.json()
        assert body == {
            "address": "No@mail.example",
            "reason": "manual",
            "domain": None,
            "since": "2026-03-01T09:00:00Z",
            "expires_at": None,
            "note": "asked by phone",
        }
        assert (await api.get("/suppressions/no@mail.example")).json() == {**body, "scopes": [body]}
        assert (await api.get("/suppressions")).json() == {"items": [body], "next_cursor": None}

    async def test_suppressing_again_changes_nothing(self, api, clock) -> None:
        first = await api.post("/suppressions", json={"address": "a@x.example", "note": "one"})
        clock.advance(60)
        again = await api.post("/suppressions", json={"address": "A@x.example", "note": "two"})
        assert (again.status_code, again.json()) == (201, first.json())

    async def test_the_heavier_reason_and_the_longer_time_hold(self, api) -> None:
        until = "2026-04-01T00:00:00Z"
        await api.post("/suppressions", json={"address": "a@x.example", "expires_at": until})
        bounced = {"address": "a@x.example", "reason": "hard_bounce", "note": "550"}
        await api.post("/suppressions", json=bounced)
        again = await api.post("/suppressions", json={"address": "a@x.example", "reason": "unsubscribe"})
        assert (again.json()["reason"], again.json()["expires_at"]) == ("hard_bounce", None)

    async def test_all_scopes_are_shown_with_what_says_most_first(self, api) -> None:
        for domain, reason in (("b.example", "complaint"), ("a.example", "unsubscribe"), (None, "manual")):
            given = {"address": "a@x.example", "domain": domain, "reason": reason}
            assert (await api.post("/suppressions", json=given)).status_code == 201
        shown = (await api.get("/suppressions/a@x.example")).json()
        assert [(one["domain"], one["reason"]) for one in shown["scopes"]] == [
            (None, "manual"), ("b.example", "complaint"), ("a.example", "unsubscribe"),
        ]  # fmt: skip
        assert shown["reason"] == "manual"

    async def test_many_at_once_suppress_it_once(self, api, store) -> None:
        answers = await asyncio.gather(
            *(api.post("/suppressions", json={"address": "a@x.example"}) for _ in range(8))
        )
        assert {one.status_code for one in answers} == {201}
        (stored,) = await store.find(Suppression, "suppressions")
        assert stored.value.hash == address_hash("a@x.example")

    async def test_it_is_free_again_once_it_has_expired(self, api, clock, services) -> None:
        until = {"address": "a@x.example", "expires_at": "2026-03-01T10:00:00Z"}
        await api.post("/suppressions", json=until)
        assert await suppressed(services, "a@x.example")
        clock.advance(3600)
        assert not await suppressed(services, "a@x.example")
        assert problem(await api.get("/suppressions/a@x.example")) == (404, "suppression_not_found", None)
        assert await addresses(api) == []
        again = await api.post("/suppressions", json={"address": "a@x.example"})
        assert again.json()["since"] == "2026-03-01T10:00:00Z"

    async def test_what_cannot_be_suppressed_is_refused(self, api) -> None:
        for given, code, field in (
            ({"address": "nobody"}, "invalid_address", "address"),
            ({"note": "x" * 501}, "invalid_field", "note"),
            ({"note": "a\nb"}, "invalid_field", "note"),
            ({"reason": "bored"}, "invalid_reason", "reason"),
            ({"domain": "not a domain"}, "invalid_domain", "domain"),
            ({"expires_at": "tomorrow"}, "invalid_expires_at", "expires_at"),
            ({"expires_at": "2026-02-01T00:00:00Z"}, "invalid_expires_at", "expires_at"),
            ({"until": "never"}, "unknown_field", "until"),
        ):
            bad = await api.post("/suppressions", json={"address": "a@x.example"} | given)
            assert problem(bad) == (422, code, field)


class TestLifting:
    async def test_it_reads_as_gone_and_can_come_back(self, api, clock) -> None:
        await api.post("/suppressions", json={"address": "a@x.example"})
        assert (await api.delete("/suppressions/a@x.example")).status_code == 204
        assert problem(await api.get("/suppressions/a@x.example")) == (404, "suppression_not_found", None)
        assert problem(await api.delete("/suppressions/a@x.example")) == (404, "suppression_not_found", None)
        assert await addresses(api) == []
        clock.advance(60)
        back = await api.post("/suppressions", json={"address": "a@x.example", "note": "again"})
        assert back.json()["since"] == "2026-03-01T09:01:00Z"

    async def test_who_lifted_it_and_why_stays_on_record(self, api) -> None:
        await api.post("/suppressions", json={"address": "a@x.example", "note": "bounced in May"})
        await api.delete("/suppressions/a@x.example", params={"note": "mailbox is back, says Kim"})
        (kept,) = (await api.get("/suppressions", params={"lifted": "true"})).json()["items"]
        assert (kept["note"], kept["lifted_note"], kept["lifted_at"]) == (
            "bounced in May", "mailbox is back, says Kim", "2026-03-01T09:00:00Z",
        )  # fmt: skip

    async def test_one_scope_can_be_lifted_alone(self, api, services) -> None:
        for domain in ("one.example", "two.example"):
            await api.post("/suppressions", json={"address": "a@x.example", "domain": domain})
        lifted = await api.delete("/suppressions/a@x.example", params={"domain": "one.example"})
        assert lifted.status_code == 204
        assert not await suppressed(services, "a@x.example", "one.example")
        assert await suppressed(services, "a@x.example", "two.example")
        everywhere = await api.delete("/suppressions/a@x.example", params={"domain": ""})
        assert problem(everywhere) == (404, "suppression_not_found", None)

    async def test_without_a_scope_all_are_lifted(self, api) -> None:
        for domain in ("one.example", None):
            await api.post("/suppressions", json={"address": "a@x.example", "domain": domain})
        await api.delete("/suppressions/a@x.example")
        assert await addresses(api) == []

    async def test_unknown_parameters_are_refused(self, api) -> None:
        bad = await api.delete("/suppressions/a@x.example", params={"scope": "x"})
        assert problem(bad) == (422, "unknown_field", "scope")


class TestListing:
    async def test_page_by_page_without_lifted_ones(self, api) -> None:
        for name in "abcdef":
            await api.post("/suppressions", json={"address": f"{name}@x.example"})
        await api.delete("/suppressions/c@x.example")
        assert await addresses(api, limit=2) == [f"{name}@x.example" for name in "abdef"]

    async def test_by_reason_and_domain(self, api) -> None:
        await api.post("/suppressions", json={"address": "a@x.example", "reason": "complaint"})
        scoped = {"reason": "unsubscribe", "domain": "one.example"}
        await api.post("/suppressions", json={"address": "b@x.example"} | scoped)
        await api.post("/suppressions", json={"address": "c@x.example", "domain": "one.example"})
        assert await addresses(api, reason="complaint") == ["a@x.example"]
        assert await addresses(api, domain="one.example") == ["b@x.example", "c@x.example"]
        assert await addresses(api, domain="one.example", reason="unsubscribe") == ["b@x.example"]
        assert await addresses(api, domain="") == ["a@x.example"]

    async def test_wrong_questions_are_refused(self, api) -> None:
        for query, code, field in (
            ({"reason": "bored"}, "invalid_reason", "reason"),
            ({"format": "xml"}, "invalid_format", "format"),
            ({"lifted": "maybe"}, "invalid_field", "lifted"),
            ({"colour": "red"}, "unknown_field", "colour"),
        ):
            assert problem(await api.get("/suppressions", params=query)) == (422, code, field)


class TestFiles:
    async def test_rows_are_added_counted_and_refused_with_line_and_reason(self, api) -> None:
        await api.post("/suppressions", json={"address": "known@x.example"})
        await api.post("/suppressions", json={"address": "worse@x.example", "reason": "unsubscribe"})
        body = imported(
            "address,reason,domain,note,expires_at",
            "a@x.example,,,,",
            "b@x.example,hard_bounce,,550 no such user,",
            "c@x.example,unsubscribe,one.example,,2026-04-01T00:00:00Z",
            "A@x.example,complaint,,,",
            "known@x.example,,,,",
            "worse@x.example,complaint,,,",
            "nobody,,,,",
            "d@x.example,bored,,,",
            "e@x.example,,,,2020-01-01T00:00:00Z",
            "f@x.example,",
        )
        done = (await api.post("/suppressions", content=body, headers=CSV)).json()
        assert (done["added"], done["changed"], done["duplicates"]) == (3, 1, 2)
        assert [(one["line"], one["address"]) for one in done["rejected"]] == [
            (8, "nobody"), (9, "d@x.example"), (10, "e@x.example"), (11, "f@x.example"),
        ]  # fmt: skip
        assert "has no @" in done["rejected"][0]["reason"]
        assert (await api.get("/suppressions/worse@x.example")).json()["reason"] == "complaint"
        assert (await api.get("/suppressions/c@x.example")).json()["domain"] == "one.example"

    async def test_the_same_file_again_adds_nothing_and_brings_back_what_was_lifted(self, api) -> None:
        body = imported("email", *(f"r{number}@x.example" for number in range(700)))
        first = (await api.post("/suppressions", content=body, headers=CSV)).json()
        assert (first["added"], first["duplicates"]) == (700, 0)
        await api.delete("/suppressions/r5@x.example")
        again = (await api.post("/suppressions", content=body, headers=CSV)).json()
        assert (again["added"], again["duplicates"], again["rejected"]) == (1, 699, [])

    async def test_two_files_at_once_leave_everything_suppressed(self, api, services) -> None:
        body = imported("address", *(f"r{number}@x.example" for number in range(600)))
        answers = await asyncio.gather(
            *(api.post("/suppressions", content=body, headers=CSV) for _ in range(2))
        )
        assert {one.status_code for one in answers} == {200}
        wanted = [f"r{number}@x.example" for number in range(600)]
        assert set(await services.suppressed.among(wanted, "", services.clock.now())) == set(wanted)

    async def test_files_that_are_none_are_refused(self, api) -> None:
        for body, words in (
            (b"", "is empty"),
            (b"name,reason\nx,y", "no column `address`"),
            (b"address,colour\na@x.example,red", "'colour'"),
            (b"PK\x03\x04\x14\0\x06\0" + bytes(60), "an Excel workbook (xlsx)"),
        ):
            bad = await api.post("/suppressions", content=body, headers=CSV)
            assert problem(bad) == (422, "invalid_csv", None)
            assert words in bad.json()["error"]["message"]

    async def test_an_export_is_a_file_that_can_be_imported(self, api) -> None:
        until = {"note": 'said "no", twice', "expires_at": "2026-04-01T00:00:00Z"}
        await api.post("/suppressions", json={"address": "a@x.example"} | until)
        scoped = {"address": "b@x.example", "domain": "one.example", "reason": "complaint"}
        await api.post("/suppressions", json=scoped)
        answer = await api.get("/suppressions", params={"format": "csv"})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        rows = sorted(csv.reader(io.StringIO(answer.text)))
        since = "2026-03-01T09:00:00Z"
        assert rows == [
            ["a@x.example", "manual", "", since, "2026-04-01T00:00:00Z", 'said "no", twice'],
            ["address", "reason", "domain", "since", "expires_at", "note"],
            ["b@x.example", "complaint", "one.example", since, "", ""],
        ]
        again = (await api.post("/suppressions", content=answer.content, headers=CSV)).json()
        assert again == {"added": 0, "changed": 0, "duplicates": 2, "rejected": []}

    async def test_an_export_has_all_pages(self, api, monkeypatch) -> None:
        monkeypatch.setattr("warmpost.actions.suppressions.manage_suppressions.EXPORT_PAGE", 3)
        body = imported("address", *(f"r{number}@x.example" for number in range(7)))
        await api.post("/suppressions", content=body, headers=CSV)
        answer = await api.get("/suppressions", params={"format": "csv", "reason": "manual"})
        assert len(list(csv.reader(io.StringIO(answer.text)))) == 8


async def suppressed(services, address: str, domain: str = "s.example") -> bool:
    return bool(await services.suppressed.among([address], domain, services.clock.now()))
