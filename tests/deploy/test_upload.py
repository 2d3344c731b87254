"""What would be uploaded is what the functions need, and no more."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.checks.tools import NO_METADATA_SERVER
from infra.checks.upload import uploaded_files
from infra.local.bootstrap import ROOT


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gcloud"), reason="needs gcloud")
def test_gcloud_would_upload_the_functions_and_their_requirements_alone():
    listed = subprocess.run(
        ["gcloud", "meta", "list-files-for-upload", "."],
        cwd=ROOT,
        env={**os.environ, **NO_METADATA_SERVER},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(listed.stdout.split()) == uploaded_files()


def test_the_upload_holds_sources_and_the_data_beside_them_and_nothing_else():
    kinds = {Path(name).suffix for name in uploaded_files()}
    assert kinds == {".py", ".tsv", ".txt", ".html", ".css", ".js", ".svg", ".json", ".b64"}
    assert "functions/warmpost/rules/tracking/crawlers.txt" in uploaded_files()
