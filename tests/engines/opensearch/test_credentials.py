"""Who is told a password, and how it travels."""

import pytest
import trustme

import elsa_index as ei
from elsa_index.doctor import diagnose
from elsa_index.engines.opensearch import credentials

from ...support.clusters import build
from ...support.faulty_node import FaultyNode, Request

pytestmark = pytest.mark.usefixtures("little_patience")

CREDENTIALS = ("ELSA_INDEX_OPENSEARCH_USER", "ELSA_INDEX_OPENSEARCH_PASSWORD")


def test_credentials_in_a_url_are_refused():
    with pytest.raises(ei.UsageError, match="Credentials do not belong into a URL") as caught:
        ei.ClusterTarget("http://me:secret@host:9200", "name")
    assert "secret" not in str(caught.value)


def only_for(user: str, password: str):
    """A fault: 401 for everybody else."""
    import base64

    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def fault(request: Request):
        if {key.lower(): value for key, value in request.headers.items()}.get("authorization") == expected:
            return None
        return 401, b"Unauthorized"

    return fault


def test_passwords_come_from_the_environment_or_netrc_and_are_written_nowhere(
    codes, cluster, name, tmp_path, monkeypatch, capfd
):
    with FaultyNode(cluster.urls[0], only_for("anna", "s3cret")) as node:
        with pytest.raises(ei.ClusterError, match="it refuses requests without a user"):
            build(codes, tmp_path / "i", node.url, name)
        for variable, value in zip(CREDENTIALS, ("anna", "wr0ng"), strict=True):
            monkeypatch.setenv(variable, value)
        with pytest.raises(ei.ClusterError, match="it refuses the user 'anna'") as caught:
            build(codes, tmp_path / "i", node.url, name)
        assert "wr0ng" not in str(caught.value)
        monkeypatch.setenv(CREDENTIALS[1], "s3cret")
        build(codes, tmp_path / "i", node.url, name)
        for variable in CREDENTIALS:
            monkeypatch.delenv(variable)
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login anna password s3cret\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        with ei.Index.open(tmp_path / "i") as index:
            assert index.search([["item20"]], 3).proven.all()
        monkeypatch.delenv("NETRC")
        monkeypatch.setenv(CREDENTIALS[0], "anna")
        with pytest.raises(ei.UsageError, match="belong together"):
            ei.Index.open(tmp_path / "i")
    assert all(b"s3cret" not in path.read_bytes() for path in (tmp_path / "i").rglob("*") if path.is_file())
    assert "s3cret" not in "".join(capfd.readouterr())


def test_an_index_of_somebody_else_gets_no_password(codes, cluster, name, tmp_path, monkeypatch):
    heard: list[str] = []

    def listen(request: Request):
        heard.extend(value for key, value in request.headers.items() if key.lower() == "authorization")

    with FaultyNode(cluster.urls[0], listen) as node:
        build(codes, tmp_path / "i", node.url, name)
        # As in a process that was given the directory, and that has a password for a cluster of its own.
        monkeypatch.setattr(credentials, "_named", set())
        for variable, value in zip(CREDENTIALS, ("anna", "s3cret"), strict=True):
            monkeypatch.setenv(variable, value)
        netrc = tmp_path / "netrc"
        netrc.write_text("machine search.example login anna password s3cret\ndefault login bob password s3cret\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        ei.Index.open(tmp_path / "i").close()
        assert heard == []
        found = " ".join(finding.found for finding in diagnose())
        assert "'anna' of ELSA_INDEX_OPENSEARCH_USER to no host" in found
        assert "s3cret" not in found
        monkeypatch.setenv("ELSA_INDEX_OPENSEARCH_URL", node.url)
        ei.Index.open(tmp_path / "i").close()
        assert heard != []


def test_a_password_that_is_withheld_is_explained(codes, cluster, name, tmp_path, monkeypatch):
    with FaultyNode(cluster.urls[0], only_for("anna", "s3cret")) as node:
        for variable, value in zip(CREDENTIALS, ("anna", "s3cret"), strict=True):
            monkeypatch.setenv(variable, value)
        build(codes, tmp_path / "i", node.url, name)
        monkeypatch.setattr(credentials, "_named", set())
        with pytest.raises(ei.ClusterError, match=r"goes only to hosts that you name: set ELSA_INDEX_OPENSEARCH_URL"):
            ei.Index.open(tmp_path / "i")


@pytest.mark.parametrize("url", ["http://search.example:9200", "http://10.0.0.7:9200"])
def test_passwords_do_not_leave_this_machine_unencrypted(url, monkeypatch):
    for variable, value in zip(CREDENTIALS, ("anna", "s3cret"), strict=True):
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("ELSA_INDEX_OPENSEARCH_URL", url)
    with pytest.raises(ei.UsageError, match=rf"{url} is not encrypted, .* set ELSA_INDEX_OPENSEARCH_PLAIN=1"):
        credentials.credentials_for([url])
    monkeypatch.setenv("ELSA_INDEX_OPENSEARCH_PLAIN", "1")
    assert credentials.credentials_for([url]) == ("anna", "s3cret")
    monkeypatch.setenv(
        "ELSA_INDEX_OPENSEARCH_URL", "https://search.example:9200,http://127.0.0.1:9200,http://[::1]:9200"
    )
    monkeypatch.delenv("ELSA_INDEX_OPENSEARCH_PLAIN")
    for own in ("https://search.example:9200", "http://127.0.0.1:9200", "http://[::1]:9200"):
        assert credentials.credentials_for([own]) == ("anna", "s3cret")
    assert credentials.credentials_for(["https://search.example:9200", "https://other.example"]) is None


def test_certificates_are_verified(codes, cluster, name, tmp_path, monkeypatch):
    authority = trustme.CA()
    with FaultyNode(cluster.urls[0], lambda request: None, authority.issue_cert("127.0.0.1")) as node:
        with pytest.raises(ei.ClusterError, match=r"certificate is not trusted .* ELSA_INDEX_OPENSEARCH_CA"):
            build(codes, tmp_path / "i", node.url, name)
        monkeypatch.setenv("ELSA_INDEX_OPENSEARCH_CA", str(tmp_path / "none.pem"))
        with pytest.raises(ei.UsageError, match=r"none.pem', which holds no certificate"):
            build(codes, tmp_path / "i", node.url, name)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("ELSA_INDEX_OPENSEARCH_CA", str(tmp_path / "ca.pem"))
        build(codes, tmp_path / "i", node.url, name)


def test_tls_where_there_is_none(codes, cluster, name, tmp_path, monkeypatch):
    url = cluster.urls[0].replace("http://", "https://")
    with pytest.raises(ei.ClusterError, match="does not speak TLS; begin the URL with http://"):
        build(codes, tmp_path / "i", url, name)
    (tmp_path / "text").write_text("no certificate")
    monkeypatch.setenv("ELSA_INDEX_OPENSEARCH_CA", str(tmp_path / "text"))
    with pytest.raises(ei.UsageError, match="which holds no certificate"):
        build(codes, tmp_path / "i", url, name)


def test_passwords_of_any_letters_arrive(codes, cluster, name, tmp_path, monkeypatch):
    for variable, value in zip(CREDENTIALS, ("zoë", "pässwörd €"), strict=True):
        monkeypatch.setenv(variable, value)
    with FaultyNode(cluster.urls[0], only_for("zoë", "pässwörd €")) as node:
        build(codes, tmp_path / "i", node.url, name)


def test_a_url_and_a_variable_that_differ_are_refused(codes, tmp_path, monkeypatch):
    monkeypatch.setenv("ELSA_INDEX_OPENSEARCH_URL", "http://127.0.0.1:1")
    with pytest.raises(ei.UsageError, match=r"names http://127.0.0.1:1 and --url http://127.0.0.1:2; unset one"):
        build(codes, tmp_path / "i", "http://127.0.0.1:2", "name")


def test_a_password_goes_to_no_other_port_of_a_host(monkeypatch):
    """On a shared machine that is another user's program."""
    for variable, value in zip(CREDENTIALS, ("anna", "s3cret"), strict=True):
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(credentials, "_named", set())
    monkeypatch.setenv("ELSA_INDEX_OPENSEARCH_URL", "http://localhost:9200,https://search.example")
    assert credentials.credentials_for(["http://localhost", "https://search.example:443"]) == ("anna", "s3cret")
    for url in ("http://localhost:41011", "https://localhost:9200", "https://search.example:9200"):
        assert credentials.credentials_for([url]) is None
