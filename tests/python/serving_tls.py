"""Real clients against a server that encrypts, with the endpoint `churn`.

    serving_tls.py clients HTTP_ADDRESS GRPC_ADDRESS CA [CERTIFICATE KEY]
    serving_tls.py rotate HTTP_ADDRESS GRPC_ADDRESS CA SECONDS

`clients`: `requests` and the clients of Triton for HTTP and gRPC get a prediction, by a certificate of their own where one is
named; whoever does not believe the authority, or does not encrypt, gets none. `rotate`: requests on connections that are kept, on
new ones and over gRPC, without a pause; prints each serial number of a certificate when it is met first. Prints `as the clients
expect` at the end, or fails.
"""

import socket
import ssl
import sys
import threading
import time

import numpy as np
import requests
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from cryptography import x509

BODY = {"inputs": [
    {"name": "age", "shape": [1], "datatype": "FP64", "data": [25.0]},
    {"name": "visits", "shape": [1], "datatype": "FP64", "data": [18.0]},
    {"name": "region", "shape": [1], "datatype": "BYTES", "data": ["north"]},
]}


def inputs(module):
    made = []
    for tensor in BODY["inputs"]:
        values = np.array(tensor["data"], dtype=object if tensor["datatype"] == "BYTES" else np.float64)
        made.append(module.InferInput(tensor["name"], [1], tensor["datatype"]))
        made[-1].set_data_from_numpy(values)
    return made


def fails(call):
    try:
        call()
    except Exception as error:  # the clients have errors of their own
        return f"{error}"
    raise AssertionError("a connection that must not be made was made")


def channel(address, ca, identity):
    certificate, key = identity or (None, None)
    return triton_grpc.InferenceServerClient(
        address, ssl=True, root_certificates=ca, private_key=key, certificate_chain=certificate)


def clients(http, grpc_address, ca, *identity):
    url = f"https://{http}/v2/models/churn/infer"
    answer = requests.post(url, json=BODY, verify=ca, cert=identity or None)
    answer.raise_for_status()
    score = answer.json()["outputs"][0]["data"][0]
    assert "SSL" in fails(lambda: requests.post(url, json=BODY)), "the authority is not known"
    plain = requests.post(url.replace("https", "http"), json=BODY)
    assert plain.status_code == 400 and "https://" in plain.json()["hint"], plain.text

    def context():
        made = ssl.create_default_context(cafile=ca)
        if identity:
            made.load_cert_chain(*identity)
        return made

    client = triton_http.InferenceServerClient(http, ssl=True, ssl_context_factory=context)
    found = client.infer("churn", inputs(triton_http)).as_numpy("score")
    assert abs(float(found[0]) - score) < 1e-12, (found, score)
    client = channel(grpc_address, ca, identity)
    found = client.infer("churn", inputs(triton_grpc)).as_numpy("score")
    assert abs(float(found[0]) - score) < 1e-12, (found, score)
    plain = triton_grpc.InferenceServerClient(grpc_address)
    print("without TLS:", fails(lambda: plain.infer("churn", inputs(triton_grpc), client_timeout=5)))
    if identity:
        alone = channel(grpc_address, ca, ())
        fails(lambda: alone.infer("churn", inputs(triton_grpc), client_timeout=5))
        fails(lambda: requests.post(url, json=BODY, verify=ca))
    # What each port speaks is agreed on.
    for address, offered, chosen in [(http, ["h2", "http/1.1"], "http/1.1"), (grpc_address, ["h2"], "h2")]:
        offers = context()
        offers.set_alpn_protocols(offered)
        host, port = address.split(":")
        with socket.create_connection((host, int(port))) as raw, offers.wrap_socket(raw, server_hostname=host) as made:
            assert made.selected_alpn_protocol() == chosen, (address, made.selected_alpn_protocol())


def rotate(http, grpc_address, ca, seconds):
    end = time.monotonic() + float(seconds)
    counts, serials, failures, lock = {"kept": 0, "new": 0, "grpc": 0}, [], [], threading.Lock()
    url = f"https://{http}/v2/models/churn/infer"
    host, port = http.split(":")
    trusting = ssl.create_default_context(cafile=ca)

    def each(kind, step):
        try:
            while time.monotonic() < end:
                step()
                counts[kind] += 1
        except Exception as error:
            failures.append(f"{kind}: {error!r}")

    def serial():
        with socket.create_connection((host, int(port))) as raw, trusting.wrap_socket(raw, server_hostname=host) as made:
            found = x509.load_der_x509_certificate(made.getpeercert(True)).serial_number
        with lock:
            if found not in serials:
                serials.append(found)
                print("serial", found, flush=True)

    kept = requests.Session()
    # The variables of the environment would win over the session's own authority.
    kept.trust_env, kept.verify = False, ca
    client = channel(grpc_address, ca, ())
    sent = inputs(triton_grpc)

    def new():
        requests.post(url, json=BODY, verify=ca).raise_for_status()
        serial()

    threads = [
        threading.Thread(target=each, args=("kept", lambda: kept.post(url, json=BODY).raise_for_status())),
        threading.Thread(target=each, args=("new", new)),
        threading.Thread(target=each, args=("grpc", lambda: client.infer("churn", sent))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert len(serials) >= 2 and all(counts.values()), (serials, counts)
    print("requests", counts)


{"clients": clients, "rotate": rotate}[sys.argv[1]](*sys.argv[2:])
print("as the clients expect")
