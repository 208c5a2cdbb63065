"""The newest PostgreSQL takes what a database on RDS is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from proof.aws.stacks import Stacks
from tools.packages import ROOT, TOOLS

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(
        not (TOOLS / "newest_postgres" / "installed.json").exists(),
        reason="the newest PostgreSQL is not installed: make test-newest",
    ),
]
SETS = """
import json, os, psycopg2
server = psycopg2.connect(os.environ["DATABASE_URL"])
server.autocommit = True
for name, value in json.loads(os.environ["PARAMETERS"]).items():
    with server.cursor() as cursor:
        cursor.execute(f"ALTER SYSTEM SET {name} = %s", [value])
    print(name)
"""


def test_it_takes_the_parameters_that_a_database_on_rds_gets() -> None:
    template = Stacks().templates["data"]["Resources"]["DatabaseParameters"]["Properties"]
    ours = {
        name: value for name, value in template["Parameters"].items() if not name.startswith("rds.")
    }
    done = subprocess.run(
        [sys.executable, "-m", "tools.newest_postgres", sys.executable, "-c", SETS],
        cwd=ROOT,
        env=os.environ | {"PARAMETERS": json.dumps(ours)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list(ours)
