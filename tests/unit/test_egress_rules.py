"""Which hosts an allowlist lets through, and what an address of the open internet is."""

import pytest

from pytest_mlrbench.sandboxes import egress
from pytest_mlrbench.sandboxes.egress_rules import Entry, decide, is_public


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.17.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a9fe:a9fe", False),
        ("64:ff9b::808:808", True),
        ("2002:7f00:1::", False),
    ],
)
def test_addresses_of_the_open_internet(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("text", "host", "ports"),
    [
        ("Example.org", "example.org", (80, 443)),
        ("example.org:8443", "example.org", (8443,)),
        ("*.example.org", "*.example.org", (80, 443)),
        ("10.0.0.5:3128", "10.0.0.5", (3128,)),
        ("fd00::5", "fd00::5", (80, 443)),
        ("[fd00::5]:81", "fd00::5", (81,)),
    ],
)
def test_an_entry_is_a_host_and_its_ports(text: str, host: str, ports: tuple[int, ...]) -> None:
    entry = Entry.parse(text)
    assert (entry.host, entry.ports) == (host, ports)


@pytest.mark.parametrize(
    "text", ["", "*", "*.*", "https://example.org", "example.org/x", "a b", "example.org:0", "example.org:x", "-a.org"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a name"):
        Entry.parse(text)


def lookup(table: dict[str, list[str]]) -> egress.Any:
    def resolver(host: str, port: int) -> list[str]:
        return table[host]

    return resolver


LIST = (Entry.parse("files.example.org"), Entry.parse("*.hub.example"), Entry("index.example", (443,), "index", private=False))
PUBLIC = {"files.example.org": ["8.8.4.4"], "cdn.hub.example": ["8.8.8.8"], "index.example": ["8.8.8.8"]}


@pytest.mark.parametrize(
    ("host", "port"), [("files.example.org", 443), ("files.example.org", 80), ("cdn.hub.example", 443), ("index.example", 443)]
)
def test_what_is_on_the_list_is_allowed_at_the_address_that_was_looked_up(host: str, port: int) -> None:
    decision = decide(LIST, host, port, lookup(PUBLIC))
    assert decision.allowed
    assert decision.address == PUBLIC[host][0]


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("files.example.org", 22),
        ("files.example.org.evil.example", 443),
        ("evilfiles.example.org", 443),
        ("hub.example", 443),
        ("evilhub.example", 443),
        ("index.example", 80),
        ("8.8.8.8", 443),
        ("secret-data.evil.example", 443),
    ],
)
def test_what_is_not_on_the_list_is_never_looked_up(host: str, port: int) -> None:
    decision = decide(LIST, host, port, lookup({}))  # a look-up would be a KeyError
    assert not decision.allowed
    assert "not on the list" in decision.reason


@pytest.mark.parametrize("inner", ["127.0.0.1", "169.254.169.254", "172.17.0.1", "::ffff:10.0.0.1"])
def test_a_name_that_leads_inside_is_refused_unless_the_user_named_it(inner: str) -> None:
    table = lookup({"cdn.hub.example": ["8.8.8.8", inner], "index.example": [inner], "files.example.org": [inner]})
    for host in ("cdn.hub.example", "index.example"):
        assert inner in decide(LIST, host, 443, table).reason
    assert decide(LIST, "files.example.org", 443, table).address == inner


def configured(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], hub: str = "https://hub.example") -> None:
    monkeypatch.setattr(egress, "pip_settings", lambda: settings)
    monkeypatch.setenv("HF_ENDPOINT", hub)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)


def test_hosts_are_those_of_this_machines_pip_and_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = {
        "index-url": "https://user:word@mirror.example:8443/simple",
        "extra-index-url": "file:///opt/x http://more.example/simple",
    }
    configured(monkeypatch, urls)
    found = egress.reach(["extra.example"])
    assert found.told() == {
        "pip": ["mirror.example:8443", "more.example:80"],
        "hub": ["hub.example:443"],
        "--mlr-allow-host": ["extra.example:80,443"],
    }
    assert "word" in found.indexes[0]
    inside = egress.variables(found, "http://127.0.0.1:3128", "/run/x")
    assert "word" not in str(inside)
    assert inside["PIP_INDEX_URL"] == "https://mirror.example:8443/simple"
    assert inside["PIP_EXTRA_INDEX_URL"] == "http://more.example/simple"
    assert inside["HF_ENDPOINT"] == "https://hub.example"
    assert inside["HTTPS_PROXY"] == inside["https_proxy"] == "http://127.0.0.1:3128"
    assert "PIP_CERT" not in inside


def test_pip_without_an_index_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    configured(monkeypatch, {"no-index": "true"})
    assert egress.reach().indexes == ()


def test_pips_own_default_is_asked_for_where_nothing_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    configured(monkeypatch, {})
    [index] = egress.reach().indexes
    assert index.startswith("https://")


def test_a_bundle_of_certificates_that_pip_names_is_taken_along(monkeypatch: pytest.MonkeyPatch, tmp_path: egress.Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("x")
    configured(monkeypatch, {"no-index": "true", "cert": str(bundle)})
    found = egress.reach()
    assert found.certificates == str(bundle)
    assert egress.variables(found, "p", "/run/x")["SSL_CERT_FILE"] == "/run/x/ca.pem"
