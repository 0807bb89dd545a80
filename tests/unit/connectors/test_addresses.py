"""Addresses that workspaces give do not lead into our own network."""

import socket

import pytest

from lobby_common.errors import Invalid
from lobby_connectors.addresses import AddressRules, GuardedResolver

PRIVATE = [
    "https://127.0.0.1/",
    "https://localhost:8080",
    "https://a.localhost",
    "https://db.internal",
    "https://10.0.0.1",
    "https://192.168.1.1",
    "https://172.16.0.1",
    "https://169.254.169.254/latest",
    "https://100.64.0.1",
    "https://0.0.0.0",
    "https://[::1]",
    "https://[fe80::1%25eth0]",
    "https://[fd00::1]",
    "https://[::ffff:10.0.0.1]",
    "https://[2002:7f00:1::]",
    "https://2130706433",
    "https://0x7f.1",
    "https://0177.0.0.1",
    "https://127.1",
    "https://224.0.0.1",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_private_addresses_are_refused(url):
    with pytest.raises(Invalid, match="API_BASE_URL_REFUSED"):
        AddressRules(allow_private=False).api_base(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:9/x/", "https://10.0.0.1"])
def test_a_sandbox_on_this_machine_is_allowed_where_the_operator_says_so(url):
    assert AddressRules(allow_private=True).api_base(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.facebook.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "example.com",
        "https://",
        "https://user:pass@example.com",
        "https://example.com/a b",
        "https://example.com:99999",
        "https://[::1",
        "gopher://example.com",
    ],
)
@pytest.mark.parametrize("allow_private", [True, False])
def test_what_is_no_plain_https_address_is_refused(url, allow_private):
    with pytest.raises(Invalid, match="API_BASE_URL_REFUSED"):
        AddressRules(allow_private=allow_private).api_base(url)


def test_public_addresses_are_taken():
    rules = AddressRules(allow_private=False)
    assert rules.api_base("https://graph.example.com/") == "https://graph.example.com"
    assert rules.api_base("https://8.8.8.8") == "https://8.8.8.8"
    assert rules.attachment("http://example.com/a.png", https_only=False)
    with pytest.raises(Invalid, match="ATTACHMENT_URL_REFUSED"):
        rules.attachment("http://example.com/a.png", https_only=True)


async def test_a_name_that_leads_into_our_network_is_not_resolved():
    resolver = GuardedResolver(allow_private=False)
    with pytest.raises(OSError, match="private network"):
        await resolver.resolve("localhost", 80, socket.AF_INET)
    assert await GuardedResolver(allow_private=True).resolve("localhost", 80, socket.AF_INET)
