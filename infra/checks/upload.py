"""What is uploaded: the sources of the functions and what they require."""

from __future__ import annotations

from pathlib import Path

from infra.local.bootstrap import ROOT


def uploaded_files() -> set[str]:
    """Relative to the root of the repository, where the zip has its own."""
    found = (path for path in (ROOT / "functions").rglob("*") if path.is_file() and path.suffix != ".md")
    sources = (path for path in found if "__pycache__" not in path.parts)
    return {"requirements.txt", *(path.relative_to(ROOT).as_posix() for path in sources)}


def unpack_upload(folder: Path) -> Path:
    """The folder, with what the platform builds from."""
    for name in uploaded_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    return folder
