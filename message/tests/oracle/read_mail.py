"""Reads mails with Python's email package (policy "default") for the tests.

One mail in base64 a line on stdin; what was read as one JSON object a line on stdout.

Before 3.12.9 and 3.13.2 Python reads adjacent encoded words in address headers with a blank too
many (gh-128110). So that every Python can judge, neighbouring encoded words of address headers
are joined to one long word before they are parsed.
"""

import base64
import json
import re
import sys
from email import message_from_bytes, message_from_string, policy
from email.header import decode_header, make_header

WORD = r"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?="
NEIGHBOURS = re.compile(WORD + r"(?:\s+" + WORD + r")+")
ADDRESS = {"from", "sender", "reply-to", "to", "cc", "bcc"}


def joined(match):
    text = str(make_header(decode_header(match.group())))
    return "=?utf-8?b?" + base64.b64encode(text.encode()).decode() + "?="


def headers(raw):
    """The headers of a mail; those of addresses with neighbouring encoded words joined."""
    fields = []
    for line in raw.decode("utf-8").split("\r\n"):
        if line.startswith((" ", "\t")):
            fields[-1] += "\r\n" + line
        else:
            fields.append(line)
    for index, field in enumerate(fields):
        name, value = field.split(":", 1)
        if name.lower() in ADDRESS:
            fields[index] = name + ":" + NEIGHBOURS.sub(joined, value)
    return message_from_string("\r\n".join(fields) + "\r\n\r\n", policy=policy.default)


def addresses(message, name):
    if message[name] is None:
        return None
    return [[a.display_name, a.username, a.domain] for a in message[name].addresses]


def filename(disposition):
    # Not get_filename(), which takes quotes away twice.
    return None if disposition is None else disposition.params.get("filename")


def part(message):
    seen = {
        "type": message.get_content_type(),
        "disposition": message.get_content_disposition(),
        "filename": filename(message["Content-Disposition"]),
        "name": None if message["Content-Type"] is None else message["Content-Type"].params.get("x-name"),
        "content_id": message["Content-ID"],
        "encoding": str(message.get("Content-Transfer-Encoding", "7bit")),
        "charset": message.get_content_charset(),
        "defects": [repr(defect) for defect in message.defects],
        "parts": [],
    }
    if message.is_multipart():
        seen["parts"] = [part(inner) for inner in message.get_payload()]
    else:
        seen["bytes"] = base64.b64encode(message.get_payload(decode=True)).decode()
        if message.get_content_maintype() == "text":
            seen["text"] = message.get_content()
    return seen


def mail(raw):
    head = headers(raw.split(b"\r\n\r\n", 1)[0])
    return {
        "names": head.keys(),
        "subject": str(head["Subject"]),
        "from": addresses(head, "From"),
        "to": addresses(head, "To"),
        "cc": addresses(head, "Cc"),
        "reply_to": addresses(head, "Reply-To"),
        "extra": None if head["X-Extra"] is None else str(head["X-Extra"]),
        "date": head["Date"].datetime.timestamp(),
        "message_id": str(head["Message-ID"]),
        "root": part(message_from_bytes(raw, policy=policy.default)),
    }


for line in sys.stdin:
    try:
        seen = mail(base64.b64decode(line))
    except Exception as error:
        seen = {"error": repr(error)}
    print(json.dumps(seen), flush=True)
