"""Releases that follow each other: images of the code with one change each."""

from __future__ import annotations

import tempfile
from pathlib import Path

from proof import podman
from tools.programs import ROOT

MODEL = "budget/models/transaction.py"
MIGRATIONS = "budget/migrations"
COLUMN = "rehearsed"

FIELD = f"""
Transaction.add_to_class("{COLUMN}", models.BooleanField(null=True, default=True))
"""
EXPAND = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("budget", "{before}")]
    operations = [
        migrations.AddField("transaction", "{column}", models.BooleanField(null=True, default=True))
    ]
"""
FORGET = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("budget", "{before}")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField("transaction", "{column}")]
        )
    ]
"""
CONTRACT = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("budget", "{before}")]
    operations = [migrations.RunSQL("ALTER TABLE budget_transaction DROP COLUMN {column}")]
"""
WHY = "this release does not start"
BROKEN = f"""
raise SystemExit("{WHY}")
"""


def files() -> dict[str, dict[str, str]]:
    """Give what each release changes in the code, by its version.

    1.0.0 is the code as it is. 1.1.0 adds a column and writes it, 1.2.0 no longer knows it, and
    1.3.0 drops it: three steps, so that no migration breaks the release before it. The
    release called broken ends before it listens.
    """
    last = max(path.stem for path in (ROOT / MIGRATIONS).glob("[0-9]*.py"))
    steps = {"9001_expand": EXPAND, "9002_forget": FORGET, "9003_contract": CONTRACT}
    names = [last, *steps]
    migrations = {
        f"{MIGRATIONS}/{name}.py": text.format(before=before, column=COLUMN)
        for before, (name, text) in zip(names, steps.items(), strict=False)
    }
    first, second, third = migrations.items()
    return {
        "1.1.0": {MODEL: (ROOT / MODEL).read_text() + FIELD, **dict([first])},
        "1.2.0": dict([first, second]),
        "1.3.0": dict([first, second, third]),
        "broken": {"financial_alerts/wsgi.py": BROKEN},
    }


def name(version: str) -> str:
    """Give the image of a release on this machine."""
    return f"localhost/financial-alerts-rehearsal:{version}"


def make() -> None:
    """Make an image of each release, of the one that was built."""
    podman.call("podman", "tag", podman.TAG, name("1.0.0"))
    for version, changes in files().items():
        container = podman.call("buildah", "from", "--pull-never", name("1.0.0"))
        try:
            with tempfile.TemporaryDirectory() as folder:
                for path, text in changes.items():
                    new = Path(folder, "app", path)
                    new.parent.mkdir(parents=True, exist_ok=True)
                    new.write_text(text)
                # The service reads them as somebody else.
                podman.call("chmod", "-R", "u=rwX,go=rX", f"{folder}/app")
                podman.call("buildah", "copy", "--quiet", container, f"{folder}/app", "/app")
            podman.call("buildah", "commit", "--quiet", "--format=docker", container, name(version))
        finally:
            podman.call("buildah", "rm", container)


def clean_up() -> None:
    """Remove the images of releases; the one that they are made of stays."""
    for version in ("1.0.0", *files()):
        podman.call("podman", "rmi", "--force", "--ignore", name(version))
