#!/usr/bin/env python3
"""How fast mail is accepted (answered with 250, committed and synced), beside Postfix on the same machine.

    cargo build --release
    benches/accept.py speed      # messages a second at 1, 10 and 50 connections: Martlet, Martlet with a gateway, Postfix
    benches/accept.py syncs      # fdatasync and fsync calls while 1,000 messages are accepted over one connection
    benches/accept.py memory     # VmRSS idle, and with 100,000 messages queued; time to start again with them

Load: Postfix's `smtp-source -d` (one connection for many mails) with LMTP (`-L`) against Martlet and with SMTP against
Postfix's smtpd, whose mails go to its `discard` transport. Needs root (Postfix), and the Debian packages postfix,
nginx (the provider in `speed`) and strace. Prints one Markdown table row per figure. Nothing is installed or left behind.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("MARTLET_PROGRAM", ROOT / "target/release/martlet")
RUNNING = []  # stopped at the end, whatever happens
BODY = 400  # octets: three segments, cut to `max_parts`


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, fact, process):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if fact():
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    sys.exit(f"no {what}")


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Martlet:
    """The daemon with a config of its own; `provider` is the port that its gateway calls."""

    def __init__(self, folder, provider):
        self.folder, self.lmtp, self.http = folder, free_port(), free_port()
        folder.mkdir(exist_ok=True)
        (folder / "martlet.toml").write_text(f"""
data_dir = "data"
domains = ["sms.example.test"]
hostname = "sms.example.test"
[store]
url = "sqlite:martlet.db"
[[listener]]
protocol = "lmtp"
bind = "127.0.0.1:{self.lmtp}"
trust = ["127.0.0.1/32"]
identity = ["envelope"]
[http]
bind = "127.0.0.1:{self.http}"
[mailbox]
url = "smtp://127.0.0.1:9"
postmaster = "postmaster@example.test"
[sms]
region = "US"
[[gateway]]
id = "main"
type = "http"
url = "http://127.0.0.1:{provider}/send?to=%number%&text=%data%"
from = "sms:%s@sms.example.test"
[[account]]
user = "@example.test"
monthly_max = "unlimited"
regions = ["US"]
""")
        self.log = folder / "log"
        RUNNING.append(self)
        self.start()

    def start(self):
        began = time.monotonic()
        seen = len(self.log.read_text()) if self.log.exists() else 0
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([PROGRAM, "serve", "--config", self.folder / "martlet.toml"], stderr=log)
        wait_for("line `ready`", lambda: re.search(r"\bready\b", self.log.read_text()[seen:]), self.process)
        self.started_in = time.monotonic() - began

    def rss(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Postfix:
    """An smtpd with Debian's stock services, everything it takes discarded."""

    def __init__(self, folder):
        self.config, self.port = folder / "c", free_port()
        for name in ("c", "q", "d"):
            (folder / name).mkdir(parents=True)
        shutil.chown(folder / "d", "postfix")
        (self.config / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {folder}/q
data_directory = {folder}/d
maillog_file = {folder}/d/log
maillog_file_prefixes = {folder}
myhostname = mx.example.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
default_transport = discard:
smtpd_client_connection_count_limit = 0
""")
        stock = Path("/usr/share/postfix/master.cf.dist").read_text()
        (self.config / "master.cf").write_text(stock.replace("\nsmtp      inet", f"\n127.0.0.1:{self.port} inet"))
        command = ["postfix", "-c", self.config]
        subprocess.run([*command, "post-install", "create-missing"], check=True, capture_output=True)
        RUNNING.append(self)
        self.process = subprocess.Popen([*command, "start-fg"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for("Postfix", lambda: listens(self.port), self.process)
        self.master = int((folder / "q/pid/master.pid").read_text())

    def stop(self):
        # The master leads a process group of its own.
        os.killpg(self.master, signal.SIGKILL)
        self.process.wait(60)


class Nginx:
    """A provider that takes everything at once."""

    def __init__(self, folder):
        folder.mkdir()
        self.port = free_port()
        (folder / "conf").write_text(f"""
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{ access_log off; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{self.port}; location / {{ return 200 "OK 1\\n"; }} }} }}
""")
        RUNNING.append(self)
        self.process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "conf"], stderr=subprocess.DEVNULL)
        wait_for("nginx", lambda: listens(self.port), self.process)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def load(port, connections, messages, lmtp=True):
    """Messages a second. A refusal ends smtp-source with an error, and the script."""
    command = ["smtp-source", *(["-L"] if lmtp else []), "-d", "-s", str(connections), "-m", str(messages), "-l", str(BODY),
               "-f", "load@example.test", "-t", "+15551234567@sms.example.test", f"inet:127.0.0.1:{port}"]
    began = time.monotonic()
    subprocess.run(command, check=True)
    return messages / (time.monotonic() - began)


def row(what, figure, unit):
    print(f"| {what} | {figure} | {unit} |", flush=True)


def speed(tmp):
    quiet = Martlet(tmp / "quiet", 9)  # nothing listens at port 9: accepting alone
    nginx = Nginx(tmp / "nginx")
    busy = Martlet(tmp / "busy", nginx.port)
    postfix = Postfix(tmp / "postfix")
    for connections, messages in ((1, 2_000), (10, 20_000), (50, 20_000)):
        row(f"Martlet, LMTP, {connections} connections", round(load(quiet.lmtp, connections, messages)), "messages/s")
        row(f"Martlet, LMTP, {connections} connections, sending meanwhile", round(load(busy.lmtp, connections, messages)), "messages/s")
        row(f"Postfix smtpd, SMTP, {connections} connections", round(load(postfix.port, connections, messages // 4, lmtp=False)), "messages/s")


def syncs(tmp):
    martlet, messages = Martlet(tmp / "m", 9), 1_000
    strace = subprocess.Popen(["strace", "-f", "-c", "-e", "trace=fdatasync,fsync", "-p", str(martlet.process.pid)],
                              stderr=subprocess.PIPE, text=True)
    for line in strace.stderr:
        if "attached" in line:
            break
    rate = load(martlet.lmtp, 1, messages)
    strace.send_signal(signal.SIGINT)
    table = strace.stderr.read()
    lines = [line.split() for line in table.splitlines()]  # % time, seconds, usecs/call, calls, [errors,] syscall
    calls = sum(int(line[3]) for line in lines if line and line[-1] in ("fdatasync", "fsync"))
    row(f"syncs for {messages} messages over one connection ({rate:.0f}/s under strace)", calls, "fdatasync + fsync")
    if calls < messages:
        sys.exit("fewer syncs than messages that were answered one after the other: something is not durable")


def memory(tmp):
    martlet = Martlet(tmp / "m", 9)
    row("memory idle", f"{martlet.rss():.0f}", "MiB VmRSS")
    load(martlet.lmtp, 50, 100_000)
    row("memory with 100,000 queued, after the load", f"{martlet.rss():.0f}", "MiB VmRSS")
    martlet.stop()
    martlet.start()
    row("start with 100,000 queued, until `ready`", f"{martlet.started_in:.2f}", "s")
    row("memory with 100,000 queued, started again", f"{martlet.rss():.0f}", "MiB VmRSS")


def main():
    kinds = {"speed": speed, "syncs": syncs, "memory": memory}
    if len(sys.argv) != 2 or sys.argv[1] not in kinds:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    with tempfile.TemporaryDirectory(prefix="mb", dir="/tmp") as tmp:
        os.chmod(tmp, 0o755)
        try:
            kinds[sys.argv[1]](Path(tmp))
        finally:
            for server in RUNNING:
                server.stop()


main()
