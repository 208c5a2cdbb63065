"""The image's HEALTHCHECK: leaves with 0 where the service on this machine answers /livez.

With a file, as of `manage.py deliver --heartbeat FILE`: where that was touched a short time ago.
"""

from __future__ import annotations

import http.client
import os
import sys
import time

# Longer than a statement, and a connection that is given up, may take.
FRESH = 90

if len(sys.argv) > 1:
    sys.exit(time.time() - os.stat(sys.argv[1]).st_mtime > FRESH)
# Not urllib, which would ask a proxy named in the environment instead.
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=3)
connection.request("GET", "/livez")
sys.exit(connection.getresponse().status != http.HTTPStatus.OK)
