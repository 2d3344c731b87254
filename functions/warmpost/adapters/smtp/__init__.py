"""Handing messages to relays over SMTP: pooled connections, pipelined, and never a guess about what was taken.

relays      pools of connections; spreads a claim batch over them
opening     connect, encrypt and log in (aiosmtplib)
connection  one pipelined conversation
claim batch      the messages that several connections share
wire        commands and content as bytes
"""

from warmpost.adapters.smtp.pool import Relays
from warmpost.adapters.smtp.wire import Timeouts

__all__ = ["Relays", "Timeouts"]
