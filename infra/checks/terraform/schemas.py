"""Provider schemas without the providers, which no package registry ships: read from the bindings made of them.

The packages `cdktn-provider-*` are generated from `terraform providers schema -json`; their JavaScript says of every
argument its Terraform name, its type, and whether it is computed, optional or required. Standard library only.
"""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Block = dict[str, Any]

_CLASS = re.compile(r"^class (\w+) extends cdktn\.(\w+) \{$", re.MULTILINE)
_MEMBER = re.compile(
    r"^ +// (\w+) - computed: (true|false), optional: (true|false), required: (true|false)$", re.MULTILINE
)
_NESTED = re.compile(r"= new (?!cdktn\.)(?:\w+\.)?(\w+)\(this, \"\w+\"(?:, (true|false))?\);")
_READ = re.compile(r"(tolist\()?\(?this\.get(\w+)Attribute\(")
_ELEMENT = re.compile(r"return new (?:\w+\.)?(\w+)\(this\.terraformResource")
_RESOURCE = re.compile(r'static tfResourceType = "(\w+)";')
_ARGUMENT = re.compile(
    r"^ +(\w+): \{\n\s+value: .*\n\s+isBlock: (?:true|false),\n\s+type: \"\w+\",\n\s+storageClassType: \"(\w+)\"",
    re.MULTILINE,
)
_VERSION = re.compile(r"providerVersion: '([\d.]+)'")

TYPES: dict[str, Any] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "StringList": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
}


@dataclass(frozen=True, slots=True)
class Class:
    kind: str
    body: str


class Source:
    """The classes of one binding: one for the resource, one or two for each nested block."""

    def __init__(self, text: str) -> None:
        heads = list(_CLASS.finditer(text))
        ends = [head.start() for head in heads[1:]] + [len(text)]
        self._classes = {
            head[1]: Class(head[2], text[head.end() : end]) for head, end in zip(heads, ends, strict=True)
        }

    def resource(self) -> tuple[str, Block] | None:
        """Its type and schema."""
        for name, one in self._classes.items():
            if found := _RESOURCE.search(one.body):
                return found[1], self._block(name)
        return None

    def provider(self) -> Block:
        """A provider's arguments, without types of nested blocks: they are all optional and none is checked here."""
        whole = "".join(one.body for one in self._classes.values() if one.kind == "TerraformProvider")
        kinds = {"string": "string", "boolean": "bool", "stringMap": ["map", "string"], "number": "number"}
        return {
            "attributes": {
                name: {"type": kinds.get(kind, "dynamic"), "optional": True}
                for name, kind in _ARGUMENT.findall(whole)
            }
        }

    def _block(self, name: str) -> Block:
        attributes: dict[str, Any] = {}
        blocks: dict[str, Any] = {}
        for argument, flags, text in self._members(name):
            if nested := _NESTED.search(text):
                self._add_nested(argument, flags, nested, attributes, blocks)
                continue
            read = _READ.search(text)
            kind = TYPES.get(read[2], "dynamic") if read else "dynamic"
            if read and read[1] and isinstance(kind, list):
                kind = ["set", kind[1]]
            attributes[argument] = {"type": kind, **flags}
            if "@deprecated Write-only" in text:
                attributes[argument]["write_only"] = True
        return {"attributes": attributes, "block_types": blocks}

    def _members(self, name: str) -> Iterator[tuple[str, dict[str, bool], str]]:
        body = self._classes[name].body
        marks = list(_MEMBER.finditer(body))
        ends = [mark.start() for mark in marks[1:]] + [len(body)]
        for mark, end in zip(marks, ends, strict=False):  # one end too many where nothing is inside
            said = zip(("computed", "optional", "required"), mark.groups()[1:], strict=True)
            yield mark[1], {flag: True for flag, value in said if value == "true"}, body[mark.end() : end]

    def _add_nested(
        self,
        argument: str,
        flags: dict[str, bool],
        nested: re.Match[str],
        attributes: dict[str, Any],
        blocks: dict[str, Any],
    ) -> None:
        own = self._classes[nested[1]]
        element = _ELEMENT.search(own.body)
        many = own.kind in ("ComplexList", "ComplexMap") and element is not None
        inner = self._block(element[1] if many and element else nested[1])
        mode = "set" if nested[2] == "true" else "list"
        if flags.get("computed"):
            attributes[argument] = {"type": [mode, object_type(inner)], **flags}
        elif argument == "timeouts":
            blocks[argument] = {"nesting_mode": "single", "block": inner}
        else:
            blocks[argument] = {"nesting_mode": mode, "block": inner}
            if not many:
                blocks[argument]["max_items"] = 1
            if flags.get("required"):
                blocks[argument]["min_items"] = 1


def object_type(block: Block) -> list[Any]:
    """The type of a block that is read as a value."""
    fields = {name: one["type"] for name, one in block["attributes"].items()}
    for name, one in block["block_types"].items():
        fields[name] = [one["nesting_mode"], object_type(one["block"])]
    return ["object", fields]


def _sources(bindings: Path, provider: str, folders: Iterable[str]) -> dict[str, str]:
    """The JavaScript of those folders of the provider's bindings, each in one piece."""
    found = dict.fromkeys(folders, "")
    wheel = zipfile.ZipFile(next(bindings.glob(f"cdktn_provider_{provider}-*.whl")))
    archive = next(name for name in wheel.namelist() if name.endswith(".tgz"))
    with wheel, wheel.open(archive) as stream, tarfile.open(fileobj=stream, mode="r|gz") as bundle:
        for member in bundle:
            parts = member.name.split("/")
            if parts[1:2] == ["lib"] and parts[2] in found and member.name.endswith(".js"):
                stored = bundle.extractfile(member)
                text = stored.read().decode() if stored else ""
                found[parts[2]] += text.partition("\n//# sourceMappingURL")[0] + "\n"
    return found


def provider_schema(bindings: Path, provider: str, types: Iterable[str]) -> dict[str, Any]:
    """`{address, version, provider, resources, data, ephemeral}` of those resource types (`data.…` for data sources,
    `ephemeral.…` for what is in no state).

    bindings: the folder of the wheels. Raises KeyError naming types that are not there.
    """
    wanted = set(types)
    folders = [*(_folder(provider, name) for name in wanted), "provider"]
    found: dict[str, Any] = {
        "address": f"registry.terraform.io/hashicorp/{provider}",
        "resources": {},
        "data": {},
        "ephemeral": {},
    }
    for folder, text in _sources(bindings, provider, folders).items():
        if folder == "provider":
            version = _VERSION.search(text)
            found |= {"version": version[1] if version else "0.0.0", "provider": Source(text).provider()}
        elif resource := Source(text).resource():
            kind = folder.partition("-")[0]
            found[kind if kind in ("data", "ephemeral") else "resources"][resource[0]] = resource[1]
    known = {f"{kind}.{name}" for kind in ("data", "ephemeral") for name in found[kind]}
    missing = wanted - found["resources"].keys() - known
    if missing:
        raise KeyError(f"{provider} has no {', '.join(sorted(missing))}")
    return found


def _folder(provider: str, name: str) -> str:
    kind, _, plain = name.rpartition(".")
    return (f"{kind}-{plain}" if kind else plain.removeprefix(f"{provider}_")).replace("_", "-")
