import pytest

from warmpost.rules.delivery.mailbox_providers import NAMES, OTHER, SIMULATOR, provider_of


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("a@gmail.com", "gmail"),
        ("A.B+c@GoogleMail.COM", "gmail"),
        ("a@hotmail.co.uk", "outlook"),
        ("a@yahoo.co.jp", "yahoo"),
        ("a@me.com", "icloud"),
        ("1234@qq.com", "qq"),
        ("a@foxmail.com", "qq"),
        ("a@126.com", "163"),
        ("a@bk.ru", "mailru"),
        ("a@web.de", "gmx"),
        ("a@example.com", OTHER),
        ("a@mail.gmail.com.example", OTHER),
        ("a@sub.gmail.com", OTHER),
        ('"a@gmail.com"@example.com', OTHER),
        ("nothing", OTHER),
    ],
)
def test_addresses_belong_to_the_provider_of_their_domain(address, provider):
    assert provider_of(address) == provider


def test_names_can_stand_in_the_path_of_a_figure():
    assert all(name.isalnum() for name in NAMES)
    assert len(set(NAMES)) == len(NAMES)
    assert {OTHER, SIMULATOR} <= set(NAMES)
