"""A local Cloud Tasks that the stock `google-cloud-tasks` client speaks to, since Google ships no emulator.

__main__    the command line; starts and stops everything below
service     gRPC: requests of the client to calls of the broker
limits      what the real service refuses, with its codes and words
broker      queues and tasks, and the loop that dispatches what is due
queues      one queue: order of tasks, rate, concurrency
retries     how long a failed task waits
courier     one HTTP delivery and what came of it
issuer      OIDC tokens and the keys that verify them
store       everything above in one SQLite file
journey     moving the shared clock forward over the work that falls due
admin       HTTP: health, counts, keys, moving the clock
"""
