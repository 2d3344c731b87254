#!/bin/sh
# certbot's deploy hook: the certificate and its key to where the gateway may read them, both before it is told.
set -eu
install -m 644 "$RENEWED_LINEAGE/fullchain.pem" /etc/ssl/certs/warmpost-submission.pem
install -m 640 -g ssl-cert "$RENEWED_LINEAGE/privkey.pem" /etc/ssl/private/warmpost-submission.key
if systemctl --quiet is-active warmpost-submission; then
  systemctl reload warmpost-submission
fi
