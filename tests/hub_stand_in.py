"""A stand-in of the Hugging Face Hub on loopback: the endpoints that huggingface_hub uses here."""

import base64
import contextlib
import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = (".keras", ".pb", ".data-00000-of-00001")
"""Files that the hub stores apart, by their sha256 (LFS)."""


class Hub:
    """Repositories by name: commits, newest last, each {file: bytes}.

    Attributes:
        url: for HF_ENDPOINT.
        requests: method and path of each.
        wrong: files whose sha256 the hub lists wrongly.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.requests: list[str] = []
        self.wrong: set[str] = set()
        self.url = ""

    def commit(self, repository: str, files: dict[str, bytes]) -> str:
        """Add a commit with these files beside the earlier ones; return its hash."""
        commits = self.repositories.setdefault(repository, {})
        whole = {**(list(commits.values())[-1] if commits else {}), **files}
        digest = hashlib.sha1(repr((len(commits), sorted(whole.items()))).encode()).hexdigest()
        commits[digest] = whole
        return digest

    def commit_folder(self, repository: str, folder: Path) -> str:
        """Add a commit with the files of a folder."""
        files = [file for file in folder.rglob("*") if file.is_file()]
        return self.commit(
            repository, {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
        )

    def resolved(self, repository: str, revision: str) -> str | None:
        """Return the commit of a revision: a commit, or `main`."""
        commits = self.repositories[repository]
        if revision == "main":
            return list(commits)[-1] if commits else "0" * 40
        return revision if revision in commits else None


@contextlib.contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    """Serve on a free port of loopback."""
    server = _Server(("127.0.0.1", 0), type("_", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Print nothing about a client that has gone, but let faults of this file be seen."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*_)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_HEAD(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.requests.append(f"{self.command} {'/'.join(parts)}")
        if parts[:3] == ["api", "repos", "create"]:
            self._create(json.loads(body))
        elif parts == ["api", "validate-yaml"]:
            self._send({"errors": [], "warnings": []})
        elif parts[:2] == ["api", "models"]:
            self._api("/".join(parts[2:4]), parts[4:], body)
        elif parts[2:3] == ["resolve"]:
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self._missing("NotFound")

    def _create(self, wanted: dict) -> None:
        if self.headers.get("Authorization") != "Bearer hf_stand_in":
            self._send({"error": "Invalid username or password."}, 401)
            return
        name = "/".join(filter(None, (wanted.get("organization"), wanted["name"])))
        known = name in self.hub.repositories
        self.hub.repositories.setdefault(name, {})
        self._send({"url": f"{self.hub.url}/{name}", "name": name}, 409 if known else 200)

    def _api(self, repository: str, rest: list[str], body: bytes) -> None:
        hub = self.hub
        if repository not in hub.repositories:
            self._missing("RepoNotFound")
            return
        action, revision = (*rest, "main")[:2] if rest else ("revision", "main")
        commit = hub.resolved(repository, revision)
        if commit is None:
            self._missing("RevisionNotFound")
        elif action == "revision":
            self._send({"id": repository, "sha": commit, "siblings": [], "private": False})
        elif action == "paths-info":
            files = hub.repositories[repository][commit]
            paths = parse_qs(body.decode())["paths"]
            self._send([self._info(path, files[path]) for path in paths if path in files])
        elif action == "preupload":
            files = json.loads(body)["files"]
            modes = {"uploadMode": "regular", "shouldIgnore": False}  # whole, in the commit
            self._send({"files": [{"path": file["path"], **modes} for file in files]})
        else:
            self._commit(repository, body)

    def _info(self, path: str, data: bytes) -> dict:
        info = {"type": "file", "path": path, "size": len(data), "oid": _etag(data)[:40]}
        if path.endswith(LARGE):
            digest = "0" * 64 if path in self.hub.wrong else _etag(data)
            info["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 134}
        return info

    def _commit(self, repository: str, body: bytes) -> None:
        files = {}
        for line in body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
        commit = self.hub.commit(repository, files)
        url = f"{self.hub.url}/{repository}/commit/{commit}"
        self._send({"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})

    def _resolve(self, repository: str, revision: str, name: str) -> None:
        commit = self.hub.resolved(repository, revision)
        data = self.hub.repositories[repository][commit].get(name)
        if data is None:
            self._missing("EntryNotFound")
            return
        headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": commit}
        self._send(data, headers=headers | {"Accept-Ranges": "bytes"})

    def _missing(self, code: str) -> None:
        self._send({"error": code}, 404, {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, content: object, status: int = 200, headers: dict | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
        self.send_response(status)
        for key, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
