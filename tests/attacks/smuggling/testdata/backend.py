# A backend that tells what it read, a line for each request.
import hashlib, json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                data += self.rfile.read(size)
                if size == 0:
                    while self.rfile.readline() not in (b"\r\n", b"\n", b""):
                        pass
                    return data
                self.rfile.readline()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def __getattr__(self, name):  # every method
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self):
        try:
            data = self.body()
        except ValueError:
            self.close_connection = True
            return self.send_error(400)
        told = [self.command, self.path, self.headers.get("Gate-Request-Id", ""), len(data), hashlib.sha256(data).hexdigest()[:16]]
        os.write(1, ("read " + json.dumps(told) + "\n").encode())
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
