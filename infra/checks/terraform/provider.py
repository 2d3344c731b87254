# mypy: disable-error-code="import-not-found,misc"
"""A Terraform provider that has a schema and nothing behind it: it validates and plans, it never applies.

Terraform holds the configuration against `schema.json` beside this file as it would against the real provider: names,
types, required arguments, numbers of blocks, references. What a real provider adds (which values it takes, which
arguments exclude one another) is not checked. Runs on the package `tf`, which speaks Terraform's plugin protocol 6.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import tf.provider
import tf.runner
from tf.gen import tfplugin_pb2 as messages
from tf.gen import tfplugin_pb2_grpc as protocol
from tf.types import Unknown
from tf.utils import read_dynamic_value, to_dynamic_value

SCHEMA = json.loads(Path(__file__).resolve().with_name("schema.json").read_text("utf-8"))
NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
WRITE_ONLY = (
    b"\x58\x01"  # Schema.Attribute.write_only = true: field 11 of a protocol newer than the package's
)


EPHEMERAL = b"\x42"
"""GetProviderSchema.Response.ephemeral_resource_schemas: field 8, which the package does not know either."""


def block_message(block: dict[str, Any]) -> Any:
    message = messages.Schema.Block(version=0)
    for name, one in sorted(block["attributes"].items()):
        flags = {flag: True for flag in ("required", "optional", "computed") if one.get(flag)}
        attribute = messages.Schema.Attribute(name=name, type=json.dumps(one["type"]).encode(), **flags)
        if one.get("write_only"):
            attribute.MergeFromString(WRITE_ONLY)
        message.attributes.append(attribute)
    for name, one in sorted(block.get("block_types", {}).items()):
        message.block_types.append(
            messages.Schema.NestedBlock(
                type_name=name,
                block=block_message(one["block"]),
                nesting=NESTING[one["nesting_mode"]],
                min_items=one.get("min_items", 0),
                max_items=one.get("max_items", 0),
            )
        )
    return message


def schema_message(block: dict[str, Any]) -> Any:
    return messages.Schema(version=0, block=block_message(block))


def complete(block: dict[str, Any], value: Any, make: Callable[[Any], Any]) -> Any:
    """What the provider would compute, made by type, wherever the configuration says nothing."""
    if not isinstance(value, dict):
        return value
    for name, one in block["attributes"].items():
        if one.get("computed") and value.get(name) is None:
            value[name] = make(one["type"])
        if one.get("write_only"):
            value[name] = None
    for name, one in block.get("block_types", {}).items():
        inner = value.get(name)
        if isinstance(inner, list):
            value[name] = [complete(one["block"], each, make) for each in inner]
    return value


def something(kind: Any) -> Any:
    """A value of that type for data sources, which have to be known when planning."""
    if isinstance(kind, list):
        return {} if kind[0] == "map" else []
    return {"string": "known-after-apply", "number": 0, "bool": False}.get(kind)


class Provider(protocol.ProviderServicer):
    def __init__(self, app: object) -> None:
        pass

    def GetMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        answer = messages.GetMetadata
        return answer.Response(
            resources=[answer.ResourceMetadata(type_name=name) for name in SCHEMA["resources"]],
            data_sources=[answer.DataSourceMetadata(type_name=name) for name in SCHEMA["data"]],
        )

    def GetProviderSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        answer = messages.GetProviderSchema.Response(
            provider=schema_message(SCHEMA["provider"]),
            resource_schemas={name: schema_message(one) for name, one in SCHEMA["resources"].items()},
            data_source_schemas={name: schema_message(one) for name, one in SCHEMA["data"].items()},
        )
        for name, one in SCHEMA["ephemeral"].items():
            entry = messages.GetProviderSchema.Response(resource_schemas={name: schema_message(one)})
            answer.MergeFromString(EPHEMERAL + entry.SerializeToString()[1:])
        return answer

    def GetFunctions(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.GetFunctions.Response()

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ConfigureProvider.Response()

    def StopProvider(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.StopProvider.Response()

    def PlanResourceChange(self, request: Any, context: Any) -> Any:  # noqa: N802
        proposed = read_dynamic_value(request.proposed_new_state)
        if proposed is not None and read_dynamic_value(request.prior_state) is None:
            proposed = complete(SCHEMA["resources"][request.type_name], proposed, lambda kind: Unknown)
        return messages.PlanResourceChange.Response(planned_state=to_dynamic_value(proposed))

    def ReadDataSource(self, request: Any, context: Any) -> Any:  # noqa: N802
        state = complete(SCHEMA["data"][request.type_name], read_dynamic_value(request.config), something)
        return messages.ReadDataSource.Response(state=to_dynamic_value(state))

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:  # noqa: N802
        refusal = messages.Diagnostic(
            severity=messages.Diagnostic.ERROR, summary="This provider has a schema only; it applies nothing."
        )
        return messages.ApplyResourceChange.Response(new_state=request.prior_state, diagnostics=[refusal])


class Ephemeral(grpc.GenericRpcHandler):
    """What protocols after the package's have for values that are in no state. Its messages are like those of data
    sources, but for the number of the result's field."""

    def service(self, call: Any) -> Any:
        answer = {
            "/tfplugin6.Provider/ValidateEphemeralResourceConfig": lambda request, context: b"",
            "/tfplugin6.Provider/OpenEphemeralResource": self.open,
            "/tfplugin6.Provider/CloseEphemeralResource": lambda request, context: b"",
        }.get(call.method)
        return grpc.unary_unary_rpc_method_handler(answer) if answer else None

    def open(self, request: bytes, context: Any) -> bytes:
        asked = messages.ReadDataSource.Request.FromString(request)
        value = complete(SCHEMA["ephemeral"][asked.type_name], read_dynamic_value(asked.config), something)
        result: bytes = messages.ReadDataSource.Response(state=to_dynamic_value(value)).SerializeToString()
        return b"\x1a" + result[1:]  # field 3 there, field 1 here


def add_both(servicer: Any, server: Any) -> None:
    add_servicer(servicer, server)
    server.add_generic_rpc_handlers((Ephemeral(),))


add_servicer = protocol.add_ProviderServicer_to_server


class App:
    def full_name(self) -> str:
        return str(SCHEMA["address"])


if __name__ == "__main__":
    tf.provider.ProviderServicer = Provider
    protocol.add_ProviderServicer_to_server = add_both
    tf.runner.run_provider(App(), sys.argv)
