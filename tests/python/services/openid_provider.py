"""An OpenID provider for tests: Canaille on a free port of 127.0.0.1, with what it knows in memory.

The first line of its output is its address. Its people are ana (groups ds and model-risk) and ben (group ds), with the password
"correct horse battery"; its clients are kilter (people log in to it) and nightly (a service). With a file of keys as argument it
signs with the first of them and publishes all; a second argument is how many seconds its clock is ahead, a third one its port. With
`signed` as fourth argument tokens of services are JWTs (RFC 9068) that Authlib makes, the library under Canaille, which has random texts
for them by default.
"""

import datetime
import json
import logging
import socket
import sys
import time

logging.disable(logging.WARNING)
ahead = int(sys.argv[2]) if len(sys.argv) > 2 else 0
if ahead:
    real = time.time
    time.time = lambda: real() + ahead
    original = datetime.datetime

    class Shifted(original):
        @classmethod
        def now(cls, tz=None):
            return original.fromtimestamp(real() + ahead, tz)

        @classmethod
        def utcnow(cls):
            return original.utcfromtimestamp(real() + ahead)

    datetime.datetime = Shifted

from canaille import create_app  # noqa: E402
from canaille.app import models  # noqa: E402
from canaille.backends import Backend  # noqa: E402
from joserfc.jwk import RSAKey  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

with socket.socket() as free:
    free.bind(("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0))
    port = free.getsockname()[1]

keys = json.load(open(sys.argv[1])) if len(sys.argv) > 1 and sys.argv[1] != "-" else [
    RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)
]
app = create_app(
    config={
        "SECRET_KEY": "a secret of tests",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory", "TIMEZONE": "UTC", "JAVASCRIPT": False, "HTMX": False, "ENABLE_REGISTRATION": False},
        "CANAILLE_OIDC": {
            "ACTIVE_JWKS": keys[:1],
            "INACTIVE_JWKS": keys[1:],
            "USERINFO_MAPPING": {"PREFERRED_USERNAME": "{{ user.user_name }}"},
        },
    }
)
with app.app_context():
    backend = Backend.instance

    def person(name):
        found = models.User(
            formatted_name=name, family_name=name, user_name=name, emails=[f"{name}@example.com"], password="correct horse battery"
        )
        backend.save(found)
        return found

    ana, ben = person("ana"), person("ben")
    for name, members in (("ds", [ana, ben]), ("model-risk", [ana])):
        backend.save(models.Group(display_name=name, members=members))
    address = f"http://127.0.0.1:{port}"
    kilter = models.Client(
        client_id="kilter",
        client_name="kilter",
        client_secret="a secret that kilter has",
        client_uri="http://127.0.0.1/",
        redirect_uris=["http://127.0.0.1:18484/callback"],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "groups"],
        token_endpoint_auth_method="client_secret_basic",
        client_id_issued_at=datetime.datetime.now(datetime.timezone.utc),
    )
    backend.save(kilter)
    nightly = models.Client(
        client_id="nightly",
        client_name="nightly",
        client_secret="a secret that nightly has",
        client_uri="http://127.0.0.1/",
        grant_types=["client_credentials"],
        scope=["profile"],
        token_endpoint_auth_method="client_secret_basic",
        client_id_issued_at=datetime.datetime.now(datetime.timezone.utc),
    )
    nightly.audience = [kilter]
    kilter.audience = [kilter]
    backend.save(nightly)
    backend.save(kilter)

if sys.argv[4:] == ["signed"]:
    from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
    from canaille.oidc.provider import authorization

    class Signed(JWTBearerTokenGenerator):
        def get_jwks(self):
            return {"keys": keys[:1]}

        def get_audiences(self, client, user, scope):
            return [audience.client_id for audience in client.audience]

    authorization.register_token_generator("client_credentials", Signed(address))

server = make_server("127.0.0.1", port, app, threaded=True)
print(address, flush=True)
server.serve_forever()
