"""A receiver of alerts: python receiver.py PORT SECRET, after pip install standardwebhooks."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

port, webhook = int(sys.argv[1]), Webhook(sys.argv[2])
seen = set()  # In earnest a table with a unique key, written in the transaction of what you do.


def told(message):
    event = message["data"]
    print(message["type"], event["alert"]["message"] if "alert" in event else "", flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            message = webhook.verify(body.decode(), dict(self.headers))
        except WebhookVerificationError:
            return self.answer(400)
        if self.headers["webhook-id"] not in seen:  # else it has come before
            told(message)
            seen.add(self.headers["webhook-id"])
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()
