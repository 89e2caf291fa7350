"""Visitors that mean harm, against a real trapweb."""
import re
import socket

from weblib import PUBLIC, Web, run


def raw(w, *pieces):
    """Everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", w.port), timeout=20) as s:
        s.sendall(b"".join(pieces))
        answer = b""
        while piece := s.recv(65536):
            answer += piece
        return answer


def test_health_is_not_for_visitors(build):
    """A visitor that spoils his own address with a field of his own does not learn what this is."""
    with Web(build) as w:
        w.start()
        assert w.ask("/healthz", client=None)[2] == b"ok\n"
        assert w.ask("/healthz", client="10.1.2.3")[2] == b"ok\n"
        for fields in ({"Forwarded": "for=x"}, {"Forwarded": "for=1.1.1.1"}, {"Forwarded": '"'}, {"Forwarded": ""}):
            status, _, body = w.ask("/healthz", client=PUBLIC, **fields)
            assert status == 200 and body.startswith(b"<!DOCTYPE html>"), (fields, body)
        for field in ("garbage", "1.1.1.1, unknown", "1.1.1.1%eth0", "127.0.0.1"):
            body = w.ask("/healthz", client=field)[2]
            assert body.startswith(b"<!DOCTYPE html>"), (field, body)


def test_nothing_is_smuggled(build):
    """A visitor whose request hides a second one would choose that one's address: it would be a visit in somebody else's name."""
    head = b"Host: www.a.example\r\nUser-Agent: x\r\n"
    victim = b"GET /smuggled HTTP/1.1\r\n" + head + b"X-Forwarded-For: 9.9.9.9\r\n\r\n"
    own = b"X-Forwarded-For: " + PUBLIC.encode() + b"\r\n"
    with Web(build, web='idle_timeout = "1s"') as w:
        w.start()
        for method in (b"GET", b"POST", b"HEAD"):
            for body in (b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                         b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
                         b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
                         b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                         b"Transfer-Encoding: identity\r\n\r\n",
                         b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
                         b"Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
                         b"Content-Length: 5\r\n\r\nhello",
                         b"Content-Length: 5, 0\r\n\r\n",
                         b"Content-Length : 90\r\n\r\n",
                         b"Content-Length\t: 90\r\n\r\n",
                         b"Transfer-Encoding : chunked\r\n\r\n",
                         b"Content-Length: +0\r\n\r\n",
                         b"Content-Length: 00\r\n\r\n"):
                answer = raw(w, method, b" / HTTP/1.1\r\n", head, own, body, victim)
                assert len(re.findall(rb"^HTTP/1\.1 [24]", answer, re.M)) <= 1 or b"HTTP/1.1 400" in answer, (method, body, answer)
        assert w.sql("SELECT count(*) FROM visit WHERE client = ?", bytes([9, 9, 9, 9])) == [(0,)]


def test_nothing_of_a_request_comes_back(build):
    """Not as markup, not as a header line."""
    evil = '"><script>alert(1)</script>'
    quoted = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E%0d%0aSet-Cookie:%20x=1"
    with Web(build) as w:
        w.start()
        for ask in ({"path": "/" + quoted}, {"path": "/?q=" + quoted}, {"path": "/" + evil.replace(" ", "")}, {"host": evil}, {"agent": evil},
                    {"host": "a.example:80" + evil}, {"X_Forwarded_Host": evil}, {"X_Forwarded_Prefix": "/" + evil},
                    {"X_Forwarded_Prefix": "//evil.example"}, {"X_Forwarded_Proto": "javascript:alert(1)//"}, {"Referer": evil}):
            status, headers, body = w.ask(**ask)
            assert status == 200 and b"alert(1)" not in body and b"evil.example" not in body, (ask, body)
            assert "Set-Cookie" not in headers and w.addresses(body), ask


run([v for k, v in list(globals().items()) if k.startswith("test_")])
