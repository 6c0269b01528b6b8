"""A mail server for tests: aiosmtpd on a free port of 127.0.0.1, which prints each mail that it takes as one line of JSON.

The first line of its output is its port. With a certificate, its key and a password as arguments it takes mail behind STARTTLS and the
login `kilter` alone. It ends with its input.
"""

import email
import json
import socket
import ssl
import sys
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Sink:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=default)
        defects = [repr(defect) for part in mail.walk() for defect in part.defects]
        defects += [repr(defect) for header in mail.values() for defect in header.defects]
        login = session.auth_data
        print(
            json.dumps(
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "subject": mail["subject"],
                    "date": mail["date"],
                    "id": mail["message-id"],
                    "text": mail.get_content(),
                    "is_encrypted": session.ssl is not None,
                    "user": login.login.decode() if login else None,
                    "defects": defects,
                }
            ),
            flush=True,
        )
        return "250 taken"


def authenticator(password):
    def check(server, session, envelope, mechanism, data):
        is_right = mechanism in ("PLAIN", "LOGIN") and data.login == b"kilter" and data.password == password.encode()
        return AuthResult(success=is_right, handled=False, auth_data=data)

    return check


options = {}
if len(sys.argv) > 3:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    options = {
        "tls_context": context,
        "require_starttls": True,
        "auth_required": True,
        "authenticator": authenticator(sys.argv[3]),
    }
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
controller = Controller(Sink(), hostname="127.0.0.1", port=port, **options)
controller.start()
print(port, flush=True)
sys.stdin.read()
