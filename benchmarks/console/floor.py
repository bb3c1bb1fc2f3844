"""The least a page can cost here: FastAPI behind the same server settings, one stored page as its only answer, and the style sheets.

python floor.py PAGE PORT_FILE
"""

import socket
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from baton.web.statics import static


def main(page: Path, told: Path) -> None:
    """Serve until ended."""
    text = page.read_text()
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    def hello() -> HTMLResponse:
        return HTMLResponse(text)

    app.add_api_route("/static/{name}", static, methods=["GET"], include_in_schema=False, response_model=None)
    app.add_api_route("/{rest:path}", hello, methods=["GET"], include_in_schema=False, response_model=None)
    bound = socket.create_server(("127.0.0.1", 0), backlog=256)
    told.write_text(str(bound.getsockname()[1]))
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, ws="none")
    uvicorn.Server(config).run(sockets=[bound])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
