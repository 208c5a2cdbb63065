#!/usr/bin/env bash
# pytest-xdist 3.8.0 no longer keeps an xdist_group together with pytest 9.2.0, and says nothing.
#
# Tests with one @pytest.mark.xdist_group are promised to run in one worker under --dist loadgroup. With
# pytest 8.4.2 they do. With pytest 9.2.0, the newest of both today, the six tests of one group below are shared
# out between two workers; the mark is accepted under --strict-markers, and no warning is printed. xdist writes
# the group behind the private name of a test (item._nodeid), which the newer pytest does not read back. Tests that
# were grouped because they share a server or a table then meet each other, now and then.
# What we do about it: conftest.py has a small scheduler of its own that keeps whole files together.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >test_group.py <<'PY'
import os
import time

import pytest


@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(6))
def test_one(number):
    time.sleep(0.5)
    with open("workers", "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")
PY

for version in 8.4.2 9.2.0; do
    python3 -m venv "venv-$version"
    "venv-$version/bin/pip" install --quiet --disable-pip-version-check "pytest==$version" pytest-xdist==3.8.0
    rm -f workers
    "venv-$version/bin/pytest" -q -n 2 --dist loadgroup --strict-markers test_group.py >said 2>&1
    grep -q '6 passed' said
    if grep -qi warning said; then told=warns; else told='says nothing'; fi
    printf 'pytest %s: one group ran in %d worker(s), and it %s\n' "$version" "$(sort -u workers | wc -l)" "$told"
done | tee seen

diff seen - <<'SEEN'
pytest 8.4.2: one group ran in 1 worker(s), and it says nothing
pytest 9.2.0: one group ran in 2 worker(s), and it says nothing
SEEN
echo 'pytest-xdist 3.8.0 behaves as described.'
