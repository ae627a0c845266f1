"""What other people's programs make of a report: flufl.bounce (Mailman's) and Python's own mail parser.

Reads a mail from standard input, prints one JSON value: the addresses that flufl.bounce takes for temporary and
permanent failures, the fields of message/delivery-status block by block, content types, and defects found."""
import email
import email.policy
import json
import sys

from flufl.bounce import all_failures

raw = sys.stdin.buffer.read()
temporary, permanent = all_failures(email.message_from_bytes(raw))
mail = email.message_from_bytes(raw, policy=email.policy.SMTP)
blocks, types, defects = [], [], []
for part in mail.walk():
    types.append(part.get_content_type())
    defects.extend(type(d).__name__ for d in part.defects)
    if part.get_content_type() == "message/delivery-status":
        blocks.extend({k.lower(): str(v) for k, v in block.items()} for block in part.get_payload())


def words(found):
    return sorted(a.decode("utf-8", "replace") if isinstance(a, bytes) else a for a in found)


json.dump({
    "temporary": words(temporary),
    "permanent": words(permanent),
    "blocks": blocks,
    "types": types,
    "defects": defects,
    "report_type": mail.get_param("report-type"),
}, sys.stdout)
