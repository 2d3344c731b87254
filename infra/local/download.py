"""Files that are fetched once, kept in the user's cache, and refused where they are not what they should be."""

from __future__ import annotations

import hashlib
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

PATIENCE = 30.0  # seconds without a byte
PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class Source:
    """url: http(s), its last part is the file's name. size: in bytes. sha256: in hexadecimal."""

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


def fetch(source: Source, into: Path) -> Path:
    """The file in the folder `into`, where it stands under its name only when it is whole. Raises OSError."""
    into.mkdir(parents=True, exist_ok=True)
    request = urllib.request.Request(source.url)
    with tempfile.NamedTemporaryFile(dir=into, prefix=source.name, suffix=".part") as draft:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer, _progress() as progress:
            digest = _copy(answer, draft, source, progress, progress.add_task(source.name, total=source.size))
        if digest != source.sha256:
            raise OSError(f"{source.url} is not the file that was expected: its SHA-256 is {digest}")
        draft.flush()
        whole = into / source.name
        whole.unlink(missing_ok=True)
        whole.hardlink_to(draft.name)
    return whole


def _copy(answer: IO[bytes], draft: IO[bytes], source: Source, progress: Progress, task: TaskID) -> str:
    """Nothing beyond the size is read: what is longer is another file."""
    digest, left = hashlib.sha256(), source.size + 1
    while left and (piece := answer.read(min(PIECE, left))):
        draft.write(piece)
        digest.update(piece)
        left -= len(piece)
        progress.advance(task, len(piece))
    return digest.hexdigest()


def _progress() -> Progress:
    columns = (
        TextColumn("dev.py: {task.description} (once)"),
        BarColumn(30),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))
