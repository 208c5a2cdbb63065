#!/usr/bin/env bash
# standardwebhooks 1.1.0 signs the wrong instant for an aware datetime that is not in UTC.
#
# `Webhook.sign(msg_id, timestamp, data)` takes a datetime. One would expect two datetimes of the same
# instant to give the same signature. The library replaces the zone instead of converting it, so 14:00+02:00
# is signed as 14:00 UTC. The receiver, which reads the header webhook-timestamp, rejects the message.
# What we do about it: pass datetime.now(UTC) only.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check standardwebhooks==1.1.0

cat >"$work/try.py" <<'PY'
from datetime import UTC, datetime, timedelta, timezone

from standardwebhooks import Webhook, WebhookVerificationError

hook = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLdSw")
now = datetime.now(UTC)
for zone in (UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-5))):
    moment = now.astimezone(zone)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": hook.sign("msg_1", moment, '{"level": 80}'),
    }
    try:
        hook.verify('{"level": 80}', headers)
        print(zone, "verified")
    except WebhookVerificationError as error:
        print(zone, error)
PY
"$work/venv/bin/python" "$work/try.py" 2>/dev/null | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
UTC verified
UTC+02:00 No matching signature found
UTC-05:00 No matching signature found
SEEN
echo 'standardwebhooks 1.1.0 behaves as described.'
