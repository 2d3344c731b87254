"""What would be uploaded is what the functions need, and no more."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from infra.local.bootstrap import ROOT


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gcloud"), reason="needs gcloud")
def test_gcloud_would_upload_the_functions_and_their_requirements_alone():
    listed = subprocess.run(
        ["gcloud", "meta", "list-files-for-upload", "."], cwd=ROOT, capture_output=True, text=True, check=True
    )
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "functions").rglob("*.py")}
    assert set(listed.stdout.split()) == {"requirements.txt", *sources}
