"""One mail on standard input, sent with Django as its manual says; in a process, as its settings are its process's."""

from __future__ import annotations

import base64
import json
import sys
from email.mime.image import MIMEImage

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

given = json.load(sys.stdin)
settings.configure(
    EMAIL_HOST="localhost",
    EMAIL_PORT=given["port"],
    EMAIL_USE_TLS=given["tls"],
    EMAIL_HOST_USER=given["user"] if given["tls"] else "",
    EMAIL_HOST_PASSWORD=given["password"] if given["tls"] else "",
)
quoted = given["from_name"].replace('"', "")
mail = EmailMultiAlternatives(
    given["subject"], given["text"], f'"{quoted}" <{given["from"]}>', given["to"], given["bcc"]
)
if given["html"]:
    mail.attach_alternative(given["html"], "text/html")
if given["invitation"]:
    mail.attach_alternative(given["invitation"], "text/calendar; method=REQUEST")
for one in given["inline"]:
    picture = MIMEImage(base64.b64decode(one["content"]))
    picture.add_header("Content-ID", f"<{one['cid']}>")
    picture.add_header("Content-Disposition", "inline", filename=one["name"])
    mail.attach(picture)
for one in given["attachments"]:
    mail.attach(one["name"], base64.b64decode(one["content"]), one["kind"])
try:
    mail.send()
except Exception as error:
    sys.exit(repr(error))
