"""Talks to descent-lsp-server as an editor does: opens a rule with a mistake and without, asks, and leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

RULE = """descent.optimizer @r(%w: param, %g: grad, %lr: hyper = 0.1) {
  %w1 = descent.apply %w, %g, %lr : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
"""
URI = "file:///rule.mlir"


class Server:
    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._last_id = 0

    def notify(self, method: str, **parameters: Any) -> None:
        self._send({"method": method, "params": parameters})

    def ask(self, method: str, **parameters: Any) -> Any:
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": parameters})
        while True:
            message = self.receive()
            if message.get("id") == self._last_id:
                return message["result"]

    def await_notification(self, method: str) -> Any:
        while True:
            message = self.receive()
            if message.get("method") == method:
                return message["params"]

    def wait(self) -> int:
        return self._process.wait(timeout=60)

    def _send(self, message: dict[str, Any]) -> None:
        text = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        self._process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, value = line.split(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the server closed its output"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message


def open_document(server: Server, text: str) -> None:
    document = {"uri": URI, "languageId": "mlir", "version": 1, "text": text}
    server.notify("textDocument/didOpen", textDocument=document)
    diagnostics = server.await_notification("textDocument/publishDiagnostics")["diagnostics"]
    print("diagnostics:", len(diagnostics))
    for diagnostic in diagnostics:
        print(f"line {diagnostic['range']['start']['line']}: {diagnostic['message']}")


def main() -> None:
    server = Server(sys.argv[1])
    capabilities = server.ask("initialize", processId=None, rootUri=None, capabilities={})["capabilities"]
    print("capabilities:", *sorted(capabilities))
    server.notify("initialized")
    open_document(server, RULE.replace("%lr: hyper", "%m: state, %lr: hyper"))
    open_document(server, RULE)
    place = {"textDocument": {"uri": URI}, "position": {"line": 1, "character": 26}}
    found = server.ask("textDocument/definition", **place)
    print("definition at", *(f"line {one['range']['start']['line']}" for one in found))
    assert server.ask("shutdown") is None
    server.notify("exit")
    print("status:", server.wait())


if __name__ == "__main__":
    main()
