"""Pages for people: rendered here, without a script, a font or a picture from anywhere else.

A page's one style stands in it and is allowed by a nonce; nothing else may load or run.
"""

import secrets
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

_environment: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a page with the policy that lets in its own style, and forms to ourselves."""
    nonce = secrets.token_urlsafe(16)
    html = _environment.get_template(template).render(nonce=nonce, **values)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    return HTMLResponse(html, status, headers={"content-security-policy": policy})
