"""Programs that the benches start and stop: Martlet itself, Postfix, Kannel, nginx, and Postfix's load generator.

Each has a folder and ports of its own on loopback and ends with the bench. Needs root, and what is named in the benches.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
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


def until(count, wanted):
    """The moment at which `count()` had come to what is wanted; asks a hundred times a second."""
    last, moved = count(), time.monotonic()
    while last < wanted:
        time.sleep(0.01)
        now = count()
        if now > last:
            last, moved = now, time.monotonic()
        elif time.monotonic() - moved > 60:
            sys.exit(f"only {last} of {wanted} came")
    return time.monotonic()


class Martlet:
    """The daemon with a config of its own; `provider` is the port that its gateway calls, with `definition` as Kannel's."""

    def __init__(self, folder, provider, regions=("US",), window=None, mailbox=9, definition=False):
        self.folder, self.lmtp, self.http = folder, free_port(), free_port()
        folder.mkdir(exist_ok=True)
        called = f"""type = "http"
url = "http://127.0.0.1:{provider}/send?to=%number%&text=%data%"
from = "sms:%s@sms.example.test"
"""
        if definition:
            called = f"""type = "http"
provider = "kannel"
[gateway.settings]
base_url = "http://127.0.0.1:{provider}"
user = "bench"
password = "bench"
hook_key = "0123456789abcdef"
"""
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
public_url = "http://127.0.0.1:{self.http}"
[mailbox]
url = "smtp://127.0.0.1:{mailbox}"
postmaster = "postmaster@example.test"
[inbound]
flood_phone = "off"
flood_gateway = "off"
[sms]
region = "US"
[[gateway]]
id = "main"
password = "bench"
{f"window = {window}" if window else ""}
{called}
[[account]]
user = "@example.test"
monthly_max = "unlimited"
regions = {json.dumps(regions)}
[control]
socket = "control.sock"
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

    def memory(self):
        """All that is mapped, and of it what is its own: not pages of the program's file, of which the kernel maps what it likes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        all_of_it, own = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "RssAnon"))
        return f"{all_of_it:.0f} ({own:.0f})"

    def gateway(self, verb):
        """`martlet gateway pause` or `resume`."""
        command = [PROGRAM, "gateway", verb, "main", "--config", self.folder / "martlet.toml"]
        subprocess.run(command, check=True, capture_output=True)

    def mails(self):
        """Mails that the mail server has taken."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics") as metrics:
            found = re.search(rb'martlet_mails_total\{[^}]*"delivered"[^}]*\} (\d+)', metrics.read())
        return int(found[1]) if found else 0

    def cpu(self):
        """Seconds of processor time so far, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Postfix:
    """An smtpd with Debian's stock services. Everything it takes is discarded, or handed to the script `pipe`."""

    def __init__(self, folder, pipe=None):
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
default_transport = {"sms" if pipe else "discard"}:
smtpd_client_connection_count_limit = 0
""")
        stock = Path("/usr/share/postfix/master.cf.dist").read_text()
        stock = stock.replace("\nsmtp      inet", f"\n127.0.0.1:{self.port} inet")
        if pipe:
            stock += f"sms unix - n n - 20 pipe flags=q user=nobody argv={pipe} ${{user}}\n"
        (self.config / "master.cf").write_text(stock)
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
    """A provider that takes everything at once, in words that Kannel understands too."""

    def __init__(self, folder):
        folder.mkdir()
        self.port = free_port()
        (folder / "conf").write_text(f"""
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{ access_log off; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{self.port};
    location / {{ return 202 "0: Accepted for delivery"; }}
    location /count {{ stub_status; }} }} }}
""")
        RUNNING.append(self)
        self.process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "conf"], stderr=subprocess.DEVNULL)
        wait_for("nginx", lambda: listens(self.port), self.process)
        self.asked = 0

    def count(self):
        """Requests so far, those for the count aside."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/count") as answer:
            self.asked += 1
            return int(answer.read().split()[9]) - self.asked

    def until(self, count):
        return until(self.count, count)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Sink:
    """A mail server that takes everything and keeps nothing; with `lmtp` it speaks that."""

    def __init__(self, folder, lmtp=False):
        folder.mkdir()
        self.port = free_port()
        RUNNING.append(self)
        command = ["smtp-sink", *(["-L"] if lmtp else []), "-u", "nobody", f"inet:127.0.0.1:{self.port}", "1000"]
        self.process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
        wait_for("smtp-sink", lambda: listens(self.port), self.process)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Kannel:
    """bearerbox with a spool store and smsbox: `sendsms` in, an HTTP provider out."""

    def __init__(self, folder, provider):
        folder.mkdir()
        (folder / "spool").mkdir()
        admin, box, self.port = free_port(), free_port(), free_port()
        (folder / "conf").write_text(f"""
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = bench
smsbox-port = {box}
smsbox-interface = 127.0.0.1
box-allow-ip = "127.0.0.1"
log-file = {folder}/bearerbox.log
log-level = 4
store-type = spool
store-location = {folder}/spool

group = smsc
smsc = http
smsc-id = bench
system-type = kannel
smsc-username = bench
smsc-password = bench
port = {free_port()}
send-url = "http://127.0.0.1:{provider}/send"
max-pending-submits = 50

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {self.port}
sendsms-interface = 127.0.0.1
log-file = {folder}/smsbox.log
log-level = 4

group = sendsms-user
username = bench
password = bench
""")
        self.processes = []
        RUNNING.append(self)
        for program, port in (("bearerbox", box), ("smsbox", self.port)):
            process = subprocess.Popen([program, folder / "conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.processes.append(process)
            wait_for(program, lambda: listens(port), process)

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait(60)


def load(port, connections, messages, lmtp=True, keep=True, octets=BODY):
    """Messages a second; with `keep` many over one connection. A refusal ends smtp-source with an error, and the script."""
    command = ["smtp-source", *(["-L"] if lmtp else []), *(["-d"] if keep else []), "-s", str(connections), "-m", str(messages), "-l", str(octets),
               "-f", "load@example.test", "-t", "+15551234567@sms.example.test", f"inet:127.0.0.1:{port}"]
    began = time.monotonic()
    subprocess.run(command, check=True)
    return messages / (time.monotonic() - began)


def row(what, figure, unit):
    print(f"| {what} | {figure} | {unit} |", flush=True)


def bench(doc, kinds):
    """Runs what the first argument names, in a folder that goes away with all servers."""
    if len(sys.argv) < 2 or sys.argv[1] not in kinds:
        sys.exit(doc)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    with tempfile.TemporaryDirectory(prefix="mb", dir="/tmp") as tmp:
        os.chmod(tmp, 0o755)
        try:
            kinds[sys.argv[1]](Path(tmp))
        finally:
            for server in RUNNING:
                server.stop()
