"""Prints an access token (a JSON Web Token signed by HS256) for a user: access_token.py USER KEY."""

import base64
import hashlib
import hmac
import json
import sys
import time


def encode(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


user, key = sys.argv[1:]
now = int(time.time())
header = {"alg": "HS256", "typ": "JWT"}
claims = {"sub": user, "iat": now - 10, "exp": now + 600}
signed = b".".join(encode(json.dumps(part).encode()) for part in (header, claims))
print((signed + b"." + encode(hmac.new(key.encode(), signed, hashlib.sha256).digest())).decode())
