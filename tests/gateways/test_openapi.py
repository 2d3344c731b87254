"""The OpenAPI document: what is served is what it says, and nothing else."""

import ast
import json
import re
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from warmpost import errors
from warmpost.gateways import manage
from warmpost.gateways.api import batch_submit, schedule, send
from warmpost.gateways.http.app import STATUS
from warmpost.gateways.http.error_codes import CODES
from warmpost.gateways.readers import track
from warmpost.gateways.reports import event_webhook
from warmpost.gateways.routes import MANAGE, SERVED, openapi, operations

DOCUMENT = json.loads(openapi())
FUNCTIONS = Path(manage.__file__).parents[3]
KINDS = {kind.__name__: kind for kind in STATUS}

PUBLIC = ("/manage/openapi.json", "/manage/alive")
INTERNAL = {
    "not_recorded_yet",
    "no_token",
    "unknown_secret_id",
    "wrong_token",
    "wrong_caller",
    "issuer_unavailable",
    "not_there_yet",
    "taken_over",
    "under_way",
    "unknown_person",  # of the console
    "foreign_form",  # of the console, whose forms are sent by browsers
}
"""Codes that only the queue and the scheduler are told."""

COMPOSED = {
    "template_in_use": errors.Conflict,
    "invalid_pending": errors.Invalid,
    "invalid_update": errors.Invalid,
    "invalid_start_at": errors.Invalid,
    "invalid_scheduled_at": errors.Invalid,
    "invalid_until": errors.Invalid,
    "invalid_suppressed": errors.Invalid,
    "invalid_since": errors.Invalid,
    "invalid_list": errors.Invalid,
    "invalid_template": errors.Invalid,
    "invalid_expires_at": errors.Invalid,
    "template_not_found": errors.NotFound,
    "list_not_found": errors.NotFound,
    "batch_done": errors.Conflict,
    "batch_cancelled": errors.Conflict,
    "batch_failed": errors.Conflict,
    "daily_cap_reached": errors.LimitReached,
    "domain_blocked": errors.LimitReached,
}
"""Codes that are put together where they are raised."""


def test_it_is_a_valid_openapi_document():
    assert not list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors())


def test_every_route_is_documented_and_every_documented_operation_served():
    routers = (send, batch_submit, schedule, event_webhook, track)
    served = {
        (f"/{module.__name__.rpartition('.')[2].replace('_', '-')}", route)
        for module in routers
        for route in map(key, module.ROUTES.routes)
    }
    served |= {("/manage", route) for route in map(key, MANAGE)}
    told = {(function, key(route)) for function, routes in SERVED.items() for route in routes}
    assert served == told
    documented = {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert documented == {(one.path, one.route.method.lower()) for one in operations()}


def key(route):
    return route.method, route.pattern


def test_every_public_function_is_in_it():
    source = (FUNCTIONS / "main.py").read_text()
    functions = {node.name for node in ast.parse(source).body if isinstance(node, ast.AsyncFunctionDef)}
    assert {
        f"/{name.replace('_', '-')}" for name in functions - {"work", "daily", "tencent", "console"}
    } == set(SERVED)


@pytest.mark.parametrize("one", operations(), ids=lambda one: one.id)
def test_every_route_says_what_it_is_for_and_what_it_answers(one):
    assert one.route.summary
    assert one.route.answers
    if one.function not in ("/event-webhook", "/track") and one.path not in PUBLIC:
        assert one.route.scope
    if one.route.method in ("GET", "HEAD", "DELETE"):
        assert one.route.body is None


def test_operations_have_names_of_their_own_as_a_person_would_say_them():
    names = [one.id for one in operations()]
    assert len(set(names)) == len(names)
    assert [one for one in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]*)*", one)] == []
    assert {"sendMessage", "submitBatch", "listDomains", "createTemplate", "getWebhook"} <= set(names)


def test_shapes_are_named_by_what_they_are_and_no_two_alike():
    names = list(DOCUMENT["components"]["schemas"])
    assert [one for one in names if not re.fullmatch(r"([A-Z][a-z]+)+", one)] == []
    assert {"MessageRequest", "BatchRequest", "DomainRowPage"} <= set(names)


def test_no_property_has_a_default_which_generators_take_for_always_there():
    def defaults(value, path=""):
        if isinstance(value, dict):
            if "default" in value and not isinstance(value["default"], dict):
                yield path
            for name, inner in value.items():
                yield from defaults(inner, f"{path}/{name}")
        elif isinstance(value, list):
            for inner in value:
                yield from defaults(inner, path)

    assert list(defaults(DOCUMENT)) == []


def test_the_server_is_the_deployment_itself():
    assert json.loads(openapi("https://mail.example.com"))["servers"] == [{"url": "https://mail.example.com"}]


def raised_codes():
    """Kind and literal code of every error that is raised anywhere."""
    for file in FUNCTIONS.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and node.args:
                name = ast.unparse(node.func).rpartition(".")[2]
                code = node.args[0]
                if name in KINDS and isinstance(code, ast.Constant) and isinstance(code.value, str):
                    yield KINDS[name], code.value


def test_every_code_that_is_raised_is_documented_and_the_other_way_round():
    raised = {(kind, code) for kind, code in raised_codes() if code not in INTERNAL}
    raised |= {(kind, code) for code, kind in COMPOSED.items()}
    told = {(kind, code) for kind, codes in CODES.items() for code in codes}
    missing, idle = raised - told, told - raised
    assert not missing, f"add to gateways/http/error_codes.py: {missing}"
    assert not idle, f"nothing raises: {idle}"


def test_every_kind_of_error_is_an_answer_with_its_codes():
    assert set(CODES) == set(STATUS)
    for kind in STATUS:
        schema = DOCUMENT["components"]["responses"][kind.__name__]["content"]["application/json"]["schema"]
        assert set(schema["allOf"][1]["properties"]["error"]["properties"]["code"]["enum"]) == CODES[kind]


def test_what_creates_something_leads_on_to_it():
    links = DOCUMENT["paths"]["/manage/domains"]["post"]["responses"]["201"]["links"]
    assert links["getDomain"]["parameters"] == {"domain": "$response.body#/domain"}
    links = DOCUMENT["paths"]["/batch-submit"]["post"]["responses"]["202"]["links"]
    assert "pauseBatch" in links and "listBatchRecipients" in links


def test_it_holds_nothing_of_the_deployment():
    text = openapi().decode().lower()
    assert "localhost" not in text and "127.0.0.1" not in text and "whsec_" not in text


def test_codes_follow_one_pattern():
    """`invalid_…`, `missing_…`, `unknown_…`, `wrong_…`, `too_many_…` say what is wrong with what; all others name a thing
    first and then its state."""
    codes = {code for kind in CODES for code in CODES[kind]}
    assert [
        one
        for one in codes
        if re.search(r"_(invalid|missing|unknown|wrong)$|^(bad|no)_|^not_(?!found$)", one)
    ] == []
    assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", one) for one in codes)
