"""What the columns of a table of people are: the address, whether they still want mail, and variables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warmpost.rules.model.addresses import Flaw
from warmpost.rules.model.names import MOST_CHARACTERS, has_controls

MOST_COLUMNS = 200
ADDRESS_COLUMNS = ("email", "to")

ALSO_ADDRESSES = frozenset(
    """
    emailaddress mail mailaddress mailadresse emailadresse email1 emailid subscriberemail customeremail contactemail
    primaryemail useremail recipient recipientemail courriel adressemail adresseemail adressecourriel
    adresseelectronique adresseélectronique correo correoelectronico correoelectrónico direcciondecorreo
    direccióndecorreo direcciondecorreoelectronico direccióndecorreoelectrónico indirizzoemail indirizzomail
    postaelettronica enderecodeemail endereçodeemail emailadres epost epostadress epostadresse eposta epostaadresi
    sahkoposti sähköposti sahkopostiosoite sähköpostiosoite adresemail adreseemail adresemailowy adrespocztyelektronicznej
    emailcim email-cím emailcím почта электроннаяпочта адресэлектроннойпочты эпочта эладрес email地址
    邮箱 邮箱地址 电子邮箱 电子邮件 电子邮件地址
    邮件地址 邮件 收件人 收件人邮箱 郵箱 電子郵件 電子郵件地址 電郵 電郵地址 信箱
    メール メールアドレス eメール eメールアドレス 電子メール
    이메일 이메일주소 전자우편 전자메일 메일주소
    """.split()
)
"""Names of the address column in exports and in people's languages, folded as `_folded` folds."""

LEFT = frozenset(
    """
    unsubscribed unsubscribe cleaned bounced hardbounced complained spam blocklisted blacklisted blocked suppressed
    disabled optedout optout nonsubscribed nonmarketing 退订 已退订 abgemeldet désabonné
    """.split()
)
"""Words in a status column that say that somebody is not to be written to, folded."""

STATUS_COLUMNS = (
    "status",
    "subscriptionstatus",
    "emailstatus",
    "emailmarketingstatus",
    "marketingcontactstatus",
)
WANTS_COLUMNS = ("acceptsmarketing", "acceptsemailmarketing", "emailmarketingconsent", "acceptsemail")
LEFT_COLUMNS = (
    "unsubscribedfromallemail",
    "unsubscribed",
    "optedoutofemail",
    "globallyunsubscribed",
    "blocklisted",
)
WHEN_LEFT_COLUMNS = ("unsubtime", "unsubscribedat", "cleantime", "emailhardbouncereason", "bouncedat")
NO, YES = frozenset("no false 0 n f nein non".split()), frozenset("yes true 1 y t ja oui".split())


@dataclass(frozen=True, slots=True)
class Columns:
    """address: where it stands. names: of the variables by place; what is missing is not kept. renamed: names of columns
    that no template could write, and what they are called instead. consent: places that may say that somebody has left.
    """

    count: int
    address: int
    names: Mapping[int, str]
    renamed: Mapping[str, str]
    consent: Mapping[int, str]


def read_columns(
    cells: Sequence[str], address: Sequence[str] = ADDRESS_COLUMNS, named: str = ""
) -> Columns | Flaw:
    """address: names that the address column may have beside the usual ones. named: which one it is, empty for unknown."""
    header = [cell.strip() for cell in cells]
    if len(header) > MOST_COLUMNS:
        return Flaw(f"has {len(header)} columns; {MOST_COLUMNS} are possible")
    at = _named(header, named) if named else _address(header, address)
    if isinstance(at, Flaw):
        return at
    for place, name in enumerate(header):
        if len(name) > MOST_CHARACTERS or has_controls(name):
            return Flaw(
                f"has a name in column {place + 1} of its header that is longer than {MOST_CHARACTERS} characters "
                "or holds control characters"
            )
        if name and name in header[:place]:
            return Flaw(f"has the column {name!r} twice in its header")
    consent = {place: name for place, name in enumerate(header) if _folded(name) in _CONSENT}
    names = _variables(header, at)
    renamed = {header[place]: name for place, name in names.items() if name != header[place]}
    return Columns(len(header), at, names, renamed, consent)


def _named(header: Sequence[str], named: str) -> int | Flaw:
    places = [at for at, name in enumerate(header) if name.casefold() == named.strip().casefold()]
    return (
        places[0]
        if places
        else Flaw(f"has no column {named[:100]!r} in its header; there are {_list(header)}")
    )


def _address(header: Sequence[str], wanted: Sequence[str]) -> int | Flaw:
    folded = [_folded(name) for name in header]
    exact = [at for at, name in enumerate(folded) if name in wanted]
    usual = exact or [at for at, name in enumerate(folded) if name in ALSO_ADDRESSES]
    if len(usual) == 1 or (usual and not exact):
        return usual[0]
    if usual:
        either = " or ".join(f"`{name}`" for name in wanted)
        return Flaw(f"has several columns for the address in its header; {either} may stand there once")
    return Flaw(
        f"has no column `{wanted[0]}` in its header, and none that is known for addresses; there are {_list(header)}"
    )


def _list(header: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in header[:20])
    return f"{shown} and {len(header) - 20} more" if len(header) > 20 else shown


def _folded(name: str) -> str:
    """Without case, white space and punctuation: `E-Mail Address` is `emailaddress`."""
    return "".join(char for char in unicodedata.normalize("NFKC", name).casefold() if char.isalnum())


def _variables(header: Sequence[str], address: int) -> dict[int, str]:
    """Names as they are where a template can write them; two that would be alike get a number."""
    taken = {name for at, name in enumerate(header) if at != address and name.isidentifier()}
    names: dict[int, str] = {}
    for at, column in enumerate(header):
        if at == address or not column:
            continue
        name = variable_name(column)
        if name != column:
            again = 1
            while name in taken:
                again += 1
                name = f"{variable_name(column)}_{again}"
            taken.add(name)
        names[at] = name
    return names


def variable_name(column: str) -> str:
    """`First Name` is `first_name`; what a template can write already stays as it is."""
    if column.isidentifier():
        return column
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", column)).strip("_").lower()
    return name if name.isidentifier() else f"_{name}"


def with_names(data: Mapping[str, object]) -> dict[str, object]:
    """Variables under names that a template can write."""
    return {variable_name(name): value for name, value in data.items()}


_CONSENT = {*STATUS_COLUMNS, *WANTS_COLUMNS, *LEFT_COLUMNS, *WHEN_LEFT_COLUMNS}


def has_left(columns: Columns, cells: Sequence[str]) -> str:
    """Why this person is not to be written to, in the words of the table; empty where nothing says so."""
    for at, name in columns.consent.items():
        value = cells[at].strip()
        if value and _says_no(_folded(name), _folded(value), value):
            return f"not subscribed there ({name}: {value[:60]})"
    return ""


def _says_no(column: str, folded: str, value: str) -> bool:
    if column in STATUS_COLUMNS:
        return folded in LEFT
    if column in WANTS_COLUMNS:
        return folded in NO or folded in LEFT
    if column in LEFT_COLUMNS:
        return folded in YES
    return bool(value)
