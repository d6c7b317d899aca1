"""The API's page: the OpenAPI description, rendered for people."""

import json
from typing import Any

from starlette.responses import HTMLResponse

from sekvens.web.pages import page


def reference_page(description: dict[str, Any], *, public_url: str) -> HTMLResponse:
    """Render the whole description as one page."""
    groups = [
        {**tag, "routes": _routes(description, tag["name"], public_url)}
        for tag in description["tags"]
    ]
    return page(
        "reference.html",
        info=description["info"],
        groups=groups,
        schemas=[_schema(name, schema) for name, schema in _objects(description)],
        authentication=description["components"]["securitySchemes"]["writeKey"]["description"],
    )


def _objects(description: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    schemas: dict[str, dict[str, Any]] = description["components"]["schemas"]
    return [(name, schema) for name, schema in schemas.items() if "properties" in schema]


def _routes(description: dict[str, Any], tag: str, public_url: str) -> list[dict[str, Any]]:
    found = []
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if tag not in operation.get("tags", []):
                continue
            content = operation.get("requestBody", {}).get("content", {})
            example = content.get("application/json", {}).get("example")
            found.append(
                {
                    "id": operation["operationId"],
                    "method": method.upper(),
                    "path": path,
                    "summary": operation.get("summary", ""),
                    "description": operation.get("description", ""),
                    "responses": operation["responses"],
                    "curl": _curl(method, f"{public_url.rstrip('/')}{path}", example),
                }
            )
    return found


def _curl(method: str, url: str, example: Any) -> str:
    if example is None:
        verb = "" if method == "get" else f"-X {method.upper()} "
        return f"curl {verb}{url}"
    body = json.dumps(example, ensure_ascii=False, indent=2)
    return f'curl -u "$WRITE_KEY:" {url} --data-binary @- <<END\n{body}\nEND'


def _schema(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    required = schema.get("required", [])
    fields = [
        {
            "name": field,
            "type": _type(told),
            "required": field in required,
            "description": told.get("description", ""),
        }
        for field, told in schema["properties"].items()
    ]
    return {"name": name, "description": schema.get("description", ""), "fields": fields}


def _type(told: dict[str, Any]) -> str:
    if "anyOf" in told:
        return " or ".join(_type(one) for one in told["anyOf"] if one.get("type") != "null")
    if "$ref" in told:
        return str(told["$ref"]).rsplit("/", 1)[-1]
    if told.get("type") == "array":
        return f"list of {_type(told['items'])}"
    return str(told.get("type", "anything"))
