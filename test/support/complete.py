"""Types lines at a shell on a real terminal, and lets it insert all completions of each.

usage: complete.py bash|zsh SCRIPT LOG < LINES   LINES is JSON: a list of lines; prints the list of what became of them.
SCRIPT is the completion script, LOG a file that is not there.
"""
import json
import os
import pty
import select
import sys
import time

BASH = """
eval "$(cat %(script)s)"
bind 'set completion-ignore-case off'
bind 'set colored-stats off'
bind '"\\C-t": insert-completions'
dump() { printf '%%s\\0' "$READLINE_LINE" >> %(log)s; }
bind -x '"\\C-g": dump'
PS1=%(prompt)s
"""
ZSH = """
autoload -Uz compinit && compinit -D -i
eval "$(cat %(script)s)"
zstyle ':completion:*' verbose yes
insert_all() { _main_complete; compstate[insert]=all; compstate[list]=; }
zle -C insert-all complete-word insert_all
bindkey -e
bindkey '^T' insert-all
dump() { printf '%%s\\0' "$BUFFER" >> %(log)s }
zle -N dump
bindkey '^G' dump
PS1=%(prompt)s
"""
SHELLS = {
    "bash": (BASH, ["bash", "--norc", "--noprofile", "-i"]),
    "zsh": (ZSH, ["zsh", "-f", "-i"]),
}
KILL_LINE, COMPLETE, DUMP = "\x15", "\x14", "\x07"
SECONDS_MAX = 20
PROMPT = "ready-to-complete"

shell, script, log = sys.argv[1:]
start, command = SHELLS[shell]
setup = log + ".setup"
with open(setup, "w") as file:
    file.write(start % {"script": script, "log": log, "prompt": PROMPT})
child, terminal = pty.fork()
if child == 0:
    # Wide enough for every line: what is not on the screen need not be drawn.
    os.environ.update(TERM="dumb", COLUMNS="400", LINES="400")
    os.execvp(command[0], command)


def drain(seconds):
    shown = b""
    while select.select([terminal], [], [], seconds)[0]:
        shown += os.read(terminal, 65536)
        seconds = 0
    return shown


def until(happened, what):
    """Reads what the terminal shows until something has happened, which is told what was shown."""
    shown = b""
    deadline = time.monotonic() + SECONDS_MAX
    while not happened(shown):
        shown += drain(0.005)
        if time.monotonic() > deadline:
            sys.exit(f"{shell} does not answer {what!r}: {shown!r}")


def answers():
    if not os.path.exists(log):
        return []
    with open(log, "rb") as file:
        return file.read().split(b"\0")[:-1]


def ask(line):
    """The line after completion."""
    before = len(answers())
    os.write(terminal, (KILL_LINE + line + COMPLETE + DUMP).encode())
    until(lambda _: len(answers()) > before, line)
    return answers()[-1].decode("utf-8", "surrogateescape")


os.write(terminal, f"source {setup}\n".encode())
# Keys mean what they are to mean only when there is a prompt.
until(lambda shown: PROMPT.encode() in shown, setup)
print(json.dumps([ask(line) for line in json.load(sys.stdin)]))
os.write(terminal, (KILL_LINE + "exit\n").encode())
os.close(terminal)
os.waitpid(child, 0)
