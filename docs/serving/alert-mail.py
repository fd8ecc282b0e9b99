#!/usr/bin/env python3
"""Sends the alerts of `convofold serve` by mail.

    ALERT_SECRET=whsec_... MAIL_FROM=desk@example.com MAIL_TO=lead@example.com alert-mail.py 127.0.0.1:8025

and in the settings of convofold:

    [[alert]]
    name = "slow"
    when = "waiting"
    after = "10m"
    url = "http://127.0.0.1:8025/"
    secret = "whsec_..."

A message is acknowledged once sendmail has accepted it; otherwise convofold sends it again. The same message is mailed
once, except after a restart of this program. The environment variable SENDMAIL names another command.
"""

import base64
import collections
import hashlib
import hmac
import http.server
import json
import os
import subprocess
import sys
import time
from email.message import EmailMessage

SECRET = base64.b64decode(os.environ["ALERT_SECRET"].removeprefix("whsec_"))
SENDMAIL = os.environ.get("SENDMAIL", "/usr/sbin/sendmail")
MAX_AGE_S = 300
MAX_BYTES = 1 << 20
MAX_IDS = 10_000


def is_genuine(headers, body):
    """Standard Webhooks: one of the signatures is the HMAC of id, timestamp and body, and the timestamp is recent."""
    message_id, timestamp = headers["webhook-id"] or "", headers["webhook-timestamp"] or ""
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    given = (headers["webhook-signature"] or "").split()
    is_recent = timestamp.isdigit() and abs(time.time() - int(timestamp)) <= MAX_AGE_S
    return is_recent and any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


def mail(event):
    message = EmailMessage()
    message["From"] = os.environ["MAIL_FROM"]
    message["To"] = os.environ["MAIL_TO"]
    state = "over" if event["type"] == "alert.over" else "alert"
    message["Subject"] = f"[convofold] {state}: {event['data']['alert']}"
    message.set_content(event["text"])
    subprocess.run([SENDMAIL, "-t", "-oi"], input=message.as_bytes(), check=True, timeout=8)


class Alerts(http.server.BaseHTTPRequestHandler):
    timeout = 10
    sent = collections.OrderedDict()

    def do_POST(self):
        length = int(self.headers["Content-Length"] or 0)
        if length > MAX_BYTES:
            return self.answer(413)
        body = self.rfile.read(length)
        if not is_genuine(self.headers, body):
            return self.answer(401)
        message_id = self.headers["webhook-id"]
        if message_id not in self.sent:
            try:
                mail(json.loads(body))
            except (OSError, subprocess.SubprocessError) as error:
                self.log_error("the mail is not accepted: %s", error)
                return self.answer(503)
            self.sent[message_id] = None
            while len(self.sent) > MAX_IDS:
                self.sent.popitem(last=False)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()


host, _, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8025").rpartition(":")
server = http.server.HTTPServer((host, int(port)), Alerts)
print(f"listening on {host}:{server.server_port}", flush=True)
server.serve_forever()
