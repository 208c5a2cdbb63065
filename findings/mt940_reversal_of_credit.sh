#!/usr/bin/env bash
# mt-940 5.1.1 gives a reversed credit (mark RC) a positive amount.
#
# In field :61: of an MT940 statement, C is a credit and D a debit; RC is the reversal of a credit, which takes
# money out of the account, and RD the reversal of a debit, which brings it back. The library makes the amount
# of D negative, so one would expect that of RC to be negative as well. It is positive: money that was
# taken back counts as income. The closing balance of the statement below shows the right sum.
# What we do about it: a reader of MT940 has to look at the status, not at the sign alone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check mt-940==5.1.1

cat >"$work/try.py" <<'PY'
import mt940

# 1000.00, plus 50.00 in, minus the same 50.00 taken back, makes 1000.00.
STATEMENT = """:20:REF1
:25:12345678/0000000001
:28C:1/1
:60F:C260901EUR1000,00
:61:2609020902C50,00NMSCNONREF
:86:Salary advance
:61:2609030903RC50,00NMSCNONREF
:86:Salary advance taken back
:61:2609040904D20,00NMSCNONREF
:86:Card
:61:2609050905RD20,00NMSCNONREF
:86:Card refund
:62F:C260905EUR1000,00
-"""
statement = mt940.parse(STATEMENT)
for row in statement:
    print(row.data["status"], row.data["amount"].amount)
moved = sum(row.data["amount"].amount for row in statement)
print("sum of the rows", moved)
print("closing less opening", statement.data["final_closing_balance"].amount.amount
      - statement.data["final_opening_balance"].amount.amount)
PY
"$work/venv/bin/python" "$work/try.py" | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
C 50.00
RC 50.00
D -20.00
RD 20.00
sum of the rows 100.00
closing less opening 0.00
SEEN
echo 'mt-940 5.1.1 behaves as described.'
