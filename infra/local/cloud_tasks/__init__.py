"""A local Cloud Tasks that the stock `google-cloud-tasks` client speaks to, since Google ships no emulator.

__main__    the command line; starts and stops everything below
service     gRPC: what the client asks for
limits      what the real service refuses, with its codes and words
registry    the queues and tasks that exist, and the names that are used up
dispatch    the loop that delivers what is due, and what each answer means
queues      one queue: order of tasks, rate, concurrency
retries     how long a failed task waits
courier     one HTTP delivery and what came of it
issuer      OIDC tokens and the keys that verify them
store       everything above in one SQLite file
journey     moving the shared clock forward over the work that falls due
admin       HTTP: health, counts, keys, moving the clock
"""
