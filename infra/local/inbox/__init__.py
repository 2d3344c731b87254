"""The local stack's inbox: a real SMTP server that keeps every message and shows it in the browser.

scripted   what a recipient's address asks the server to answer
smtp       the SMTP server (aiosmtpd), STARTTLS, AUTH, pipelining
maildir    one file per message and recipient, written before the 250
index      what the Maildir holds, newest first, searched by recipient and subject
message     a stored message taken apart for people: headers, text, HTML, attachments
verdict    an independent check of its DKIM signatures
web        the page, and the same as JSON

Run: `python -m infra.local.inbox --smtp-port 2525 --http-port 8025 --maildir DIR`
"""
