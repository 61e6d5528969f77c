"""Runs a command on a real terminal and talks to it.

usage: terminal.py SCRIPT COMMAND...   SCRIPT is JSON: a list of [text to wait for, text to send].
Prints everything the terminal showed and exits with the command's status.
"""
import json
import os
import pty
import select
import sys
import time

script = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])

shown = b""
seen = 0
deadline = time.monotonic() + 20
while time.monotonic() < deadline:
    if script:
        at = shown.find(script[0][0].encode(), seen)
        if at >= 0:
            seen = at + len(script[0][0].encode())
            os.write(terminal, script.pop(0)[1].encode("utf-8", "surrogateescape"))
            continue
    if select.select([terminal], [], [], 0.2)[0]:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
_, status = os.waitpid(child, 0) if time.monotonic() < deadline else (os.kill(child, 9), 9 << 8)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status))
