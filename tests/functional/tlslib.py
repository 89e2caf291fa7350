"""Clients that speak TLS with trapsmtp, and what is on record of them."""
import pathlib
import socket
import ssl
import sys
import warnings

from testlib import Installation, Smtp, free_port, wait_for

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "tls_hello"))
import ja4  # noqa: E402, F401: for those who import this

warnings.simplefilter("ignore", DeprecationWarning)  # of the versions that old senders speak

VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
DOMAIN = 'trap_domain "old.example" { class = "recycled" }\n'
TRAP = "t1@old.example"
TLS, EARLY_TALK, PIPELINED, TLS_ON_PLAIN, INJECTED = 1 << 1, 1 << 11, 1 << 12, 1 << 22, 1 << 27


def installation(build, smtp="", **more):
    """A sink with certificates, a port of implicit TLS (it.tls_port) and a recycled trap domain."""
    port = free_port()
    it = Installation(build, config=DOMAIN, smtp=f'tls_listen = {{"127.0.0.1:{port}"}}  {smtp}', tls=True, **more)
    it.tls_port = port
    return it


def context(version=None, ciphers="DEFAULT", alpn=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    c.set_ciphers(ciphers + ":@SECLEVEL=0")
    c.minimum_version = ssl.TLSVersion.TLSv1
    if version:
        c.minimum_version = c.maximum_version = VERSIONS[version]
    if alpn:
        c.set_alpn_protocols(alpn)
    return c


class TlsSmtp(Smtp):
    """Like Smtp; start_tls() goes on inside TLS."""

    def start_tls(self, ctx=None, name=None):
        self.file.close()
        self.sock = (ctx or context()).wrap_socket(self.sock, server_hostname=name, suppress_ragged_eofs=False)
        self.file = self.sock.makefile("rb")
        return self


def greeted(it, helo="client.example"):
    s = TlsSmtp(it.smtp_port)
    s.expect(None, 220)
    s.expect(f"EHLO {helo}", 250)
    return s


def starttls(it, ctx=None, name=None, helo="client.example"):
    """A session inside TLS by STARTTLS; no EHLO was said in it."""
    s = greeted(it, helo)
    s.expect("STARTTLS", 220)
    return s.start_tls(ctx, name)


def implicit(it, ctx=None, name=None):
    s = TlsSmtp(it.tls_port).start_tls(ctx, name)
    s.expect(None, 220)
    return s


class Wire:
    """A TLS client whose bytes are in our hands: hello is what it said first; send() may cut the stream into pieces."""

    def __init__(self, sock, ctx=None, name=None):
        self.sock, self.hello, self.text = sock, b"", b""
        self.inside, self.outside = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (ctx or context()).wrap_bio(self.inside, self.outside, server_hostname=name)
        self.call(self.tls.do_handshake)

    def flush(self, piece=None):
        data = self.outside.read()
        self.hello = self.hello or data
        for at in range(0, len(data), piece or len(data) or 1):
            self.sock.sendall(data[at:at + (piece or len(data))])

    def call(self, function, *words):
        while True:
            try:
                result = function(*words)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.sock.recv(65536)
                if not data:
                    raise ConnectionError("closed") from None
                self.inside.write(data)

    def send(self, data, piece=None):
        self.tls.write(data)
        self.flush(piece)

    def reply(self):
        """Code of the next reply."""
        while True:
            line, end, self.text = self.text.partition(b"\r\n")
            if end and line[3:4] != b"-":
                return int(line[:3])
            if not end:
                self.text = line + self.call(self.tls.read, 65536)


def connect(port, timeout=20):
    s = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def rest(sock):
    """What comes until the server closes; a reset counts as closed."""
    data = b""
    try:
        while True:
            piece = sock.recv(65536)
            if not piece:
                return data
            data += piece
    except ConnectionResetError:
        return data


def record(it, where="1", *values):
    """The newest session record: (flags, errors, tls_version, tls_cipher, ja4, sni)."""
    query = f"SELECT flags, errors, tls_version, tls_cipher, ja4, sni FROM session WHERE {where} ORDER BY seq DESC LIMIT 1"
    return wait_for("a session record", lambda: it.sql("hits", query, *values))[0]


def hits(it):
    """(flags, helo, size) of every hit."""
    return it.sql("hits", "SELECT flags, helo, size FROM hit ORDER BY seq")

