"""One mail by a submission port, logged in over TLS without a certificate; prints the code of the last answer."""

import smtplib
import ssl
import sys

port, user, password, sender, recipient = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.maximum_version = ssl.TLSVersion.TLSv1_2
context.set_ciphers("aNULL:@SECLEVEL=0")
client = smtplib.SMTP("127.0.0.1", int(port), timeout=60)
client.starttls(context=context)
client.login(user, password)
code = client.docmd("MAIL", f"FROM:<{sender}>")[0]
if code == 250:
    code = client.docmd("RCPT", f"TO:<{recipient}>")[0]
if code == 250:
    code = client.data(sys.stdin.buffer.read())[0]
client.quit()
print(code)
