"""The way of someone who uses Tencent Cloud SES, with its unmodified SDK, from a domain to the callbacks' figures."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import httpx
import pytest
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.ses.v20201002 import models, ses_client

from infra.local.bootstrap import ROOT

DOMAIN = "sdk.example"
SENDER = f"Shop <shop@{DOMAIN}>"
PATIENCE = 30.0


class Account:
    """An SDK client of the stack. method: of signing; verb: GET or POST."""

    def __init__(self, stack, method="TC3-HMAC-SHA256", verb="POST", secret=""):
        info = stack.info["tencent"]
        os.environ["NO_PROXY"] = "127.0.0.1"
        http = HttpProfile(protocol="http", endpoint=info["endpoint"], reqMethod=verb)
        profile = ClientProfile(signMethod=method, httpProfile=http)
        secrets = credential.Credential(info["secret_id"], secret or info["secret_key"])
        self._client = ses_client.SesClient(secrets, "ap-guangzhou", profile)

    def __getattr__(self, action):
        def call(**parameters):
            request = getattr(models, f"{action}Request")()
            request.from_json_string(json.dumps(parameters))
            return getattr(self._client, action)(request)

        return call


def b64(text):
    return base64.b64encode(text.encode()).decode()


def refusal(call, **parameters):
    with pytest.raises(TencentCloudSDKException) as refused:
        call(**parameters)
    assert refused.value.requestId
    return refused.value.code


def wait_for(found):
    ends = time.monotonic() + PATIENCE
    while not (result := found()):
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.1)
    return result


@pytest.fixture(scope="module")
def account(stack):
    return Account(stack)


@pytest.fixture(scope="module")
def verified(stack, account):
    made = account.CreateEmailIdentity(EmailIdentity=DOMAIN)
    assert not made.VerifiedForSendingStatus
    for one in made.Attributes:
        record = {"name": one.SendDomain, "type": one.Type, "values": [one.ExpectedValue]}
        httpx.post(f"{stack.info['url']}/_local/dns", json=record, trust_env=False).raise_for_status()
    assert account.UpdateEmailIdentity(EmailIdentity=DOMAIN).VerifiedForSendingStatus
    account.CreateEmailAddress(EmailAddress=f"shop@{DOMAIN}", EmailSenderName="Shop")
    return DOMAIN


@pytest.fixture(scope="module")
def template(account, verified):
    content = {
        "Html": b64("<p>Dear {{user-name}}, {% if x %} {{1}} {#</p>"),
        "Text": b64("Dear {{user-name}}"),
    }
    return account.CreateEmailTemplate(TemplateName="welcome", TemplateContent=content).TemplateID


def mails_to(stack, address):
    found = []
    for file in Path(stack.info["inbox_dir"]).rglob("*"):
        if file.is_file():
            message = message_from_bytes(file.read_bytes(), policy=default)
            if address in str(message["To"]):
                found.append(message)
    return found


def test_identities_and_addresses_are_listed_as_they_are(account, verified):
    listed = account.ListEmailIdentities(Limit=10, Offset=0)
    (one,) = [one for one in listed.EmailIdentities if one.IdentityName == DOMAIN]
    assert (one.SendingEnabled, one.IdentityType, one.TagList) == (True, "DOMAIN", [])
    assert listed.Total >= 1
    senders = {one.EmailAddress: one for one in account.ListEmailAddress().EmailSenders}
    assert senders[f"shop@{DOMAIN}"].EmailSenderName == "Shop"
    assert senders[f"shop@{DOMAIN}"].SmtpPwdType == 0
    account.UpdateEmailSmtpPassWord(EmailAddress=f"shop@{DOMAIN}", Password="abCD12efGH34")
    again = refusal(account.UpdateEmailSmtpPassWord, EmailAddress=f"shop@{DOMAIN}", Password="abCD12efGH34")
    assert again == "OperationDenied.RepeatPassWord"


def test_a_template_comes_back_byte_for_byte_and_means_what_it_means_there(stack, account, template):
    found = account.GetEmailTemplate(TemplateID=template)
    assert (
        base64.b64decode(found.TemplateContent.Html).decode()
        == "<p>Dear {{user-name}}, {% if x %} {{1}} {#</p>"
    )
    data = json.dumps({"user-name": "Ann & Bob", "1": "one"})
    sent = account.SendEmail(
        FromEmailAddress=SENDER,
        Destination=["ann@tencent.inbox"],
        Subject="Hello {{user-name}}",
        Template={"TemplateID": template, "TemplateData": data},
    )
    (mail,) = wait_for(lambda: mails_to(stack, "ann@tencent.inbox"))
    html = mail.get_body(("html",)).get_content()
    assert "Dear Ann &amp; Bob, {% if x %} one {#" in html
    assert mail["Subject"] == "Hello Ann & Bob"
    assert mail.get_body(("plain",)).get_content().startswith("Dear Ann & Bob")
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    status = account.GetSendEmailStatus(RequestDate=day, Offset=0, Limit=10, MessageId=sent.MessageId)
    (line,) = status.EmailStatusList
    assert (line.ToEmailAddress, line.SendStatus, line.DeliverStatus) == ("ann@tencent.inbox", 0, 1)


@pytest.mark.parametrize(
    ("method", "verb"),
    [("TC3-HMAC-SHA256", "GET"), ("HmacSHA1", "POST"), ("HmacSHA256", "GET"), ("HmacSHA256", "POST")],
)
def test_every_way_to_sign_is_understood(stack, verified, method, verb):
    other = Account(stack, method, verb)
    listed = other.ListReceivers(Offset=0, Limit=10, KeyWord="新闻 news")
    assert (listed.TotalCount, listed.Data) == (0, [])
    assert other.GetEmailIdentity(EmailIdentity=DOMAIN).VerifiedForSendingStatus is True


def test_ready_content_with_files_goes_out_to_all_kinds_of_recipients(stack, account, verified):
    account.SendEmail(
        FromEmailAddress=SENDER,
        Destination=["to@tencent.inbox"],
        Cc=["cc@tencent.inbox"],
        Bcc=["bcc@tencent.inbox"],
        Subject="Ready {{x}}",
        Simple={"Html": b64("<p>{{x}}</p>"), "Text": b64("{{x}}")},
        Attachments=[{"FileName": "a.txt", "Content": b64("file")}],
        SmtpHeaders=json.dumps({"X-Order": "17"}),
        TriggerType=1,
    )
    mails = wait_for(lambda: found if len(found := mails_to(stack, "to@tencent.inbox")) == 3 else None)
    assert {one["Cc"] for one in mails} == {"cc@tencent.inbox"}
    assert {one["X-Order"] for one in mails} == {"17"}
    assert {one["Subject"] for one in mails} == {"Ready {{x}}"}
    (attached,) = list(mails[0].iter_attachments())
    assert attached.get_filename() == "a.txt"


def test_a_list_is_filled_sent_to_now_later_and_again(stack, account, template):
    receiver = account.CreateReceiver(ReceiversName="sdk readers", Desc="all of them").ReceiverId
    rows = [
        {"Email": f"r{n}@tencent.inbox", "TemplateData": json.dumps({"user-name": f"N{n}", "1": n})}
        for n in range(5)
    ]
    rows += [{"Email": "r0@tencent.inbox", "TemplateData": json.dumps({"user-name": "again", "1": 9})}]
    rows += [{"Email": "nobody", "TemplateData": json.dumps({"user-name": "x", "1": 9})}]
    added = account.CreateReceiverDetailWithData(ReceiverId=receiver, Datas=rows)
    assert (added.TotalCount, added.ValidCount, added.RepeatCount) == (7, 5, 1)
    found = account.ListReceiverDetails(ReceiverId=receiver, Offset=1, Limit=2)
    assert [one.Email for one in found.Data] == ["r1@tencent.inbox", "r2@tencent.inbox"]
    assert json.loads(found.Data[0].TemplateData) == {"user-name": "N1", "1": 1}
    (listed,) = account.ListReceivers(Offset=0, Limit=10, KeyWord="SDK").Data
    assert (listed.ReceiverId, listed.Count, listed.Desc, listed.ReceiversStatus) == (
        receiver,
        5,
        "all of them",
        3,
    )
    common = {
        "FromEmailAddress": SENDER,
        "ReceiverId": receiver,
        "Subject": "News for {{user-name}}",
        "Template": {"TemplateID": template, "TemplateData": "{}"},
    }
    now = account.BatchSendEmail(TaskType=1, **common).TaskId
    (mail,) = wait_for(lambda: mails_to(stack, "r3@tencent.inbox"))
    assert mail["Subject"] == "News for N3"
    begin = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%d %H:%M:%S")
    later = account.BatchSendEmail(TaskType=2, TimedParam={"BeginTime": begin}, **common).TaskId
    cycle = {"BeginTime": begin, "IntervalTime": 24}
    again = account.BatchSendEmail(TaskType=3, CycleParam=cycle, **common).TaskId
    tasks = {one.TaskId: one for one in account.ListSendTasks(Offset=0, Limit=100).Data}
    assert {now, later, again} <= set(tasks) and len({now, later, again}) == 3
    assert (tasks[now].TaskType, tasks[now].RequestCount, tasks[now].ReceiverId) == (1, 5, receiver)
    assert (tasks[later].TaskType, tasks[later].TimedParam.BeginTime) == (2, begin)
    assert (tasks[again].TaskType, tasks[again].CycleParam.IntervalTime) == (3, 24)


def test_blacklists_hold_and_are_told(account, verified):
    made = account.CreateCustomBlacklist(Emails=["bad@tencent.inbox", "bad@tencent.inbox", "nobody"])
    assert (made.TotalCount, made.ValidCount, made.RepeatCount, made.InvalidCount) == (3, 1, 1, 1)
    (entry,) = account.ListCustomBlacklist(Offset=0, Limit=10, Status=1, Email="BAD@").Data
    assert entry.Id < 2**53
    simple = {"Text": b64("x")}
    common = {"FromEmailAddress": SENDER, "Subject": "x", "Simple": simple}
    assert (
        refusal(account.SendEmail, Destination=["bad@tencent.inbox"], **common)
        == "FailedOperation.EmailAddrInBlacklist"
    )
    account.UpdateCustomBlackList(Id=entry.Id, Email="worse@tencent.inbox", ExpireDate="2099-01-01")
    (entry,) = account.ListCustomBlacklist(Offset=0, Limit=10, Status=1).Data
    assert (entry.Email, entry.ExpireDate) == ("worse@tencent.inbox", "2099-01-01")
    account.DeleteCustomBlackList(Emails=["worse@tencent.inbox", "unknown@tencent.inbox"])
    assert account.ListCustomBlacklist(Offset=0, Limit=10, Status=1).TotalCount == 0
    account.DeleteBlackList(EmailAddressList=["unknown@tencent.inbox"])


def test_an_address_asks_for_unsubscribe_links_by_itself(stack, account, verified):
    account.CreateAddressUnsubscribeConfig(Address=f"shop@{DOMAIN}", UnsubscribeConfig="6", Status=1)
    (kept,) = account.ListAddressUnsubscribeConfig(Offset=0, Limit="10").AddressUnsubscribeConfigList
    assert (kept.Address, kept.UnsubscribeConfig, kept.Status) == (f"shop@{DOMAIN}", "6", 1)
    account.SendEmail(
        FromEmailAddress=SENDER, Destination=["leaver@tencent.inbox"], Subject="x", Simple={"Text": b64("x")}
    )
    (mail,) = wait_for(lambda: mails_to(stack, "leaver@tencent.inbox"))
    assert "Diese E-Mails abbestellen" in mail.get_body(("plain",)).get_content()
    assert mail["List-Unsubscribe"]
    account.DeleteAddressUnsubscribeConfig(Address=f"shop@{DOMAIN}")
    assert account.ListAddressUnsubscribeConfig(Offset=0, Limit="10").Total == 0


def test_figures_of_days_are_reported(account, template):
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    before = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    overall = wait_for(
        lambda: (
            report.OverallVolume
            if (
                report := account.GetStatisticsReport(StartDate=before, EndDate=day, Domain=DOMAIN)
            ).DailyVolumes
            else None
        )
    )
    assert overall.RequestCount >= 1
    assert account.GetAbuseReport(StartTime=before, EndTime=day).TotalCount == 0
    assert account.ListBlackEmailAddress(StartDate=before, EndDate=day, Limit=10, Offset=0).TotalCount == 0


NAMED = {"TemplateName": "x"}
TO_ONE = {"FromEmailAddress": SENDER, "Subject": "x", "Destination": ["a@b.example"]}
WRONG_CONTENT = "InvalidParameterValue.TemplateContentIsWrong"


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("GetEmailTemplate", {"TemplateID": 999_999}, "InvalidParameterValue.TemplateNotExist"),
        ("GetEmailIdentity", {"EmailIdentity": "no.example"}, "InvalidParameterValue.NotExistDomain"),
        ("CreateEmailIdentity", {"EmailIdentity": DOMAIN}, "InvalidParameterValue.RepeatCreation"),
        ("CreateEmailAddress", {"EmailAddress": "a@no.example"}, "OperationDenied.DomainNotVerified"),
        ("DeleteEmailAddress", {"EmailAddress": f"no@{DOMAIN}"}, "InvalidParameterValue.NoSuchSender"),
        ("DeleteEmailIdentity", {"EmailIdentity": DOMAIN}, "OperationDenied.SenderWithDomainIsNotEmpty"),
        ("ListReceivers", {"Offset": 0, "Limit": 101}, "FailedOperation.InvalidLimit"),
        ("ListReceiverDetails", {"ReceiverId": 999, "Offset": 0, "Limit": 1}, "OperationDenied.ReceiverNotExist"),
        ("GetStatisticsReport", {"StartDate": "x", "EndDate": "y"}, "InvalidParameterValue.WrongDate"),
        ("GetSendEmailStatus", {"RequestDate": "2026", "Offset": 0, "Limit": 1}, "InvalidParameterValue.WrongDate"),
        ("ListReceivers", {"Offset": -1, "Limit": 1}, "InvalidParameter"),
        ("ListReceivers", {"Offset": 0}, "MissingParameter"),
        ("CreateEmailTemplate", NAMED | {"TemplateContent": {}}, "InvalidParameterValue.TemplateContentIsNULL"),
        ("CreateEmailTemplate", NAMED | {"TemplateContent": {"Html": "%"}}, WRONG_CONTENT),
        ("SendEmail", TO_ONE | {"FromEmailAddress": f"no@{DOMAIN}"}, "FailedOperation.NotAuthenticatedSender"),
        ("SendEmail", TO_ONE, "FailedOperation.MissingEmailContent"),
        ("SendEmail", TO_ONE | {"Destination": []}, "InvalidParameterValue.EmailAddressIsNULL"),
        ("SendEmail", TO_ONE | {"Destination": ["a@b.example"] * 51}, "FailedOperation.TooManyRecipients"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_the_documented_code(account, verified, action, parameters, code):
    assert refusal(getattr(account, action), **parameters) == code


def test_a_wrong_key_is_refused_with_the_documented_code(stack):
    assert refusal(Account(stack, secret="wrong").ListEmailAddress) == "AuthFailure.SignatureFailure"


def test_the_command_line_works(stack, verified):
    info = stack.info["tencent"]
    command = [str(Path(sys.executable).parent / "tccli"), "ses", "ListEmailIdentities"]
    command += ["--endpoint", f"http://{info['endpoint']}", "--region", "ap-guangzhou"]
    command += ["--secretId", info["secret_id"], "--secretKey", info["secret_key"]]
    environment = os.environ | {"NO_PROXY": "127.0.0.1", "HOME": stack.info["data"]}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    assert DOMAIN in [one["IdentityName"] for one in json.loads(done.stdout)["EmailIdentities"]]


def test_an_account_is_copied_to_a_deployment_through_the_same_sdk(stack, account, template, start_stack):
    other = start_stack()
    there, here = stack.info["tencent"], other.info["tencent"]
    account.CreateCustomBlacklist(Emails=["never@tencent.inbox"])
    command = [sys.executable, str(ROOT / "infra/import_tencent.py"), "--from-http", "--to-http"]
    for side, info in (("from", there), ("to", here)):
        command += [f"--{side}-endpoint", info["endpoint"], f"--{side}-id", info["secret_id"]]
        command += [f"--{side}-key", info["secret_key"]]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=os.environ | {"NO_PROXY": "127.0.0.1"}
    )
    assert done.returncode == 0, done.stderr
    copied = Account(other)
    assert DOMAIN in [
        one.IdentityName for one in copied.ListEmailIdentities(Limit=10, Offset=0).EmailIdentities
    ]
    (kept,) = [
        one
        for one in copied.ListEmailTemplates(Limit=10, Offset=0).TemplatesMetadata
        if one.TemplateName == "welcome"
    ]
    content = copied.GetEmailTemplate(TemplateID=kept.TemplateID).TemplateContent
    assert base64.b64decode(content.Html).decode() == "<p>Dear {{user-name}}, {% if x %} {{1}} {#</p>"
    (listed,) = copied.ListReceivers(Offset=0, Limit=10, KeyWord="sdk readers").Data
    assert listed.Count == 5
    assert copied.ListCustomBlacklist(Offset=0, Limit=10, Status=1, Email="never@").TotalCount == 1
