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
from infra.local.bootstrap import ROOT

ENVIRONMENT = ROOT / ".warmpost" / "terraform-checks"
BINDINGS = ENVIRONMENT / "bindings"
REQUIREMENTS = ROOT / "infra" / "checks" / "requirements.txt"
PROVIDERS = ("google", "archive", "random")
COPIED = ("serverless.yml", "requirements.txt", "functions", "infra/terraform")

_USED = re.compile(r'^(resource|data) "(\w+)"', re.MULTILINE)


def environment() -> Path:
    """The Python that runs the providers, made once. Raises CalledProcessError where pip cannot install."""
    python = ENVIRONMENT / "bin" / "python"
    stamp = ENVIRONMENT / "installed"
    wanted = REQUIREMENTS.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        bindings = [line for line in wanted.splitlines() if line.startswith("cdktn-")]
        others = [line for line in wanted.splitlines() if line and line[0] != "#" and line not in bindings]
        subprocess.run(
            [*pip[:3], "download", *pip[4:], "--no-deps", "--dest", str(BINDINGS), *bindings], check=True
        )
        subprocess.run([*pip, *others], check=True)
        stamp.write_text(wanted)
    return python


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
        self._mirror = folder / "providers"
        self._install_providers()

    def initialise(self) -> subprocess.CompletedProcess[str]:
        return self.terraform("init", "-backend=false", "-input=false", f"-plugin-dir={self._mirror}")

    def terraform(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """variables: of the configuration, through the environment."""
        named = {f"TF_VAR_{name}": value for name, value in variables.items()}
        quiet = {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        return subprocess.run(
            ["terraform", *arguments, *(["-no-color"] if arguments[0] != "fmt" else [])],
            cwd=self.terraform_folder,
            env={**os.environ, **quiet, **named},
            capture_output=True,
            text=True,
            timeout=600,
        )

    def _install_providers(self) -> None:
        python = environment()
        used = self._used()
        for name in PROVIDERS:
            own = [kind for kind in used if kind.removeprefix("data.").startswith(f"{name}_")]
            self._install(schemas.provider_schema(BINDINGS, name, own), name, python)

    def _used(self) -> set[str]:
        text = "\n".join(file.read_text("utf-8") for file in self.terraform_folder.glob("*.tf"))
        return {("data." if kind == "data" else "") + name for kind, name in _USED.findall(text)}

    def _install(self, schema: schemas.Block, name: str, python: Path) -> None:
        """In the layout of a filesystem mirror: an executable named after provider and version."""
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        target = self._mirror / schema["address"] / schema["version"] / f"{sys.platform}_{machine}"
        target.mkdir(parents=True)
        (target / "schema.json").write_text(json.dumps(schema))
        program = target / f"terraform-provider-{name}_v{schema['version']}"
        source = Path(__file__).with_name("provider.py").read_text("utf-8")
        program.write_text(f"#!{python}\n{source}")
        program.chmod(0o755)
