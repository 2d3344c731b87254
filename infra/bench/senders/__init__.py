"""One program for each way to send: `SENDER JOB.json` sends what the job says and prints its result as JSON."""
