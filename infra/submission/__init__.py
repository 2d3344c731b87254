"""The SMTP submission gateway: any program hands a message to `send`, and 250 means that it is stored."""
