"""What can go wrong, as codes and messages a client can act on.

    Problem                      everything a caller is told about
    ├── Invalid           422    a field holds something that cannot work
    ├── Malformed         400    the request itself cannot be read
    ├── Unauthorized      401    no key, or a wrong or revoked one
    ├── Forbidden         403    the key's scopes do not allow it
    ├── NotFound          404
    ├── NotAllowed        405    the path is there, for other methods
    ├── Conflict          409    another state than the request assumes
    ├── Outdated          412    another version than the request was made for
    ├── TooLarge          413
    ├── UnsupportedType   415    a coding of the body that is not known here
    ├── LimitReached      429    try again later; `retry_after` says when
    └── Unavailable       503    nothing was accepted; try again

The numbers are what `gateways.http.app` answers; nothing here knows of HTTP.
"""

from __future__ import annotations


class Problem(Exception):
    """One reason a request is refused.

    code: stable, lower_snake_case, for programs. message: a sentence for people that says what would be right.
    field: a path such as `recipients[3].to`, where one field is to blame. retry_after: seconds.
    """

    def __init__(
        self, code: str, message: str, field: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.retry_after = retry_after


class Malformed(Problem):
    pass


class Unauthorized(Problem):
    pass


class Forbidden(Problem):
    pass


class NotFound(Problem):
    pass


class NotAllowed(Problem):
    """allow: the methods there are, as the field `Allow` lists them (RFC 9110 section 10.2.1)."""

    def __init__(self, code: str, message: str, allow: str) -> None:
        super().__init__(code, message)
        self.allow = allow


class Conflict(Problem):
    pass


class Outdated(Problem):
    """RFC 9110 section 13.1.1: `If-Match` names another version."""


class TooLarge(Problem):
    pass


class UnsupportedType(Problem):
    pass


class Invalid(Problem):
    pass


class LimitReached(Problem):
    pass


class Unavailable(Problem):
    pass


class Moved(Exception):
    """A document changed, appeared or vanished between reading and writing it: read again and decide anew."""
