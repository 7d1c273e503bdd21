"""Reads mails, one file for each line of stdin, and prints a JSON array of what is in them, in the same order."""

import base64
import json
import sys
from email import message_from_bytes, policy

# Headers that the mail server writes in front of the sender's.
TRACE = {"return-path", "x-original-to", "delivered-to", "received"}


def read(path):
    with open(path, "rb") as file:
        octets = file.read()
    message = message_from_bytes(octets, policy=policy.SMTPUTF8)
    return {
        "headers": [[name, text(value)] for name, value in message.items() if name.lower() not in TRACE],
        "delivered_to": message["Delivered-To"],
        "return_path": message["Return-Path"],
        "received": message["Received"],
        "subject": text(message["Subject"]),
        "from": addresses(message["From"]),
        "to": addresses(message["To"]),
        "cc": addresses(message["Cc"]),
        "reply_to": addresses(message["Reply-To"]),
        "message_id": text(message["Message-ID"]),
        "tree": part(message),
        "structure": structure(message),
        "defects": [repr(defect) for one in message.walk() for defect in defects(one)],
        "longest_line": max(map(len, octets.split(b"\n"))),
        "ascii": octets.isascii(),
        "carriage_returns": octets.count(b"\r"),
    }


def text(value):
    """A header's value; one that came in plain UTF-8 (RFC 6532) is read by Python as unknown octets."""
    return None if value is None else str(value).encode("utf-8", "surrogateescape").decode("utf-8")


def addresses(header):
    found = header.addresses if header else ()
    return [[text(one.display_name), text(one.addr_spec)] for one in found]


def part(message):
    inner = {
        "type": message.get_content_type(),
        "disposition": message.get_content_disposition(),
        "filename": message.get_filename(),
        "content_id": message["Content-ID"],
        "encoding": message["Content-Transfer-Encoding"],
        "charset": message.get_content_charset(),
    }
    if message.is_multipart():
        inner["parts"] = [part(one) for one in message.iter_parts()]
    else:
        inner["base64"] = base64.b64encode(message.get_payload(decode=True)).decode()
        if message.get_content_maintype() == "text":
            # Base64 carries a text's line ends as they are on the wire.
            inner["text"] = message.get_content().replace("\r\n", "\n")
    return inner


def structure(message):
    """The nesting at a glance: multipart/mixed(text/plain image/png)."""
    kind = message.get_content_type()
    return f"{kind}({' '.join(map(structure, message.iter_parts()))})" if message.is_multipart() else kind


def defects(message):
    yield from message.defects
    for header in message.values():
        yield from header.defects


json.dump([read(line.rstrip("\n")) for line in sys.stdin], sys.stdout)
