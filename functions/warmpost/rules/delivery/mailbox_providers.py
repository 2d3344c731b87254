"""Mailbox providers, by the domain of an address: the grain at which delivery goes well or badly."""

from __future__ import annotations

SIMULATOR = "simulator"
OTHER = "other"

_GROUPS: dict[str, str] = {
    "gmail": "gmail.com googlemail.com",
    "outlook": "outlook.com hotmail.com live.com msn.com hotmail.co.uk hotmail.fr hotmail.de hotmail.it outlook.fr"
    " outlook.de live.fr live.nl live.co.uk windowslive.com passport.com",
    "yahoo": "yahoo.com ymail.com rocketmail.com yahoo.co.uk yahoo.fr yahoo.de yahoo.it yahoo.es yahoo.ca yahoo.co.in"
    " yahoo.com.br yahoo.com.mx yahoo.co.jp aol.com aim.com verizon.net",
    "icloud": "icloud.com me.com mac.com",
    "qq": "qq.com vip.qq.com foxmail.com",
    "163": "163.com 126.com yeah.net vip.163.com vip.126.com 188.com",
    "sina": "sina.com sina.cn vip.sina.com sina.com.cn",
    "mailru": "mail.ru bk.ru inbox.ru list.ru internet.ru",
    "yandex": "yandex.ru yandex.com ya.ru",
    "gmx": "gmx.de gmx.net gmx.at gmx.ch gmx.com web.de",
    "tonline": "t-online.de magenta.de",
    "orange": "orange.fr wanadoo.fr",
    "naver": "naver.com",
    "proton": "proton.me protonmail.com pm.me",
    "zoho": "zoho.com zohomail.com",
    "comcast": "comcast.net xfinity.com",
}
_BY_DOMAIN = {domain: name for name, domains in _GROUPS.items() for domain in domains.split()}
NAMES = (*_GROUPS, OTHER, SIMULATOR)


def provider_of(address: str) -> str:
    """The group's name, or `other`."""
    return _BY_DOMAIN.get(address.rpartition("@")[2].lower(), OTHER)
