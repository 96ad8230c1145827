"""Information, access, logs and shutdown of a server over real connections."""

from __future__ import annotations

import json
import logging
import re
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.serve.conftest import running, wait_until

from emotone.errors import ConfigError, UsageError
from emotone.inference.display import COLOURS
from emotone.serve.observation import LOGGER, JsonFormatter
from emotone.serve.server import listen
from emotone.serve.service import load_models
from emotone.serve.settings import Limits, Settings, read_tokens

if TYPE_CHECKING:
    from pathlib import Path

    from tests.serve.conftest import RunningServer, StartServer

    from emotone.inference.model import Model

TOKEN = "0123456789abcdef-ok"  # noqa: S105
ORIGIN = "https://example.org"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes(path: str, server: RunningServer) -> None:
    with server.client() as client:
        assert client.get(path).status_code == 200


def test_models(server: RunningServer, model: Model) -> None:
    with server.client() as client:
        (found,) = client.get("/v1/models").json()["models"]
    manifest = model.bundle.manifest
    assert (found["name"], found["labels"], found["default"]) == ("tiny", list(manifest.labels), True)
    assert (found["sha256"], found["licence"]) == (model.bundle.sha256, manifest.licence)


def test_the_openapi_document_describes_the_routes(server: RunningServer) -> None:
    with server.client() as client:
        document = client.get("/openapi.json").json()
    assert {"/v1/predict", "/v1/models", "/healthz", "/readyz", "/metrics"} <= set(document["paths"])
    operation = document["paths"]["/v1/predict"]["post"]
    assert {one["name"] for one in operation["parameters"]} == {"model", "channel", "track", "format"}
    assert {"413", "415", "422", "503"} <= set(operation["responses"])


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_load_nothing_from_elsewhere(path: str, server: RunningServer) -> None:
    with server.client() as client:
        response = client.get(path)
    assert response.status_code == 200
    assert re.findall(r"""(?:src|href)=["'](?!/|#|data:)""", response.text) == []
    assert "https://" not in response.text
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def test_an_unknown_path_is_a_failure_object(server: RunningServer) -> None:
    with server.client() as client:
        response = client.get("/v2/predict")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_path")


def test_metrics_count_requests(start_server: StartServer) -> None:
    with start_server().client() as client:
        client.get("/v1/models")
        client.get("/v1/models")
        client.post("/v1/predict", content=b"text")
        text = client.get("/metrics").text
    assert 'emotone_requests_total{method="GET",route="/v1/models",status="200"} 2.0' in text
    assert 'emotone_requests_total{method="POST",route="/v1/predict",status="415"} 1.0' in text
    assert 'emotone_request_seconds_count{route="/v1/models"} 2.0' in text
    assert "emotone_sessions_open 0.0" in text


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"# clients\n{TOKEN}\n\nanother-0123456789\n")
    return path


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong-0123456789abc"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"Authorization": "bearer another-0123456789"}, 200),
    ],
)
def test_tokens(headers: dict[str, str], status: int, token_file: Path, start_server: StartServer) -> None:
    with start_server(tokens=read_tokens(token_file)).client() as client:
        assert client.get("/v1/models", headers=headers).status_code == status
        assert client.get("/metrics", headers=headers).status_code == status
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "contains no token"), ("# nothing\n", "contains no token"), ("short\n", "line 1: not a token")],
)
def test_files_without_tokens_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_tokens(path)


def test_tokens_are_not_in_their_representation(token_file: Path) -> None:
    assert TOKEN not in repr(read_tokens(token_file))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": ORIGIN}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "attacker.example:80", "Origin": "http://attacker.example:80"}, 403),
        ({"Host": "attacker.example"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:8484", "Origin": "http://[::1]:8484"}, 200),
    ],
)
def test_origins_and_hosts_of_a_local_server(headers: dict[str, str], status: int, server: RunningServer) -> None:
    with server.client() as client:
        assert client.get("/v1/models", headers=headers).status_code == status


def test_the_own_origin_is_allowed(server: RunningServer) -> None:
    with server.client() as client:
        assert client.get("/v1/models", headers={"Origin": server.url}).status_code == 200


def test_an_allowed_origin_may_use_the_server(start_server: StartServer) -> None:
    with start_server(origins=(ORIGIN,)).client() as client:
        response = client.get("/v1/models", headers={"Origin": ORIGIN})
        assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
        assert client.get("/v1/models", headers={"Origin": "https://other.org"}).status_code == 403
        assert client.get("/v1/models", headers={"Host": "example.org"}).status_code == 200


def test_logs_are_json_without_audio_or_names(
    server: RunningServer, recording: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger=LOGGER), server.client() as client:
        response = client.post("/v1/predict", files={"file": ("secret-name.wav", recording)})
        wait_until(lambda: any(record.getMessage() == "request" for record in caplog.records))
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records if record.name == LOGGER]
    (line,) = [one for one in lines if one["event"] == "request"]
    assert (line["route"], line["status"]) == ("/v1/predict", 200)
    assert line["id"] == response.headers["X-Request-Id"]
    assert line["bytes"] > len(recording)
    assert "secret-name" not in json.dumps(lines)
    assert response.json()["clip"]["label"] not in json.dumps(lines)


def test_tls(start_server: StartServer, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    subprocess.run([*command, *names, "-keyout", key, "-out", cert], check=True, capture_output=True, timeout=60)
    server = start_server(tls_cert=str(cert), tls_key=str(key))
    assert server.url.startswith("https://")
    with server.client(verify=ssl.create_default_context(cafile=str(cert))) as client:
        assert client.get("/healthz").status_code == 200


def test_a_used_port_is_refused(server: RunningServer) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(UsageError, match=f"can't listen on 127.0.0.1, port {port}"):
        listen(Settings(port=port))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (lambda: Limits(sessions=0), "sessions must be at least"),
        (lambda: Limits(queue=-1), "queue must be at least 0"),
        (lambda: Settings(tls_cert="cert.pem"), "needs both a certificate and its private key"),
    ],
)
def test_wrong_settings_are_refused(settings: object, message: str) -> None:
    assert callable(settings)
    with pytest.raises(ConfigError, match=message):
        settings()


def test_two_models_of_one_name_are_refused(tiny_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="two models are named 'tiny'"):
        load_models([str(tiny_bundle), str(tiny_bundle)])


def test_the_page_uses_the_palette(server: RunningServer) -> None:
    with server.client() as client:
        text = client.get("/").text
    assert dict(re.findall(r'(\w+): "(#[0-9a-f]{6})"', text)) == COLOURS


def test_a_model_whose_files_are_removed_still_predicts(tiny_bundle: Path, tmp_path: Path, recording: bytes) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_bundle, folder)
    with running(folder) as server, server.client() as client:
        before = client.post("/v1/predict", content=recording).json()
        shutil.rmtree(folder)
        assert client.post("/v1/predict", content=recording).json() == before
