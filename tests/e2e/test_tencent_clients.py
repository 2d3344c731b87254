"""The Tencent SES protocol through its other clients: the SDK for Node and the asynchronous one for Python, unmodified."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.ses.v20201002 import models, ses_client_async

from infra.checks.tools import node_modules_of
from tests.e2e.test_tencent_sdk import Account, b64, mails_to, verified, wait_for

CLIENT = Path(__file__).parent / "clients" / "tencent"
SENDER = "Shop <shop@sdk.example>"
needs_node = pytest.mark.skipif(not shutil.which("npm"), reason="needs Debian's nodejs and npm")

__all__ = ["verified"]


@pytest.fixture(scope="module")
def account(stack):
    return Account(stack)


def node(stack, *calls, secret=""):
    info = stack.info["tencent"]
    given = {**info, "secret_key": secret or info["secret_key"], "calls": calls}
    modules = node_modules_of("tencentcloud", CLIENT)
    ended = subprocess.run(
        ["node", str(CLIENT / "send.js")],
        input=json.dumps(given),
        env={**os.environ, "NODE_PATH": str(modules), "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@needs_node
def test_the_sdk_for_node_sends_with_a_template_and_reads_what_came_of_it(stack, account, verified):
    content = {"Html": b64("<p>您好 {{name}}</p>"), "Text": b64("您好 {{name}}")}
    (made,) = node(stack, ["CreateEmailTemplate", {"TemplateName": "node", "TemplateContent": content}])
    order = {
        "FromEmailAddress": SENDER,
        "Destination": ["node@tencent.inbox"],
        "Subject": "From Node",
        "Template": {"TemplateID": made["TemplateID"], "TemplateData": json.dumps({"name": "Ann"})},
    }
    sent, listed = node(stack, ["SendEmail", order], ["ListEmailTemplates", {"Limit": 10, "Offset": 0}])
    assert sent["MessageId"] and sent["RequestId"]
    assert made["TemplateID"] in [one["TemplateID"] for one in listed["TemplatesMetadata"]]
    (mail,) = wait_for(lambda: mails_to(stack, "node@tencent.inbox"))
    assert "您好 Ann" in mail.get_body(("html",)).get_content()
    assert mail["Subject"] == "From Node"


@needs_node
def test_the_sdk_for_node_is_told_what_was_wrong_by_the_documented_codes(stack, account, verified):
    (forged,) = node(stack, ["ListEmailAddress", {}], secret="x" * 32)
    assert forged["error"] == "AuthFailure.SignatureFailure"
    wrong, missing = node(
        stack,
        ["GetEmailTemplate", {"TemplateID": 999_999}],
        ["SendEmail", {"FromEmailAddress": SENDER, "Subject": "s"}],
    )
    assert wrong["error"].startswith(("ResourceNotFound", "FailedOperation", "InvalidParameterValue"))
    assert missing["error"] == "InvalidParameterValue.EmailAddressIsNULL"
    assert all(one["requestId"] for one in (forged, wrong, missing))


@needs_node
def test_the_sdk_for_node_sends_a_batch_to_receivers_with_their_variables(stack, account, verified):
    content = {"Html": b64("<p>{{name}}</p>"), "Text": b64("{{name}}")}
    (template,) = node(
        stack, ["CreateEmailTemplate", {"TemplateName": "node batch", "TemplateContent": content}]
    )
    (receiver,) = node(stack, ["CreateReceiver", {"ReceiversName": "node readers", "Desc": "of a test"}])
    rows = [{"Email": f"r{n}@node.inbox", "TemplateData": json.dumps({"name": f"N{n}"})} for n in range(3)]
    order = {
        "FromEmailAddress": SENDER,
        "ReceiverId": receiver["ReceiverId"],
        "Subject": "Batch",
        "TaskType": 1,
        "Template": {"TemplateID": template["TemplateID"], "TemplateData": json.dumps({"name": "you"})},
    }
    added, sent = node(
        stack,
        ["CreateReceiverDetailWithData", {"ReceiverId": receiver["ReceiverId"], "Datas": rows}],
        ["BatchSendEmail", order],
    )
    assert "error" not in added and sent["TaskId"]
    mails = wait_for(lambda: len(found := mails_to(stack, "@node.inbox")) == 3 and found)
    assert sorted(mail.get_body(("plain",)).get_content().strip() for mail in mails) == ["N0", "N1", "N2"]


def asynchronous(stack):
    info = stack.info["tencent"]
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=info["endpoint"]))
    secrets = credential.Credential(info["secret_id"], info["secret_key"])
    return ses_client_async.SesClient(secrets, "ap-guangzhou", profile)


async def test_the_asynchronous_sdk_asks_many_things_at_once(stack, account, verified):
    async with asynchronous(stack) as client:
        request = models.ListEmailIdentitiesRequest()
        found = await asyncio.gather(*(client.ListEmailIdentities(request) for _ in range(10)))
        assert all(verified in [one.IdentityName for one in each.EmailIdentities] for each in found)
        wrong = models.GetEmailTemplateRequest()
        wrong.TemplateID = 999_999
        with pytest.raises(TencentCloudSDKException) as refused:
            await client.GetEmailTemplate(wrong)
        assert refused.value.requestId
