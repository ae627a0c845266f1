"""Hooks as the providers' own libraries sign them, one JSON list on stdout: what tests/proof.rs checks.

Each entry has a scheme with its arguments, a request, the time (ms) it is checked at, whether its body is covered, and
documents that were fetched. Keys are made anew each time.
"""

import base64
import datetime
import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import jwt
import nacl.encoding
import nacl.signing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from plivo.utils.signature_v3 import construct_get_url, construct_post_url, get_signature_v3
from twilio.request_validator import RequestValidator
from vonage_http_client.auth import Auth

NOW = int(time.time())
URL = "https://sms.example.com/gateway/main/hook/inbound"
FORM = "application/x-www-form-urlencoded"
TEXT = {"From": "+15550001111", "To": "+15550100000", "Body": "Grüße & 50 % = ~*+ 🎉", "NumMedia": "0", "Empty": ""}
out = []


def hook(name, scheme, arguments, method, url, headers, body, covered=True, at=NOW, fetched=None, aged=0):
    out.append({
        "name": name, "scheme": scheme, "arguments": arguments, "method": method, "url": url, "headers": headers,
        "body": base64.b64encode(body.encode()).decode(), "covered": covered, "at": at * 1000,
        "fetched": fetched or {}, "aged": aged,
    })


# Twilio: a form, a query, JSON by its digest
twilio = RequestValidator("twilio-token")
for url in (URL, URL + "?foo=1&bar=a%20b", "https://sms.example.com:8443/hook"):
    plain = url.replace(":8443", "")
    hook("twilio form", "twilio", {"key": "twilio-token"}, "POST", url,
         {"Content-Type": FORM, "X-Twilio-Signature": twilio.compute_signature(plain, TEXT)}, urlencode(TEXT))
query = URL + "?" + urlencode(TEXT)
hook("twilio query", "twilio", {"key": "twilio-token"}, "GET", query,
     {"X-Twilio-Signature": twilio.compute_signature(query, {})}, "")
body = json.dumps({"a": 1})
signed = URL + "?bodySHA256=" + twilio.compute_hash(body)
hook("twilio json", "twilio", {"key": "twilio-token"}, "POST", signed,
     {"Content-Type": "application/json", "X-Twilio-Signature": twilio.compute_signature(signed, {})}, body)

# Plivo, version 3
for url in (URL, URL + "?b=2&a=1&a=0"):
    base = construct_post_url(url, dict(TEXT)).decode()
    signature = get_signature_v3("plivo-token", base, "12345").decode()
    hook("plivo form", "plivo", {"key": "plivo-token"}, "POST", url,
         {"Content-Type": FORM, "X-Plivo-Signature-V3": "AAAA," + signature, "X-Plivo-Signature-V3-Nonce": "12345"},
         urlencode(TEXT))
# Its library reads queries as ASCII alone.
plain = URL + "?" + urlencode(TEXT | {"Body": "a & b = c"})
base = construct_get_url(plain, {}).decode()
hook("plivo query", "plivo", {"key": "plivo-token"}, "GET", plain,
     {"X-Plivo-Signature-V3": get_signature_v3("plivo-token", base, "12345").decode(),
      "X-Plivo-Signature-V3-Nonce": "12345"}, "")

# Vonage: parameters and their sig
for method in ("md5", "sha1", "sha256", "sha512"):
    params = {**TEXT, "timestamp": str(NOW), "nonce": "n"}
    auth = Auth(api_key="key", signature_secret="vonage-secret", signature_method=method)
    params["sig"] = auth.sign_params(dict(params))
    arguments = {"key": "vonage-secret", "method": method}
    hook("vonage form " + method, "vonage-sig", arguments, "POST", URL, {"Content-Type": FORM}, urlencode(params), aged=301)
    hook("vonage query " + method, "vonage-sig", arguments, "GET", URL + "?" + urlencode(params), {}, "", aged=301)
    hook("vonage json " + method, "vonage-sig", arguments, "POST", URL, {"Content-Type": "application/json"},
         json.dumps(params), covered=False, aged=301)

# Tokens: shared secret with the digest of the body, the address as audience, public keys
body = json.dumps({"message_uuid": "m", "text": "hi"})
digest = hashlib.sha256(body.encode()).hexdigest()
claims = {"iat": NOW, "jti": "j", "iss": "Vonage", "payload_hash": digest, "api_key": "key"}
hook("token of the messages api", "jwt",
     {"algorithms": ["HS256"], "key": "s" * 32, "iss": "Vonage", "body_hash": "payload_hash"}, "POST", URL,
     {"Authorization": "Bearer " + jwt.encode(claims, "s" * 32, "HS256")}, body, aged=361)
claims = {"exp": NOW + 600, "iat": NOW, "iss": "MessageBird", "payload_hash": digest,
          "url_hash": hashlib.sha256(URL.encode()).hexdigest()}
hook("token of messagebird", "jwt",
     {"algorithms": ["HS256", "HS384", "HS512"], "key": "s" * 64, "iss": "MessageBird", "url_hash": "url_hash",
      "body_hash": "payload_hash", "header": "MessageBird-Signature-JWT"}, "POST", URL,
     {"MessageBird-Signature-JWT": jwt.encode(claims, "s" * 64, "HS512")}, body, aged=661)
private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
elliptic = ec.generate_private_key(ec.SECP256R1())
for name, algorithm, key in (("rsa", "RS256", private), ("pss", "PS256", private), ("curve", "ES256", elliptic)):
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    claims = {"exp": NOW + 60, "aud": URL, "payload_hash": digest}
    hook("token " + name, "jwt",
         {"algorithms": [algorithm], "key": pem, "aud_url": True, "body_hash": "payload_hash"}, "POST", URL,
         {"Authorization": "Bearer " + jwt.encode(claims, key, algorithm)}, body, aged=121)

# Telnyx: Ed25519 over time and body
telnyx = nacl.signing.SigningKey.generate()
signature = telnyx.sign(f"{NOW}|{body}".encode()).signature
hook("telnyx", "ed25519",
     {"key": telnyx.verify_key.encode(nacl.encoding.Base64Encoder).decode(),
      "message": ["header:telnyx-timestamp", "body"], "separator": "|", "header": "telnyx-signature-ed25519",
      "timestamp": "header:telnyx-timestamp", "tolerance": "5m"}, "POST", URL,
     {"telnyx-timestamp": str(NOW), "telnyx-signature-ed25519": base64.b64encode(signature).decode()}, body, aged=301)


def mac(message):
    return hmac.new(b"hmac-key", message, hashlib.sha256).digest()


# Sinch, SMS Gateway for Android, textbee, seven, Bird: pieces
hook("sinch", "hmac",
     {"key": "hmac-key", "message": ["body", "header:x-sinch-webhook-signature-nonce", "header:x-sinch-webhook-signature-timestamp"],
      "separator": ".", "header": "x-sinch-webhook-signature", "encoding": "base64",
      "timestamp": "header:x-sinch-webhook-signature-timestamp"}, "POST", URL,
     {"x-sinch-webhook-signature": base64.b64encode(mac(f"{body}.n.{NOW}".encode())).decode(),
      "x-sinch-webhook-signature-nonce": "n", "x-sinch-webhook-signature-timestamp": str(NOW)}, body, aged=301)
hook("android", "hmac",
     {"key": "hmac-key", "message": ["body", "header:X-Timestamp"], "header": "X-Signature",
      "timestamp": "header:X-Timestamp"}, "POST", URL,
     {"X-Timestamp": str(NOW), "X-Signature": mac(f"{body}{NOW}".encode()).hex()}, body, aged=301)
hook("textbee", "hmac", {"key": "hmac-key", "message": ["body"], "header": "X-Signature"}, "POST", URL,
     {"X-Signature": mac(body.encode()).hex()}, body)
hook("seven", "hmac",
     {"key": "hmac-key", "message": ["header:X-Timestamp", "header:X-Nonce", "method", "url", "body|md5|hex"],
      "separator": "\n", "header": "X-Signature", "timestamp": "header:X-Timestamp"}, "POST", URL,
     {"X-Timestamp": str(NOW), "X-Nonce": "n",
      "X-Signature": mac(f"{NOW}\nn\nPOST\n{URL}\n{hashlib.md5(body.encode()).hexdigest()}".encode()).hex()}, body, aged=301)
hook("bird", "hmac",
     {"key": "hmac-key", "message": ["header:messagebird-request-timestamp", "url", "body|sha256"], "separator": "\n",
      "header": "messagebird-signature", "encoding": "base64", "timestamp": "header:messagebird-request-timestamp"},
     "POST", URL,
     {"messagebird-request-timestamp": str(NOW),
      "messagebird-signature": base64.b64encode(
          mac(f"{NOW}\n{URL}\n".encode() + hashlib.sha256(body.encode()).digest())).decode()}, body, aged=301)

# Amazon SNS, both versions, and a subscription
day = datetime.timedelta(days=1)
today = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc)


def certified(name, key, first, last):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(first).not_valid_after(last).sign(key, hashes.SHA256())
    ).public_bytes(serialization.Encoding.PEM).decode()


certificate = certified("sns.amazonaws.com", private, today - day, today + day)
another = rsa.generate_private_key(public_exponent=65537, key_size=2048)
strangers = {
    "of another": certified("sns.evil.example", private, today - day, today + day),
    "with another key": certified("sns.amazonaws.com", another, today - day, today + day),
    "too old": certified("sns.amazonaws.com", private, today - 2 * day, today - day),
    "too new": certified("sns.amazonaws.com", private, today + day, today + 2 * day),
}
address = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem"
topic = "arn:aws:sns:eu-west-1:123456789012:sms"
for kind, version, subject in (
    ("Notification", "1", None), ("Notification", "1", "s"), ("Notification", "2", None), ("Notification", "2", "s"),
    ("SubscriptionConfirmation", "1", None), ("SubscriptionConfirmation", "2", None), ("UnsubscribeConfirmation", "2", None),
):
    message = {
        "Type": kind, "MessageId": "m", "TopicArn": topic, "Message": '{"messageBody":"hi"}',
        "Timestamp": today.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "SignatureVersion": version, "SigningCertURL": address,
    }
    fields = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
    if subject:
        message["Subject"] = subject
        fields.append("Subject")
    if kind != "Notification":
        message |= {"Token": "t", "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"}
        fields += ["Token", "SubscribeURL"]
    canonical = "".join(f"{field}\n{message[field]}\n" for field in sorted(fields))
    chosen = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = private.sign(canonical.encode(), padding.PKCS1v15(), chosen)
    message["Signature"] = base64.b64encode(signature).decode()
    hook(f"sns {kind} {version}", "sns", {"topics": [topic]}, "POST", URL, {"Content-Type": "text/plain"},
         json.dumps(message), covered=False, fetched={address: certificate}, aged=7201)

print(json.dumps({
    "hooks": out,
    "strangers": strangers,
    "private": private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(),
    "public": private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
}))
