"""Two workers that keep connections open, as the service does.

Without a file, gunicorn would take the service's own.
"""

from __future__ import annotations

workers = 2
worker_class = "gthread"
# More would share one interpreter.
threads = 1
keepalive = 75
control_socket_disable = True
