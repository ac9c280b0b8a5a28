"""The page at `/api`, made of the document: plain HTML, without scripts. `make api-page` writes it."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Final

from tests.api.document import FOLDER, Operation, codes, operations, read_document

PAGE: Final = FOLDER / "index.html"


def render(document: dict[str, Any]) -> str:
    """Return the page."""
    info = document["info"]
    ways = list(operations(document))
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(info['title'])}: the interface</title>",
        '<link rel="icon" type="image/svg+xml" href="/web/icon.svg">',
        '<link rel="stylesheet" href="/web/api/api.css">',
        "</head>",
        "<body>",
        "<header>",
        f"<h1>{escape(info['title'])}: the interface</h1>",
        *(f"<p>{_text(line)}</p>" for line in info["description"].split("\n\n")),
        '<p>For programs: <a href="/openapi.yaml">openapi.yaml</a>.</p>',
        "</header>",
        '<nav aria-label="What there is">',
    ]
    for tag in document["tags"]:
        parts += [f"<h2>{escape(tag['name'])}</h2>", "<ul>"]
        parts += [
            f'<li><a href="#{way.said["operationId"]}">{_name(way)}</a> {escape(way.said["summary"])}</li>'
            for way in ways
            if tag["name"] in way.said["tags"]
        ]
        parts.append("</ul>")
    parts += ["</nav>", "<main>"]
    for way in ways:
        parts += _operation(document, way)
    parts += ["</main>", "</body>", "</html>", ""]
    return "\n".join(parts)


def _operation(document: dict[str, Any], way: Operation) -> list[str]:
    said = way.said
    parts = [
        f'<section id="{said["operationId"]}">',
        f"<h2>{_name(way)}</h2>",
        f"<p>{escape(said['summary'])}. {_text(said.get('description', ''))}</p>",
    ]
    given = [*document["paths"][way.path].get("parameters", []), *said.get("parameters", [])]
    if given:
        parts += ["<table>", "<thead><tr><th>Parameter</th><th>In</th><th>What it may be</th></tr></thead>", "<tbody>"]
        for parameter in (_resolved(document, one) for one in given):
            words = _text(parameter.get("description", ""))
            parts.append(
                f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}</td>"
                f"<td>{words} <code>{escape(_schema(parameter['schema']))}</code></td></tr>"
            )
        parts += ["</tbody>", "</table>"]
    if "requestBody" in said:
        schema = said["requestBody"]["content"]["application/json"]["schema"]
        optional = "" if said["requestBody"].get("required") else ", optional"
        parts += [f"<h3>Body{optional}</h3>", f"<pre>{escape(_schema(schema, lines=True))}</pre>"]
    parts += ["<table>", "<thead><tr><th>Answer</th><th>What it says</th></tr></thead>", "<tbody>"]
    for status, answer in said["responses"].items():
        shape = "" if codes(answer) else _shape(answer)
        parts.append(f"<tr><td>{status}</td><td>{_text(answer['description'])}{shape}</td></tr>")
    return [*parts, "</tbody>", "</table>", "</section>"]


def _shape(answer: dict[str, Any]) -> str:
    shown = "".join(
        f"<pre>{escape(_schema(content['schema'], lines=True))}</pre>"
        for kind, content in answer.get("content", {}).items()
        if kind == "application/json"
    )
    headers = "".join(f" <code>{escape(name)}</code>" for name in answer.get("headers", {}))
    return shown + headers


def _name(way: Operation) -> str:
    return f"<code>{escape(way.name)}</code>"


def _resolved(document: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    for step in one.get("$ref", "").split("/")[1:]:
        document = document[step]
    return document if "$ref" in one else one


def _schema(schema: dict[str, Any], *, lines: bool = False) -> str:
    text = json.dumps(schema, ensure_ascii=False, indent=2 if lines else None)
    return text.replace("#/components/schemas/", "")


def _text(text: str) -> str:
    """Return a text, with what stands between grave accents as code."""
    return "".join(
        f"<code>{escape(piece)}</code>" if odd else escape(piece)
        for pair in [text.split("`")]
        for odd, piece in ((place % 2, piece) for place, piece in enumerate(pair))
    )


if __name__ == "__main__":
    PAGE.write_text(render(read_document()), encoding="utf-8")
