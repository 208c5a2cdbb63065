"""The image's HEALTHCHECK: leaves with 0 where the service on this machine answers /livez."""

from __future__ import annotations

import http.client
import os
import sys

# Not urllib, which would ask a proxy named in the environment instead.
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=3)
connection.request("GET", "/livez")
sys.exit(connection.getresponse().status != http.HTTPStatus.OK)
