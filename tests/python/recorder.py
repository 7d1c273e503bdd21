"""An SMTP server that keeps each message as it came: NUMBER.eml, and beside it NUMBER.json with its envelope."""

import asyncio
import json
import os
import sys

from aiosmtpd.smtp import SMTP

REFUSED = {
    "refused@example.com": "550 5.1.1 no such person",
    "gone@example.com": "550 5.1.6 moved away",
    "later@example.com": "450 4.2.1 come back later",
}

port, name, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
taken = 0


class Recorder:
    async def handle_MAIL(self, server, session, envelope, address, options):
        if address == "unwanted@example.com":
            return "550 5.7.1 not from you"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        domain = address.rpartition("@")[2].lower()
        if address in REFUSED:
            return REFUSED[address]
        if domain not in ("example.com", "xn--bcher-kva.example"):
            return "554 5.7.1 no relay"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        global taken
        taken += 1
        path = os.path.join(folder, f"{taken:06}")
        with open(path + ".eml", "wb") as file:
            file.write(envelope.original_content)
        told = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "options": envelope.mail_options}
        # By another name until it is complete.
        with open(path + ".part", "w") as file:
            json.dump(told, file)
        os.rename(path + ".part", path + ".json")
        return f"250 2.0.0 taken as {taken}"


def session():
    return SMTP(Recorder(), hostname="mail.example.com", ident=name, enable_SMTPUTF8=True, data_size_limit=10_485_760)


async def main():
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", port)
    await server.serve_forever()


asyncio.run(main())
