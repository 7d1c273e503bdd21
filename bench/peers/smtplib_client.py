"""Python's smtplib: smtplib_client.py HOST PORT CONNECTIONS MESSAGES RECIPIENTS FILE [ROOT]"""

import smtplib
import ssl
import sys
import threading

host, port, connections, messages, recipients, file, *root = sys.argv[1:]
port, connections, messages = int(port), int(connections), int(messages)
to = [f"r{number}@example.com" for number in range(int(recipients))]
with open(file, "rb") as opened:
    content = opened.read()
failed = []


def send(count):
    try:
        if root:
            server = smtplib.SMTP_SSL(host, port, context=ssl.create_default_context(cafile=root[0]))
        else:
            server = smtplib.SMTP(host, port)
        with server:
            for _ in range(count):
                server.sendmail("bench@example.com", to, content)
    except Exception as error:  # A thread's failure is the program's.
        failed.append(error)


threads = [
    threading.Thread(target=send, args=(messages // connections + (number < messages % connections),))
    for number in range(connections)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if failed:
    sys.exit(f"{failed[0]!r}")
