"""The page at `/`, the operator's page at `/status` where that is switched on, and their files under `/web/`.

Also the interface as a document, `/openapi.yaml`, and as a page to read, `/api`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from quart import Quart, Response, send_from_directory
from werkzeug.exceptions import NotFound

# The page may run its own scripts, use its own styles and talk to this address, and nothing else; nobody may frame it.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
INDEX: Final = "index.html"
API_DOCUMENT: Final = "api/openapi.yaml"
API_PAGE: Final = "api/index.html"
STATUS_FOLDER: Final = "status"
STATUS: Final = f"{STATUS_FOLDER}/index.html"
# What a browser must be told, whatever the machine's own tables say.
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".yaml": "application/yaml",  # RFC 9512
}


class Web:
    """Serves the files in a folder, and below, whose type is known; anything else is not there."""

    def __init__(self, folder: Path, *, status_page: bool) -> None:
        self._folder = folder.resolve()
        self._status_page = status_page

    def add_routes(self, app: Quart) -> None:
        """Add the routes to an app; HEAD comes with them."""

        @app.get("/")
        async def get_index() -> Response:
            return await self._file(INDEX)

        if self._status_page:

            @app.get("/status")
            async def get_status_page() -> Response:
                return await self._file(STATUS)

        @app.get("/openapi.yaml")
        async def get_api_document() -> Response:
            return await self._file(API_DOCUMENT)

        @app.get("/api")
        async def get_api_page() -> Response:
            return await self._file(API_PAGE)

        @app.get("/web/<path:file>")
        async def get_file(file: str) -> Response:
            return await self._file(file)

    async def _file(self, name: str) -> Response:
        kind = TYPES.get(Path(name).suffix)
        if kind is None or not self._is_ours(name):
            raise NotFound
        response = await send_from_directory(self._folder, name, mimetype=kind.split(";")[0])
        response.headers["Content-Type"] = kind
        response.headers["Cache-Control"] = "no-cache"  # ask every time, and be told 304 by the ETag
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response

    def _is_ours(self, name: str) -> bool:
        """Return whether it is a file in the folder, spelt as it is there; a link that leads out of it is not."""
        if any(not part or part.startswith(".") for part in name.split("/")):
            return False
        try:
            path = (self._folder / name).resolve(strict=True)
        except (OSError, ValueError):  # not there, too long, a NUL
            return False
        if not path.is_file() or not path.is_relative_to(self._folder):
            return False
        return self._status_page or not path.is_relative_to(self._folder / STATUS_FOLDER)
