"""An OIDC provider of the tests' own, on loopback: whoever comes chooses who they are.

Only the provider is made up; the login goes through streamlit, authlib and a real browser. Follows OpenID Connect
Core 1.0, section 3.1 (authorisation code flow) as far as a client needs it.
"""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from creditrisk_assets.local.loopback import LOOPBACK
from creditrisk_assets.local.supervisor import free_port

CLIENT, SECRET = "creditrisk-dashboard", "known to the tests only"
PEOPLE = {
    "olivia": ["credit-officers"],
    "victor": ["credit-viewers"],
    "mallory": ["marketing"],
}
"""Who can log in, and the groups they belong to."""


@dataclass
class Provider:
    """Codes given out and not yet spent, and the key that signs."""

    issuer: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "tests", "use": "sig"}))
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def app(self) -> Starlette:
        """Its addresses."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.configuration),
                Route("/authorize", self.authorize),
                Route("/chosen", self.chosen),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
            ]
        )

    async def configuration(self, request: Request) -> Response:
        parts = {"authorization": "authorize", "token": "token"}
        told = {f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in parts.items()}
        return JSONResponse(
            {
                "issuer": self.issuer,
                **told,
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        links = [f'<a href="/chosen?{urlencode({**asked, "person": person})}">{person}</a>' for person in PEOPLE]
        return HTMLResponse('<link rel="icon" href="data:,">' + " ".join(links))

    async def chosen(self, request: Request) -> Response:
        asked, code = request.query_params, secrets.token_urlsafe()
        self.codes[code] = (asked["person"], asked.get("nonce", ""))
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}")

    async def token(self, request: Request) -> Response:
        form = await request.form()
        person, nonce = self.codes.pop(str(form["code"]))
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": person, "iat": now, "exp": now + 600, "nonce": nonce,
            "name": person.title(), "email": f"{person}@lender.example", "groups": PEOPLE[person],
        }  # fmt: skip
        token = jwt.encode({"alg": "RS256", "kid": "tests"}, claims, self.key)
        return JSONResponse({"access_token": code_of(person), "token_type": "Bearer", "id_token": token})

    async def keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


def code_of(person: str) -> str:
    """An access token that opens nothing."""
    return f"{person}-{secrets.token_urlsafe(8)}"


@contextmanager
def identity_provider() -> Iterator[Provider]:
    """A provider that runs for a while."""
    port = free_port(9_300)
    provider = Provider(f"http://{LOOPBACK}:{port}")
    server = uvicorn.Server(uvicorn.Config(provider.app, host=LOOPBACK, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join()


def secrets_toml(provider: Provider, dashboard: str) -> str:
    """The secrets of a dashboard at that address that logs people in by this provider."""
    return f"""
[auth]
redirect_uri = "{dashboard}/oauth2callback"
cookie_secret = "{secrets.token_hex(32)}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
server_metadata_url = "{provider.issuer}/.well-known/openid-configuration"
"""
