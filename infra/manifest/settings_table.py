"""The table of settings in infra/README.md, from the manifest: `python -m infra.manifest.settings_table`."""

from __future__ import annotations

from infra.local.manifest import Setting, manifest

SET_BY = {
    "terraform": "Terraform",
    "secret": "Secret Manager",
    "deployer": "you, in Terraform's `settings`",
    "local": "the local stack",
}


def settings_table() -> str:
    rows = ["| setting | default | set by | what it means |", "| --- | --- | --- | --- |"]
    rows += [
        f"| `{one.name}` | {_default(one)} | {SET_BY[one.set]} | {one.means.strip()} |"
        for one in manifest().settings
    ]
    return "\n".join(rows) + "\n"


def _default(setting: Setting) -> str:
    if setting.default is None:
        return "needed"
    return f"`{setting.default}`" if setting.default else ""


if __name__ == "__main__":
    print(settings_table(), end="")
