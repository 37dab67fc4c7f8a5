"""Installs deploy/kubernetes/overlays/ci on the cluster of KUBECONFIG, with passwords that nobody knows."""

import os
import secrets
import tempfile
from pathlib import Path

from deploy.e2e.cluster import KUBERNETES, NAMESPACE, PATIENCE, eventually, kubectl, listed, make_secret

IMAGE = os.environ.get("CREDITRISK_IMAGE", "creditrisk:e2e")
DEPLOYMENTS = ("postgres", "creditrisk", "dagster-webserver", "dagster-daemon", "exporter", "dashboard")
"""The API is not among them: it is ready when a model is in charge."""


def install() -> None:
    """Make the namespace with everything in it, and wait until it is up."""
    kubectl("apply", "--filename", str(KUBERNETES / "base" / "namespace.yaml"))
    _make_secrets()
    manifests = kubectl("kustomize", str(KUBERNETES / "overlays" / "ci")).replace("creditrisk:e2e", IMAGE)
    kubectl("apply", "--filename", "-", given=manifests)
    for name in DEPLOYMENTS:
        kubectl("rollout", "status", f"deployment/{name}", f"--timeout={300 * PATIENCE:.0f}s")
    for name in ("migrate", "book"):
        kubectl("wait", "--for=condition=complete", f"job/{name}", f"--timeout={300 * PATIENCE:.0f}s")
    eventually(_api_is_up, 120, "the API answers that it is alive")


def exists() -> bool:
    """Is there a namespace of that name already?"""
    return bool(kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "--output", "name").strip())


def remove() -> None:
    """Delete the namespace, and wait until it is gone."""
    kubectl("delete", "namespace", NAMESPACE, "--wait=true", f"--timeout={300 * PATIENCE:.0f}s")


def _api_is_up() -> bool:
    pods = listed("pods", **{"app.kubernetes.io/component": "api"})
    return bool(pods) and all(one["started"] for pod in pods for one in pod["status"].get("containerStatuses", ()))


def _make_secrets() -> None:
    from creditrisk_assets.serving.api.keys import digest, new_key

    word = {name: secrets.token_hex(16) for name in ("admin", "dagster", "creditrisk", "writer", "reader", "officer")}

    def url(role: str) -> str:
        user = "creditrisk" if role == "creditrisk" else f"creditrisk_{role}"
        return f"postgresql://{user}:{word[role]}@postgres:5432/creditrisk"

    make_secret("creditrisk-postgres", {"ADMIN_PASSWORD": word["admin"], "DAGSTER_PASSWORD": word["dagster"],
                                        "CREDITRISK_PASSWORD": word["creditrisk"]})  # fmt: skip
    make_secret("creditrisk-dagster", {"postgresql-password": word["dagster"]})
    roles = {f"CREDITRISK_POSTGRES_{role.upper()}_PASSWORD": word[role] for role in ("writer", "reader", "officer")}
    make_secret("creditrisk-migrate", {"CREDITRISK_POSTGRES_URL": url("creditrisk")} | roles)
    make_secret("creditrisk-runs", {"CREDITRISK_POSTGRES_URL": url("writer")})
    make_secret("creditrisk-dashboard", {"CREDITRISK_POSTGRES_URL": url("officer")})
    make_secret("creditrisk-exporter", {"CREDITRISK_POSTGRES_URL": url("reader")})
    make_secret("creditrisk-api", {"CREDITRISK_API_KEYS": f"e2e:{digest(new_key())}"})
    login = "\n".join((
        "[auth]",
        'redirect_uri = "http://127.0.0.1:8501/oauth2callback"',
        f'cookie_secret = "{secrets.token_hex(32)}"',
        'client_id = "e2e"',
        f'client_secret = "{secrets.token_hex(16)}"',
        'server_metadata_url = "https://identity.invalid/.well-known/openid-configuration"',
        "",
    ))  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "secrets.toml").write_text(login)
        kubectl("create", "secret", "generic", "creditrisk-dashboard-login", f"--from-file={folder}/secrets.toml")
