"""E-mail sending as serverless functions."""

VERSION = "2026.11"
