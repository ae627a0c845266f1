#!/usr/bin/env python3
"""How fast mail becomes requests to a provider, beside what else there is on the same machine in the same run.

    cargo build --release
    benches/send.py rate      # from the first mail to the last request: Martlet, Kannel (HTTP to HTTP), Postfix pipe and curl;
                              # five rounds, one after the other: the middle one, the lowest and the highest
    benches/send.py definition # the same by a gateway of a definition (`provider = "kannel"`), beside Kannel itself
    benches/send.py back      # from the first text of a phone to the last mail that Postfix has taken
    benches/send.py long      # how fast queues of 20,000 and of 200,000 empty
    benches/send.py rooms     # processor time a message, by room

The source, the program and the provider (nginx) share the machine. Martlet syncs each message before it says 250; Kannel's spool
store writes a file for each and syncs none. Needs root (Postfix) and the Debian packages postfix, kannel, apache2-utils (`ab`),
nginx, curl, and linux-perf for `rooms`. Prints one Markdown table row per figure. Nothing is installed or left behind.
"""
import collections
import re
import subprocess
import sys
import time

from peers import Kannel, Martlet, Nginx, Postfix, bench, load, row, until

TEXT = 100  # octets: one segment
ROUNDS = 5  # odd
WINDOW = 50  # requests in flight at once, here as at Kannel


def rate(tmp, definition=False):
    nginx = Nginx(tmp / "nginx")
    martlet = Martlet(tmp / "martlet", nginx.port, window=WINDOW, definition=definition)
    kannel = Kannel(tmp / "kannel", nginx.port)

    def of(messages, source):
        before, began = nginx.count(), time.monotonic()
        source()
        return round(messages / (nginx.until(before + messages) - began))

    def kannels(connections):
        query = f"username=bench&password=bench&from=1&to=15551234567&text={'X' * TEXT}"
        subprocess.run(["ab", "-q", "-k", "-c", str(connections), "-n", "10000",
                        f"http://127.0.0.1:{kannel.port}/cgi-bin/sendsms?{query}"], check=True, capture_output=True)

    seen = collections.defaultdict(list)
    for _ in range(ROUNDS):
        for connections in (10, 50):
            ours = of(10_000, lambda: load(martlet.lmtp, connections, 10_000, octets=TEXT))
            seen[f"Martlet, LMTP to {'a definition' if definition else 'HTTP'}, {connections} connections"].append(ours)
            theirs = of(10_000, lambda: kannels(connections))
            seen[f"Kannel, HTTP to HTTP, spool store, {connections} connections"].append(theirs)
    for what, figures in seen.items():
        figures.sort()
        row(what, f"{figures[ROUNDS // 2]} ({figures[0]} to {figures[-1]})", "messages/s")
    if definition:
        return
    script = tmp / "text"
    script.write_text(f"""#!/bin/sh
exec curl -sf -o /dev/null --get --data-urlencode "to=$1" --data-urlencode text@- http://127.0.0.1:{nginx.port}/send
""")
    script.chmod(0o755)
    postfix = Postfix(tmp / "postfix", pipe=script)
    figure = of(1_000, lambda: load(postfix.port, 10, 1_000, lmtp=False, octets=TEXT))
    row("Postfix, pipe and curl, 10 connections", figure, "messages/s")


def back(tmp):
    # Not smtp-sink: it writes an answer to each of several commands by itself, and waits 40 ms for each to be confirmed.
    postfix, messages = Postfix(tmp / "postfix"), 5_000
    martlet = Martlet(tmp / "martlet", 9, mailbox=postfix.port)
    for connections, first in ((10, 2_000_000), (50, 3_000_000)):
        before, cpu, began = martlet.mails(), martlet.cpu(), time.monotonic()
        # Each text from a phone of its own.
        numbers = f"%2B1201[{first}-{first + messages - 1}]"
        query = f"id=main&pass=bench&number={numbers}&data={'X' * TEXT}"
        subprocess.run(["curl", "-sfZ", "--parallel-max", str(connections), "-o", tmp / "said",
                        f"http://127.0.0.1:{martlet.http}/sms/deliver.html?{query}"],
                       stderr=subprocess.DEVNULL, check=True)
        took = until(martlet.mails, before + messages) - began
        row(f"HTTP to SMTP, {connections} connections", round(messages / took), "texts/s")
        row("the same", round((martlet.cpu() - cpu) / messages * 1e6), "\u00b5s CPU a text")


def long(tmp):
    nginx = Nginx(tmp / "nginx")
    for messages in (20_000, 200_000):
        martlet = Martlet(tmp / f"m{messages}", nginx.port, window=WINDOW)
        martlet.gateway("pause")
        load(martlet.lmtp, 50, messages, octets=TEXT)
        before = nginx.count()
        martlet.gateway("resume")
        began = nginx.until(before + 1)
        first = nginx.until(before + 20_000)
        row(f"the first 20,000 of {messages:,} queued", round(20_000 / (first - began)), "messages/s")
        if messages > 20_000:
            row(f"all of {messages:,} queued", round(messages / (nginx.until(before + messages) - began)), "messages/s")


def rooms(tmp):
    nginx = Nginx(tmp / "nginx")
    martlet = Martlet(tmp / "martlet", nginx.port, window=WINDOW)
    messages = 20_000
    load(martlet.lmtp, 10, 1_000, octets=TEXT)
    nginx.until(1_000)
    perf = subprocess.Popen(["perf", "record", "-q", "-g", "--call-graph", "dwarf,16384", "-F", "199", "-o", tmp / "perf",
                             "-p", str(martlet.process.pid)], stderr=subprocess.DEVNULL)
    time.sleep(1)
    before = martlet.cpu()
    load(martlet.lmtp, 10, messages, octets=TEXT)
    nginx.until(1_000 + messages)
    spent = (martlet.cpu() - before) / messages * 1e6
    perf.terminate()
    perf.wait()
    script = subprocess.Popen(["perf", "script", "-i", tmp / "perf", "-F", "comm,ip,sym"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    counts, all_samples = collections.Counter(), 0
    for sample in stacks(script.stdout):
        counts[room(sample)] += 1
        all_samples += 1
    if not all_samples:
        sys.exit("perf saw nothing")
    row("all of the daemon", f"{spent:.0f}", "\u00b5s CPU a message")
    for name, seen in counts.most_common():
        row(name, f"{spent * seen / all_samples:.1f}", "\u00b5s CPU a message")


def stacks(lines):
    """Stacks of symbols, the innermost first."""
    stack = []
    for line in lines:
        if line.strip():
            stack.append(line)
        elif stack:
            yield stack
            stack = []


def room(stack):
    """Whose work it is: SQLite's thread, else the innermost room of ours that called it, else what it is of."""
    if stack[0].lstrip().startswith("sqlx-sqlite"):
        return "SQLite's threads"
    for symbol in stack[1:]:
        found = re.search(r"martlet::(\w+)", symbol)
        if found:
            return f"`{found[1]}`"
    return "the runtime and the kernel for it"


bench(__doc__, {"rate": rate, "definition": lambda tmp: rate(tmp, definition=True), "back": back, "long": long, "rooms": rooms})
