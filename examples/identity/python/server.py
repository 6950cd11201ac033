"""A backend that verifies Gate-Identity with PyJWT."""

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

import jwt

ISSUER = os.environ["GATE_ISSUER"]
AUDIENCE = os.environ["GATE_AUDIENCE"]
JWKS = os.environ["GATE_JWKS"]
LEEWAY = 5  # seconds
KEEP = 300  # the key set, in seconds
AGAIN = 1  # the least time between two fetches, in seconds


class Keys:
    """The gate's keys. PyJWT's own PyJWKClient fetches for every unknown kid."""

    def __init__(self):
        self.lock = threading.Lock()
        self.keys = {}
        self.fetched = float("-inf")

    def of(self, kid):
        with self.lock:
            age = time.monotonic() - self.fetched
            if age > KEEP or (kid not in self.keys and age > AGAIN):
                self.fetched = time.monotonic()
                try:
                    with urlopen(JWKS, timeout=5) as answer:
                        found = jwt.PyJWKSet.from_dict(json.load(answer))
                    self.keys = {key.key_id: key.key for key in found.keys}
                except Exception as err:  # the old keys go on
                    print("the gate's keys:", err, flush=True)
            return self.keys.get(kid)


KEYS = Keys()


def identity(token):
    """Gives the claims of a good assertion, and raises for any other."""
    header = jwt.get_unverified_header(token)
    if header.get("typ") != "gate-identity+jwt" or "crit" in header:
        raise jwt.InvalidTokenError("of another kind")
    key = KEYS.of(header.get("kid"))
    if key is None:
        raise jwt.InvalidTokenError("of an unknown key")
    return jwt.decode(
        token,
        key,
        algorithms=["ES256"],
        issuer=ISSUER,
        audience=AUDIENCE,
        leeway=LEEWAY,
        options={"require": ["exp", "iat", "iss", "aud", "sub"]},
    )


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            claims = identity(self.headers.get("Gate-Identity", ""))
            status, body = 200, {name: claims.get(name) for name in ("sub", "idp", "roles")}
        except jwt.InvalidTokenError as err:
            status, body = 401, {"error": str(err)}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Handler)
print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    pass
