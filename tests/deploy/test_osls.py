"""The manifest is valid for the Serverless Framework, which packs it and deploys nothing."""

from __future__ import annotations

import re
import shutil
import zipfile

import pytest

from infra.checks.osls.packaging import ManifestCopy
from infra.checks.upload import uploaded_files

pytestmark = pytest.mark.skipif(not shutil.which("npm"), reason="needs Node.js and npm")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return ManifestCopy(tmp_path_factory.mktemp("osls"))


def test_packages_without_a_warning_just_what_is_uploaded(copy):
    ended = copy.osls("package")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not re.search("warn|deprecat", ended.stdout + ended.stderr, re.IGNORECASE)
    with zipfile.ZipFile(copy.folder / ".serverless" / "warmpost.zip") as packed:
        assert set(packed.namelist()) == uploaded_files()


def test_deploys_nothing_and_says_what_does(copy):
    ended = copy.osls("deploy")
    assert ended.returncode == 1
    said = ended.stdout + ended.stderr
    assert "Deployment Manager" in said and "terraform apply" in said and "infra/README.md" in said


def test_every_entry_that_cannot_be_right_is_named(copy):
    manifest = copy.folder / "serverless.yml"
    right = manifest.read_text("utf-8")
    wrong = {
        "runtime: python312": "runtime: python27",
        "handler: send": "handlr: send",
        "callers: invoker": "callers: nobody",
        "dispatchesPerSecond: 500": "dispatchesPerSecond: 5000",
        "set: deployer": "set: somebody",
    }
    text = right
    for line, instead in wrong.items():
        text = text.replace(line, instead, 1)
    manifest.write_text(text, "utf-8")
    try:
        ended = copy.osls("package")
    finally:
        manifest.write_text(right, "utf-8")
    assert ended.returncode == 1
    said = ended.stdout + ended.stderr
    assert [
        name for name in ("runtime", "handlr", "callers", "dispatchesPerSecond", "set") if name not in said
    ] == []
