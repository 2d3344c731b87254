"""What the SMTP servers of this repository share: the inbox of the local stack and the submission gateway."""
