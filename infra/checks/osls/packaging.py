"""The Serverless Framework over the manifest, in a copy: it checks the form and packs; deploying is Terraform's."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from infra.checks.tools import CHECKS, NO_METADATA_SERVER, node_modules_of
from infra.local.bootstrap import ROOT

COPIED = ("serverless.yml", "requirements.txt", "functions", "infra/checks/osls/manifest-plugin.js")


class ManifestCopy:
    """folder: what is in it may be changed. Needs `npm` on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target)
            else:
                shutil.copy(ROOT / name, target)
        (folder / "node_modules").symlink_to(node_modules_of("osls", CHECKS / "osls"))

    def osls(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        quiet = {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off"}
        return subprocess.run(
            [self.folder / "node_modules" / ".bin" / "osls", *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                **quiet,
                **NO_METADATA_SERVER,
            },  # the plugin logs in at Google before anything else
            capture_output=True,
            text=True,
            timeout=300,
        )
