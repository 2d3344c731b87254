"""`dev.py bench`: Warmpost beside what else sends mail, measured on this machine in one go."""
