"""The KumoMTA policy in a Lua of its own, with KumoMTA's side of each event played by the test, after its reference."""

from __future__ import annotations

from typing import Any

import pytest
from lupa.lua54 import LuaError, LuaRuntime

from infra.local.bootstrap import ROOT

POLICY = ROOT / "infra" / "relay" / "kumomta"
SECRET, PASSWORD = "events-secret", "let-me-in"
KUMO = """
local kumo = { handlers = {}, asked = {}, http = {} }
function kumo.on(event, handler) kumo.handlers[event] = handler end
function kumo.reject(code, words) error(code .. ' ' .. words, 0) end
for _, name in ipairs {
  'make_listener_domain', 'make_queue_config', 'make_egress_pool', 'make_egress_source', 'make_egress_path',
} do
  kumo[name] = function(parameters) return parameters end
end
for _, name in ipairs {
  'define_spool', 'configure_local_logs', 'configure_log_hook', 'start_http_listener', 'start_esmtp_listener',
} do
  kumo[name] = function(parameters) table.insert(kumo.asked, { name, parameters }) end
end
package.preload['kumo'] = function() return kumo end
return kumo
"""


class Message:
    """headers: by name. meta: as KumoMTA and the policy set it."""

    def __init__(self, recipient: str = "ann@inbox.example", **meta: Any) -> None:
        self.headers: list[tuple[str, str]] = []
        self.meta = meta
        self._recipient = recipient

    def get_first_named_header_value(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def remove_all_named_headers(self, name: str) -> None:
        self.headers = [one for one in self.headers if one[0].lower() != name.lower()]

    def get_meta(self, name: str) -> Any:
        return self.meta.get(name)

    def set_meta(self, name: str, value: Any) -> None:
        self.meta[name] = value

    def recipient(self) -> str:
        return self._recipient

    def get_data(self) -> str:
        return '{"type": "Delivery"}'


class Request:
    """What `client:post(…)` builds. code: that the function answers."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.headers: dict[str, str] = {}
        self.url = self.content = ""

    def post(self, url: str) -> Request:
        self.url = url
        return self

    def header(self, name: str, value: str) -> Request:
        self.headers[name] = value
        return self

    def body(self, content: str) -> Request:
        self.content = content
        return self

    def send(self) -> Request:
        return self

    def status_code(self) -> int:
        return self.code

    def status_reason(self) -> str:
        return "so be it"

    def status_is_success(self) -> bool:
        return self.code // 100 == 2


class Methods:
    """Lets Lua call `object:method(…)`: Python's methods are bound already."""

    def __init__(self, lua: LuaRuntime) -> None:
        self._wrap = lua.eval(
            """function(object, names)
              local wrapped = {}
              for name in string.gmatch(names, '%S+') do
                wrapped[name] = function(self, ...)
                  local answer = object[name](...)
                  if answer == object then return self end
                  return answer
                end
              end
              return wrapped
            end"""
        )

    def of(self, thing: Any) -> Any:
        names = [name for name in dir(type(thing)) if not name.startswith("_")]
        return self._wrap(thing, " ".join(names))


class Policy:
    def __init__(self, folder: Any) -> None:
        self.lua = LuaRuntime(unpack_returned_tuples=True)
        self.kumo = self.lua.execute(KUMO)
        self.wrap = Methods(self.lua).of
        for name, content in (("password", PASSWORD), ("secret", SECRET)):
            (folder / name).write_text(content + "\n")
        settings = (POLICY / "warmpost.lua").read_text()
        settings = settings.replace("/opt/kumomta/etc/warmpost.password", str(folder / "password"))
        settings = settings.replace("/opt/kumomta/etc/warmpost-events.secret", str(folder / "secret"))
        (folder / "warmpost.lua").write_text(settings)
        policy = (POLICY / "init.lua").read_text()
        self.lua.execute(policy.replace("/opt/kumomta/etc/policy/warmpost.lua", str(folder / "warmpost.lua")))

    def fire(self, event: str, *arguments: Any) -> Any:
        return self.kumo.handlers[event](*arguments)

    def receive(self, message: Message) -> Message:
        self.fire("smtp_server_message_received", self.wrap(message))
        return message


@pytest.fixture
def policy(tmp_path):
    return Policy(tmp_path)


def submitted(pool: str | None = None) -> Message:
    message = Message(authn_id="warmpost")
    message.headers = [("Subject", "Hi"), *([("x-warmpost-pool", pool)] if pool else [])]
    return message


@pytest.mark.parametrize(
    ("pool", "tenant"), [("dedicated1", "dedicated1"), ("shared", "shared"), (None, "shared")]
)
def test_a_worker_chooses_the_pool_and_its_field_is_gone(policy, pool, tenant):
    message = policy.receive(submitted(pool))
    assert (message.meta["tenant"], message.headers) == (tenant, [("Subject", "Hi")])
    assert policy.fire("get_queue_config", "inbox.example", tenant)["egress_pool"] == tenant
    [entry] = policy.fire("get_egress_pool", tenant)["entries"].values()
    source = policy.fire("get_egress_source", entry["name"])
    assert source["source_address"] == {"shared": "192.0.2.10", "dedicated1": "192.0.2.11"}[tenant]


def test_an_unknown_pool_waits(policy):
    with pytest.raises(LuaError, match=r"^451 4\.7\.1 this relay has no transport of that name"):
        policy.receive(submitted("typo"))


def test_strangers_choose_nothing_and_bring_reports_only(policy):
    path = "bounces+b.1.0.aaaaaaaaaaaaaaaa@relay.example.com"
    report = Message(path)
    report.headers = [("X-Warmpost-Pool", "dedicated1")]
    policy.receive(report)
    assert (report.meta, report.headers) == ({"return_path": path}, [])
    stranger = policy.wrap(Message())
    allowed = policy.fire("get_listener_domain", "relay.example.com", "0.0.0.0:25", stranger)
    assert (allowed["log_oob"], allowed["log_arf"], allowed["relay_to"]) == (
        "LogThenDrop",
        "LogThenDrop",
        None,
    )
    assert policy.fire("get_listener_domain", "inbox.example", "0.0.0.0:25", stranger) is None


def test_the_password_is_the_one_of_the_file(policy):
    right = [policy.fire("smtp_server_auth_plain", "", "warmpost", one) for one in (PASSWORD, "", "other")]
    assert right == [True, False, False]
    worker = policy.wrap(Message(authz_id="warmpost"))
    assert policy.fire("get_listener_domain", "inbox.example", "0.0.0.0:587", worker)["relay_to"]


@pytest.mark.parametrize(
    ("code", "said"), [(202, None), (503, "400"), (401, "400"), (429, "400"), (422, "500"), (413, "500")]
)
def test_records_go_to_the_function_with_its_secret_and_wait_while_it_is_down(policy, code, said):
    request = Request(code)
    client = policy.wrap(request)
    policy.kumo.http["build_client"] = lambda parameters: client
    connection = policy.fire("make.warmpost.log_hook")
    record = policy.wrap(Message())
    if said is None:
        assert connection["send"](connection, record) == "202 so be it"
    else:
        with pytest.raises(LuaError, match=f"^{said} {code} so be it"):
            connection["send"](connection, record)
    assert request.url.endswith("/event-webhook/kumomta")
    assert request.headers["Authorization"] == f"Bearer {SECRET}"
    assert request.content == '{"type": "Delivery"}'


def test_records_about_records_are_not_reported(policy):
    first = Message(log_record=policy.lua.table(reception_protocol="ESMTP"))
    assert policy.fire("should_enqueue_log_record", policy.wrap(first), "warmpost") is True
    assert first.meta["queue"] == "warmpost.log_hook"
    again = Message(log_record=policy.lua.table(reception_protocol="LogRecord"))
    assert policy.fire("should_enqueue_log_record", policy.wrap(again), "warmpost") is False
    assert policy.fire("should_enqueue_log_record", policy.wrap(again), "another") is None


def test_everything_that_is_started_is_started_with_tables(policy):
    policy.fire("init")
    asked = [one[1] for one in policy.kumo.asked.values()]
    assert asked.count("start_esmtp_listener") == 2
    assert "configure_log_hook" in asked
