"""Copies what an account of Tencent Cloud SES holds to a deployment of one's own, through the official SDK on both sides:
sender domains, addresses, templates, recipient lists, and addresses that must not be mailed.

    pip install tencentcloud-sdk-python-ses
    python3 infra/import_tencent.py --from-endpoint ses.tencentcloudapi.com --from-id … --from-key … \\
        --to-endpoint tencent-….a.run.app --to-id … --to-key …

What is there already is left as it is, so it may be run again. Numbers of templates and lists are new ones: it prints both.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

PAGE = 100
ROWS_AT_ONCE = 1000
BOUNCES_SINCE = timedelta(days=365)


class Account:
    """One side, spoken to by the names of actions. plain: over HTTP, as on the local stack."""

    def __init__(self, endpoint: str, secret_id: str, secret_key: str, region: str, plain: bool) -> None:
        from tencentcloud.common import credential
        from tencentcloud.common.common_client import CommonClient
        from tencentcloud.common.profile.client_profile import ClientProfile
        from tencentcloud.common.profile.http_profile import HttpProfile

        http = HttpProfile(protocol="http" if plain else "https", endpoint=endpoint)
        secrets = credential.Credential(secret_id, secret_key)
        self._client = CommonClient("ses", "2020-10-02", secrets, region, ClientProfile(httpProfile=http))

    def ask(self, action: str, **parameters: object) -> dict[str, Any]:
        answered: dict[str, Any] = self._client.call_json(action, parameters)["Response"]
        return answered

    def pages(self, action: str, name: str, **parameters: object) -> Iterator[dict[str, Any]]:
        offset = 0
        while rows := self.ask(action, Offset=offset, Limit=PAGE, **parameters)[name]:
            yield from rows
            if len(rows) < PAGE:
                return
            offset += PAGE


class Copy:
    def __init__(self, source: Account, target: Account) -> None:
        self._source = source
        self._target = target

    def everything(self) -> None:
        self.identities()
        self.addresses()
        self.templates()
        self.lists()
        self.suppressed()

    def _make(self, what: str, action: str, **parameters: object) -> dict[str, Any]:
        """Nothing where it is refused, which is told: as a rule because it is there already."""
        from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

        try:
            made = self._target.ask(action, **parameters)
        except TencentCloudSDKException as refused:
            print(f"  {what}: {refused.code}", flush=True)
            return {}
        print(f"  {what}", flush=True)
        return made

    def identities(self) -> None:
        print("sender domains (publish the records that the deployment answers with)")
        for one in self._source.pages("ListEmailIdentities", "EmailIdentities"):
            name = one["IdentityName"]
            self._make(name, "CreateEmailIdentity", EmailIdentity=name)

    def addresses(self) -> None:
        print("sender addresses (of domains that are verified here)")
        for one in self._source.ask("ListEmailAddress")["EmailSenders"]:
            address = one["EmailAddress"]
            name = one.get("EmailSenderName") or ""
            self._make(address, "CreateEmailAddress", EmailAddress=address, EmailSenderName=name)

    def templates(self) -> None:
        print("templates: number there, number here")
        for one in self._source.pages("ListEmailTemplates", "TemplatesMetadata"):
            number, name = one["TemplateID"], one["TemplateName"]
            found = self._source.ask("GetEmailTemplate", TemplateID=number)["TemplateContent"]
            content = {kind: text for kind, text in found.items() if text}
            made = self._make(name, "CreateEmailTemplate", TemplateName=name, TemplateContent=content)
            if made:
                print(f"    {number} → {made['TemplateID']}")

    def lists(self) -> None:
        print("recipient lists: number there, number here")
        for one in self._source.pages("ListReceivers", "Data"):
            name, number = one["ReceiversName"], one["ReceiverId"]
            made = self._make(name, "CreateReceiver", ReceiversName=name, Desc=one.get("Desc") or "")
            if made:
                print(
                    f"    {number} → {made['ReceiverId']}, {self._rows(number, made['ReceiverId']):,} recipients"
                )

    def _rows(self, there: int, here: int) -> int:
        waiting: list[dict[str, str]] = []
        added = 0
        for one in self._source.pages("ListReceiverDetails", "Data", ReceiverId=there, Status=1):
            waiting.append({"Email": one["Email"], "TemplateData": one.get("TemplateData") or "{}"})
            if len(waiting) == ROWS_AT_ONCE:
                added, waiting = added + self._add(here, waiting), []
        return added + (self._add(here, waiting) if waiting else 0)

    def _add(self, here: int, rows: list[dict[str, str]]) -> int:
        done = self._target.ask("CreateReceiverDetailWithData", ReceiverId=here, Datas=rows)
        return int(done["ValidCount"])

    def suppressed(self) -> None:
        print("addresses that must not be mailed")
        own = [one["Email"] for one in self._source.pages("ListCustomBlacklist", "Data", Status=1)]
        until = datetime.now(UTC)
        period = {"StartDate": f"{until - BOUNCES_SINCE:%Y-%m-%d}", "EndDate": f"{until:%Y-%m-%d}"}
        bounced = [
            one["EmailAddress"] for one in self._source.pages("ListBlackEmailAddress", "BlackList", **period)
        ]
        emails = sorted({*own, *bounced})
        for start in range(0, len(emails), ROWS_AT_ONCE):
            some = emails[start : start + ROWS_AT_ONCE]
            self._make(f"{len(some):,} of them", "CreateCustomBlacklist", Emails=some)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for side in ("from", "to"):
        parser.add_argument(f"--{side}-endpoint", required=True)
        parser.add_argument(f"--{side}-id", required=True)
        parser.add_argument(f"--{side}-key", required=True)
        parser.add_argument(
            f"--{side}-http", action="store_true", help="plain HTTP, as the local stack speaks"
        )
    parser.add_argument("--region", default="ap-guangzhou")
    given = vars(parser.parse_args())
    source, target = (
        Account(
            given[f"{side}_endpoint"],
            given[f"{side}_id"],
            given[f"{side}_key"],
            given["region"],
            given[f"{side}_http"],
        )
        for side in ("from", "to")
    )
    try:
        Copy(source, target).everything()
    except json.JSONDecodeError:
        print("that endpoint does not speak the protocol", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
