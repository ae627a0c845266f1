#!/usr/bin/env python3
"""How fast mail is accepted (answered with 250, committed and synced), beside Postfix on the same machine.

    cargo build --release
    benches/accept.py speed      # messages a second at 1, 10 and 50 connections: Martlet, Martlet with a gateway, Postfix
    benches/accept.py syncs      # fdatasync and fsync calls while 1,000 messages are accepted over one connection
    benches/accept.py single     # one connection a mail, beside smtp-sink, which does nothing with what it gets
    benches/accept.py memory     # VmRSS idle, with numbers of 80 countries, with 200,000 queued; time to start with them

Load: Postfix's `smtp-source -d` (one connection for many mails) with LMTP (`-L`) against Martlet and with SMTP against
Postfix's smtpd, whose mails go to its `discard` transport. Needs root (Postfix), and the Debian packages postfix,
nginx (the provider in `speed`) and strace. Prints one Markdown table row per figure. Nothing is installed or left behind.
"""
import signal
import smtplib
import subprocess
import sys

from peers import Martlet, Nginx, Postfix, Sink, bench, load, row


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


def single(tmp):
    martlet, sink = Martlet(tmp / "m", 9), Sink(tmp / "sink", lmtp=True)
    for connections in (10, 50):
        row(f"Martlet, LMTP, {connections} at once, one mail each", round(load(martlet.lmtp, connections, 10_000, keep=False)), "messages/s")
        row(f"smtp-sink, LMTP, {connections} at once, one mail each", round(load(sink.port, connections, 10_000, keep=False)), "messages/s")


def memory(tmp):
    martlet = Martlet(tmp / "m", 9, regions=["US", *REGIONS.split()])
    row("memory idle", martlet.memory(), "MiB VmRSS (of it RssAnon)")
    with smtplib.LMTP("127.0.0.1", martlet.lmtp) as lmtp:
        for number in NUMBERS.split():
            mail = f"From: load@example.test\r\nMessage-ID: <{number}@example.test>\r\n\r\nA text for this country.\r\n"
            lmtp.sendmail("load@example.test", [f"{number}@sms.example.test"], mail)
    row("memory after numbers of 80 countries", martlet.memory(), "MiB VmRSS (of it RssAnon)")
    load(martlet.lmtp, 50, 200_000)
    row("memory with 200,000 queued, after the load", martlet.memory(), "MiB VmRSS (of it RssAnon)")
    martlet.stop()
    martlet.start()
    row("start with 200,000 queued, until `ready`", f"{martlet.started_in:.2f}", "s")
    row("memory with 200,000 queued, started again", martlet.memory(), "MiB VmRSS (of it RssAnon)")


# A mobile number each of 80 countries.
NUMBERS = """
+5491123456789 +43664123456 +61412345678 +32450001234 +35943012345 +97336001234 +59171234567 +5511961234567
+375294911911 +41781234567 +56221234567 +8613123456789 +573211234567 +50683123456 +35796123456 +420601123456
+4915123456789 +4534412345 +18092345678 +593991234567 +37251234567 +201001234567 +34612345678 +358412345678
+33612345678 +447400123456 +995555123456 +233231234567 +306912345678 +50251234567 +85251234567 +50491234567
+385921234567 +36201234567 +62812345678 +353850123456 +972502345678 +918123456789 +9647912345678 +989123456789
+3546111234 +393123456789 +962790123456 +819012345678 +254712123456 +821020000000 +96550012345 +77710009998
+96171123456 +94712345678 +37061234567 +352628123456 +37121234567 +212650123456 +35696961234 +522221234567
+60123456789 +2348021234567 +31612345678 +4740612345 +64211234567 +96892123456 +50761234567 +51912345678
+639051234567 +923012345678 +48512345678 +351912345678 +595961456789 +97433123456 +40712034567 +381601234567
+79123456789 +966512345678 +46701234567 +6581234567 +38631234567 +421912123456 +66812345678 +21620123456
"""

REGIONS = """
AR AT AU BE BG BH BO BR BY CH CL CN CO CR CY CZ DE DK DO EC EE EG ES FI FR GB GE GH GR GT HK HN HR HU ID IE IL IN IQ IR
IS IT JO JP KE KR KW KZ LB LK LT LU LV MA MT MX MY NG NL NO NZ OM PA PE PH PK PL PT PY QA RO RS RU SA SE SG SI SK TH TN
"""

bench(__doc__, {"speed": speed, "syncs": syncs, "single": single, "memory": memory})
