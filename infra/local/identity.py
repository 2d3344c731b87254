"""What has to stay the same when a stack goes on from its data directory: names, keys and ports."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.ports import free_ports

PARTS = (
    *("functions", "firestore", "tasks", "tasks_http", "smtp", "inbox", "dns", "firestore_proxy"),
    *("submission", "submission_tls", "tencent"),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """project: fresh for each data directory, so that a shared Firestore emulator keeps stacks apart.

    master_key: base64 of 32 bytes, under which private DKIM keys are encrypted. event_secret: with which every source of
    events signs its requests. ports: by name of the part; queued
    tasks hold addresses that contain them. secret_id, secret_key: of a key that signs requests of the Tencent protocol.
    """

    project: str
    api_key: str
    master_key: str
    event_secret: str
    ports: dict[str, int]
    secret_id: str = ""
    secret_key: str = ""

    @classmethod
    def kept_in(cls, file: Path) -> Identity:
        """The identity in `file`, made anew where there is none yet."""
        if file.exists():
            kept = cls(**json.loads(file.read_text()))
            missing = [part for part in PARTS if part not in kept.ports]
            kept.ports.update(zip(missing, free_ports(len(missing)), strict=True) if missing else ())
            return kept
        return cls(
            project=f"warmpost-{secrets.token_hex(4)}",
            api_key=f"wp_{secrets.token_urlsafe(24)}",
            master_key=base64.b64encode(secrets.token_bytes(32)).decode(),
            event_secret=secrets.token_urlsafe(24),
            ports=dict(zip(PARTS, free_ports(len(PARTS)), strict=True)),
        )

    def keep_in(self, file: Path) -> None:
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(self), indent=1))

    def address(self, part: str) -> str:
        return f"127.0.0.1:{self.ports[part]}"

    def signing(self) -> dict[str, str]:
        """What clients of the Tencent protocol are set up with."""
        endpoint = self.address("tencent")
        return {"endpoint": endpoint, "secret_id": self.secret_id, "secret_key": self.secret_key}

    def url(self, part: str) -> str:
        return f"http://{self.address(part)}"
