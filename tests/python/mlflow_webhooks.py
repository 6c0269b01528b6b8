"""Webhooks of the registry as the real client makes them, received and verified: `mlflow_webhooks.py URL`.

Ends with "as MLflow has it" when each event came, once, signed, in the order in which it happened, and what is wrong was refused in the words
of MLflow's server.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import mlflow
from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow.webhooks.delivery import _generate_hmac_signature

SECRET = "top secret: nobody guesses it"
EVENTS = [
    "registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted",
    "model_version_alias.created", "model_version_alias.deleted",
]
mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()


class Receiver(BaseHTTPRequestHandler):
    """Takes what is signed; answers `statuses` first."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.server.received.append((dict(self.headers), body, status))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"thank you")

    def log_message(self, *_):
        pass


def receiver(*statuses):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.statuses, server.received = list(statuses), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    return server


def taken(server, count):
    """What it took, once there are so many."""
    end = time.monotonic() + 40
    while time.monotonic() < end:
        found = [(headers, json.loads(body)) for headers, body, status in server.received if status == 200]
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{len(found)} of {count}: {server.received}")


def verify(headers, body):
    """As a receiver of MLflow's own webhooks does."""
    delivery, at = headers["x-mlflow-delivery-id"], headers["x-mlflow-timestamp"]
    assert abs(time.time() - int(at)) < 60, at
    assert headers["x-mlflow-signature"] == _generate_hmac_signature(SECRET, delivery, at, body), headers


def refused(code, text, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except MlflowException as error:
        assert error.error_code == code and text in str(error), (error.error_code, str(error))
        return
    raise AssertionError(f"{args} {kwargs} was not refused")


def life():
    server = receiver()
    made = client.create_webhook("my-hook", server.url, EVENTS, description="for the test", secret=SECRET)
    assert (made.name, made.url, made.description, made.status) == ("my-hook", server.url, "for the test", WebhookStatus.ACTIVE), made
    assert [str(event) for event in made.events] == EVENTS and made.secret is None, made
    found = client.get_webhook(made.webhook_id)
    assert (found.webhook_id, found.creation_timestamp) == (made.webhook_id, made.last_updated_timestamp)
    second = client.create_webhook("other", server.url, ["registered_model.created"], status="DISABLED")
    assert [hook.name for hook in client.list_webhooks()] == ["other", "my-hook"]
    page = client.list_webhooks(max_results=1)
    assert len(page) == 1 and [hook.name for hook in client.list_webhooks(max_results=1, page_token=page.token)] == ["my-hook"]
    changed = client.update_webhook(second.webhook_id, name="renamed", description="", events=["model_version.created"], status="ACTIVE")
    assert (changed.name, changed.description, changed.status, str(changed.events[0])) == (
        "renamed", None, WebhookStatus.ACTIVE, "model_version.created")
    for event in EVENTS:
        result = client.test_webhook(made.webhook_id, event)
        assert (result.success, result.response_status, result.response_body) == (True, 200, "thank you"), result
    for headers, body, _ in server.received:
        verify(headers, body)
    assert [f"{(told := json.loads(body))['entity']}.{told['action']}" for _, body, _ in server.received] == EVENTS
    server.statuses = [404]
    result = client.test_webhook(made.webhook_id)
    assert (result.success, result.response_status) == (False, 404), result
    client.update_webhook(second.webhook_id, url="http://127.0.0.1:9/nobody")
    result = client.test_webhook(second.webhook_id)
    assert not result.success and result.error_message, result
    for id in (made.webhook_id, second.webhook_id):
        client.delete_webhook(id)
    refused("RESOURCE_DOES_NOT_EXIST", f"Webhook with ID {made.webhook_id} not found.", client.get_webhook, made.webhook_id)
    assert list(client.list_webhooks()) == []


def wrong():
    make = client.create_webhook
    for name in ("-a", "a b", "x" * 64):
        refused("INVALID_PARAMETER_VALUE", "It must start and end with a letter or digit", make, name, "https://127.0.0.1/", EVENTS)
    for url, text in (
        ("ftp://127.0.0.1/", "Invalid webhook URL scheme: 'ftp'"),
        ("http://8.8.8.8/", "Invalid webhook URL scheme: 'http'. Allowed schemes are: https."),
        ("https://10.0.0.1/", "of a private network"),
        ("https://169.254.169.254/latest", "of this link alone"),
        ("https://[fd00:ec2::254]/", "of this link alone"),
        ("https://user:word@127.0.0.1/", "no user and no password"),
        ("https://127.0.0.1/" + "x" * 500, "exceeds the maximum length of 500"),
        ("nowhere", "Invalid webhook URL"),
    ):
        refused("INVALID_PARAMETER_VALUE", text, make, "a", url, EVENTS)
    refused("INVALID_PARAMETER_VALUE", "Missing value for required parameter 'events'", make, "a", "https://127.0.0.1/", [])
    refused("INVALID_PARAMETER_VALUE", "this server sends events of registered models", make, "a", "https://127.0.0.1/", ["prompt.created"])
    for call in (client.delete_webhook, client.test_webhook):
        refused("RESOURCE_DOES_NOT_EXIST", "Webhook with ID none not found.", call, "none")


def events():
    # The first request meets a server that is busy, the second one that is at fault: both are tried again.
    good, dead = receiver(503, 429), receiver()
    dead.shutdown()
    dead.server_close()
    client.create_webhook("dead", dead.url, EVENTS, secret=SECRET)
    hook = client.create_webhook("good", good.url, EVENTS, secret=SECRET)
    few = receiver()
    client.create_webhook("few", few.url, ["model_version_alias.created"])
    client.create_registered_model("hooked", tags={"team": "risk"}, description="a model")
    version = client.create_model_version("hooked", "s3://bucket/model", tags={"a": "1"}, description="first").version
    client.set_model_version_tag("hooked", version, "checked", "yes")
    client.delete_model_version_tag("hooked", version, "checked")
    client.set_registered_model_alias("hooked", "best", version)
    client.delete_registered_model_alias("hooked", "best")
    found = taken(good, 6)
    time.sleep(1)
    found = taken(good, 6)
    assert len(found) == 6 and len({headers["x-mlflow-delivery-id"] for headers, _ in found}) == 6, good.received
    for headers, body, _ in good.received:
        verify(headers, body)
    by_kind = {f"{body['entity']}.{body['action']}": body["data"] for _, body in found}
    assert by_kind == {
        "registered_model.created": {"name": "hooked", "tags": {"team": "risk"}, "description": "a model"},
        "model_version.created": {
            "name": "hooked", "version": "1", "source": "s3://bucket/model", "run_id": None, "tags": {"a": "1"}, "description": "first"},
        "model_version_tag.set": {"name": "hooked", "version": "1", "key": "checked", "value": "yes"},
        "model_version_tag.deleted": {"name": "hooked", "version": "1", "key": "checked"},
        "model_version_alias.created": {"name": "hooked", "alias": "best", "version": "1"},
        "model_version_alias.deleted": {"name": "hooked", "alias": "best"},
    }, by_kind
    # The same event keeps its id however often it is tried.
    tried = [headers["x-mlflow-delivery-id"] for headers, _, _ in good.received]
    assert len(tried) == 8 and len(set(tried)) == 6, tried
    few_found = taken(few, 1)
    assert [body["entity"] for _, body in few_found] == ["model_version_alias"] and "x-mlflow-signature" not in few_found[0][0]
    # Whoever is disabled or deleted is told nothing.
    client.update_webhook(hook.webhook_id, status="DISABLED")
    client.set_model_version_tag("hooked", version, "later", "yes")
    time.sleep(1)
    assert len(good.received) == 8


life()
wrong()
events()
print("as MLflow has it")
