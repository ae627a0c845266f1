"""A modem of python-gsmmodem's own tests at a real line: `fake.py FAKEMODEMS CLASS (pty LINK | tcp -)`.

What it says to a command is that package's word, recorded from real modems by other people; so is the reading and making of
PDUs (`gsmmodem.pdu`). Added is what those tests put beside it by hand: octets to commands, an echo, the prompt and what is
taken behind it, a memory with what comes, and reports. Where the package says more than OK to a command, nothing is added.

Each line on standard input is a JSON object of what happens; each is answered with all that has happened. `set` gives
attributes of the fake (`pinLock`, `cfun`, `simBusyErrorCounter` …). It ends with its input.
"""

import codecs
import collections
import datetime
import importlib.util
import json
import os
import re
import selectors
import socket
import sys
import tty

from gsmmodem import pdu
from gsmmodem.exceptions import EncodingError

ROOM = 20
CENTRE = "+15550100000"
DIRECT = 2


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def units(text):
    """As UTF-16 has it, one character for each unit: so the package wants what UCS-2 has none for, and so it gives it."""
    octets = text.encode("utf-16-be")
    return "".join(chr(octets[n] << 8 | octets[n + 1]) for n in range(0, len(octets), 2))


def text(units):
    return units.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def delivers(number, words):
    """SUBMITs of the package made into DELIVERs: another first octet, a time, no reference, no validity."""
    address, centre = pdu._encodeAddressField(number), pdu._encodeAddressField(CENTRE, smscField=True)
    for submit in pdu.encodeSmsSubmitPdu(number, units(words), reference=len(words) % 251, requestStatusReport=False):
        octets, after = submit.data, 3 + len(address)
        header = bytearray([octets[1] & 0x40 | 0x04])
        rest = octets[after : after + 2] + pdu._encodeTimestamp(now()) + octets[after + 2 :]
        yield centre, header + address + rest


def report(number, reference, status):
    times = pdu._encodeTimestamp(now()) * 2
    return bytearray([0]), bytearray([0x06, reference]) + pdu._encodeAddressField(number) + times + bytearray([status])


def written(centre, tpdu):
    """The package reads itself what it has made."""
    line = codecs.encode(bytes(centre + tpdu), "hex").decode().upper()
    pdu.decodeSmsPdu(line)
    return len(tpdu), line


class Modem:
    def __init__(self, fake, write):
        self.fake, self.write = fake, write
        self.held, self.prompt, self.echo = bytearray(), None, True
        memories = re.findall(r'"(\w+)"', "".join(fake.getResponse("AT+CPMS=?\r")))
        self.memory = memories[0] if memories else None
        self.stored, self.coming, self.waits = {}, collections.deque(), False
        self.service, self.told, self.mute = "0", [0] * 5, None
        self.heard, self.taken, self.acknowledged = [], [], 0

    def octets(self, octets):
        for octet in octets:
            if octet == 0x1B:
                if self.prompt is not None:
                    self.say(["OK\r\n"])
                self.prompt, self.held = None, bytearray()
            elif octet == (0x0D if self.prompt is None else 0x1A):
                line, self.held = self.held.decode("ascii"), bytearray()
                if self.prompt is None:
                    self.command(line)
                else:
                    self.submitted(line)
            elif octet != 0x0A:
                self.held.append(octet)

    def say(self, lines):
        self.write("".join(lines).encode())

    def command(self, line):
        if self.echo:
            self.say([line + "\r"])
        self.heard.append(line)
        if self.mute and line.startswith(self.mute):
            return
        said = self.fake.getResponse(line + "\r")
        if said == self.fake.defaultResponse:
            name, _, argument = line.removeprefix("AT").partition("=")
            said = self.added(name, argument, said)
        self.say(said)
        self.next()

    def added(self, name, argument, said):
        """What it says where the package only says OK."""
        if name == "E0":
            self.echo = False
        elif name == "+CFUN":
            self.fake.cfun = int(argument)
        elif name == "+CNMI":
            self.told = [int(n) for n in argument.split(",")] + [0] * 5
        elif name == "+CSMS" and argument:
            self.service = argument
        elif name == "+CSMS?":
            return [f"+CSMS: {self.service},1,1,1\r\n", *said]
        elif name == "+CNMA":
            self.waits, self.acknowledged = False, self.acknowledged + 1
        elif name == "+CUSD":
            return [*said, '+CUSD: 0,"You have 3.50 EUR left.",15\r\n']
        elif name == "+CMGS":
            if self.fake.cfun not in (1, -1):
                return ["+CMS ERROR: 331\r\n"]
            self.prompt = int(argument)
            return ["> \r\n"]
        elif self.memory and name == "+CPMS?":
            return ["+CPMS: " + ",".join([f'"{self.memory}",{len(self.stored)},{ROOM}'] * 3) + "\r\n", *said]
        elif self.memory and name == "+CMGL":
            lines = (f"+CMGL: {n},0,,{length}\r\n{line}\r\n" for n, (length, line) in sorted(self.stored.items()))
            return [*lines, *said]
        elif self.memory and name == "+CMGR" and int(argument) in self.stored:
            length, line = self.stored[int(argument)]
            return [f"+CMGR: 0,,{length}\r\n", f"{line}\r\n", *said]
        elif self.memory and name == "+CMGD":
            self.stored.pop(int(argument), None)
        return said

    def submitted(self, line):
        length, self.prompt = self.prompt, None
        try:
            read = pdu.decodeSmsPdu(line)
        except (EncodingError, StopIteration):
            return self.say(["+CMS ERROR: 304\r\n"])
        if read["type"] != "SMS-SUBMIT" or read["tpdu_length"] != length:
            return self.say(["+CMS ERROR: 304\r\n"])
        joins = [e for e in read.get("udh", []) if isinstance(e, pdu.Concatenation)]
        part = [joins[0].reference, joins[0].parts, joins[0].number] if joins else None
        reference = len(self.taken) % 256
        self.taken.append({"number": read["number"], "text": text(read["text"]), "part": part, "reference": reference})
        self.say([f"+CMGS: {reference}\r\n", "OK\r\n"])

    def next(self):
        """Hands on what comes, one by one where it must be acknowledged."""
        while self.coming and not self.waits and self.prompt is None:
            name, told, (length, line) = self.coming[0]
            if told == 1 and name == "+CMT":
                if len(self.stored) >= ROOM:
                    return
                n = next(n for n in range(1, ROOM + 1) if n not in self.stored)
                self.stored[n] = (length, line)
                self.say([f'+CMTI: "{self.memory}",{n}\r\n'])
            elif told:
                header = f"+CMT: ,{length}" if name == "+CMT" else f"+CDS: {length}"
                self.say([f"{header}\r\n", f"{line}\r\n"])
                self.waits = self.service == "1"
            self.coming.popleft()

    def happens(self, what):
        if "words" in what and self.memory:
            parts = list(delivers(what["from"], what["words"]))
            for n in what.get("order", range(1, len(parts) + 1)):
                self.coming.append(("+CMT", self.told[1], written(*parts[n - 1])))
        if "report" in what and self.memory:
            sent = self.taken[what["report"]]
            made = report(sent["number"], sent["reference"], what["status"])
            self.coming.append(("+CDS", self.told[3], written(*made)))
        if "mute" in what:
            self.mute = what["mute"]
        for name, value in what.get("set", {}).items():
            setattr(self.fake, name, value)
        self.next()

    def state(self):
        return {
            "taken": self.taken,
            "stored": len(self.stored),
            "receives": self.memory is not None,
            "acknowledged": self.acknowledged,
            "heard": self.heard,
        }


class Line:
    """Where the modem stands: its end of a terminal or a port."""

    def __init__(self, kind, link):
        self.selector = selectors.DefaultSelector()
        self.end, self.listener = None, None
        if kind == "pty":
            self.end, self.other = os.openpty()
            tty.setraw(self.other)
            os.symlink(os.ttyname(self.other), link)
            self.selector.register(self.end, selectors.EVENT_READ)
            self.name = link
        else:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.selector.register(self.listener, selectors.EVENT_READ)
            self.name = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.selector.register(sys.stdin, selectors.EVENT_READ)

    def write(self, octets):
        while octets and self.end is not None:
            try:
                octets = octets[os.write(self.end, octets) :]
            except OSError:
                self.leave()

    def leave(self):
        self.selector.unregister(self.end)
        os.close(self.end)
        self.end = None

    def run(self, modem):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is sys.stdin:
                    line = sys.stdin.readline()
                    if not line:
                        return
                    modem.happens(json.loads(line))
                    print(json.dumps(modem.state()), flush=True)
                elif key.fileobj is self.listener:
                    if self.end is not None:
                        self.leave()
                    self.end = self.listener.accept()[0].detach()
                    self.selector.register(self.end, selectors.EVENT_READ)
                elif key.fileobj == self.end:
                    octets = self.read()
                    if octets:
                        modem.octets(octets)
                    elif self.listener is not None:
                        self.leave()

    def read(self):
        try:
            return os.read(self.end, 4096)
        except OSError:
            return b""


def fakes(file):
    spec = importlib.util.spec_from_file_location("fakemodems", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    file, kind, where, link = sys.argv[1:]
    fake = getattr(fakes(file), kind)()
    line = Line(where, link)
    modem = Modem(fake, line.write)
    print(json.dumps({"ready": line.name}), flush=True)
    line.run(modem)


main()
