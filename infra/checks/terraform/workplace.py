"""A copy of the deployment where Terraform runs without network or cloud: providers with a schema and nothing else."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from infra.checks.terraform import schemas
from infra.checks.tools import CHECKS, PIP, installed_once
from infra.local.bootstrap import ROOT

REQUIREMENTS = CHECKS / "requirements.txt"
PROVIDERS = ("google", "archive", "random", "time")
COPIED = ("serverless.yml", "requirements.txt", "functions", "infra/terraform")

_USED = re.compile(r'^(resource|data|ephemeral) "(\w+)"', re.MULTILINE)


def environment() -> Path:
    """Where the Python is that runs the providers, and the bindings beside it. Raises CalledProcessError where pip
    cannot install."""
    wanted = REQUIREMENTS.read_text("utf-8")
    lines = [line for line in wanted.splitlines() if line and line[0] != "#"]
    bindings = [line for line in lines if line.startswith("cdktn-")]

    def install(folder: Path) -> None:
        venv.create(folder, with_pip=True)
        pip: list[str | Path] = [folder / "bin" / "python", *PIP]
        subprocess.run([*pip, "download", "--no-deps", "--dest", folder / "bindings", *bindings], check=True)
        subprocess.run([*pip, "install", *(line for line in lines if line not in bindings)], check=True)

    return installed_once("terraform", wanted, install)


class Workplace:
    """`terraform(…)` runs there. Needs `terraform` on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source, target = ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                ignored = shutil.ignore_patterns(
                    "__pycache__", ".terraform*", "build", "*.tfstate*", "*.tfvars"
                )
                shutil.copytree(source, target, ignore=ignored)
            else:
                shutil.copy(source, target)
        self.terraform_folder = folder / "infra" / "terraform"
        self.mirror = folder / "providers"
        self._install_providers()

    def initialise(self) -> subprocess.CompletedProcess[str]:
        return self.terraform("init", "-backend=false", "-input=false", f"-plugin-dir={self.mirror}")

    def terraform(
        self, *arguments: str, said: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """said: to its standard input. variables: of the configuration, through the environment."""
        named = {f"TF_VAR_{name}": value for name, value in variables.items()}
        quiet = {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        return subprocess.run(
            ["terraform", *arguments, *(["-no-color"] if arguments[0] not in ("fmt", "console") else [])],
            cwd=self.terraform_folder,
            input=said,
            env={**os.environ, **quiet, **named},
            capture_output=True,
            text=True,
            timeout=600,
        )

    def _install_providers(self) -> None:
        tools = environment()
        used = self._used()
        for name in PROVIDERS:
            own = [kind for kind in used if kind.rpartition(".")[2].startswith(f"{name}_")]
            self._install(
                schemas.provider_schema(tools / "bindings", name, own), name, tools / "bin" / "python"
            )

    def _used(self) -> set[str]:
        text = "\n".join(file.read_text("utf-8") for file in self.terraform_folder.glob("*.tf"))
        return {name if kind == "resource" else f"{kind}.{name}" for kind, name in _USED.findall(text)}

    def _install(self, schema: schemas.Block, name: str, python: Path) -> None:
        """In the layout of a filesystem mirror: an executable named after provider and version."""
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        target = self.mirror / schema["address"] / schema["version"] / f"{sys.platform}_{machine}"
        target.mkdir(parents=True)
        (target / "schema.json").write_text(json.dumps(schema))
        program = target / f"terraform-provider-{name}_v{schema['version']}"
        source = Path(__file__).with_name("provider.py").read_text("utf-8")
        program.write_text(f"#!{python}\n{source}")
        program.chmod(0o755)
