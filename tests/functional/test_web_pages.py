"""Bait pages as visitors and harvesters see them."""
import hashlib
import re
import sys
import threading

from weblib import MAILTO, PUBLIC, STRICT, Web, run

BLANKS_AROUND = re.compile(rb"[^\s]*([a-z]+\d*@quellwerft\.net)[^\s]*")


def test_addresses(build):
    """Whatever the pattern, the first slot is taken; every address decodes to one durable visit."""
    with Web(build).start() as w:
        status, headers, body = w.ask("/")
        assert status == 200
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"
        assert "noindex" in headers["X-Robots-Tag"]
        recipe = MAILTO.search(body).group(1)
        assert recipe in STRICT.findall(body)
        assert b"\n" + recipe + b"\n" in body
        found = w.addresses(body)
        assert found[0] == recipe.decode() and 1 <= len(found) <= 3, found
        refs = w.decode([a.split("@")[0] for a in found])
        assert refs[0] == (1, 1, 0, 0), refs
        assert all(r[:3] == (1, 1, 0) for r in refs) and len({r[3] for r in refs}) == len(refs)
        row = w.sql("SELECT v.seq, v.client, p.text, s.text, a.text, v.recipe, v.flags FROM visit v JOIN page p ON p.id = v.page "
                    "JOIN site s ON s.id = p.site JOIN agent a ON a.id = v.agent")
        assert len(row) == 1
        seq, client, page, site, agent, recipe_codes, flags = row[0]
        text = lambda v: v.decode() if isinstance(v, bytes) else v
        assert (seq, bytes(client), text(page), text(site), text(agent)) == (1, bytes([8, 8, 4, 4]), "/", "www.a.example", "Mozilla/5.0")
        codes = [recipe_codes >> (8 * s) & 255 for s in range(8)]
        assert codes[0] == 1 and sum(c != 0 for c in codes) == 3
        assert flags & 32  # named by a proxy
        # a wrong guess does not decode, nor does another domain
        assert w.decode(["hedwigkroll47"]) == [None]
        assert w.decode([found[0].split("@")[0]], "lindmole.org") == [None]
        w.stop()


def test_several_domains(build):
    """At most three addresses of one trap domain a page; only the site's own ones."""
    config = 'site "www.only.example" { trap_domains = {"lindmole.org"} }\n'
    with Web(build, domains=("quellwerft.net", "lindmole.org", "talfurt.net"), config=config).start() as w:
        seen = set()
        for n in range(12):
            body = w.ask(f"/{n}.html", client=f"8.8.5.{n + 1}")[2]
            per = {}
            for a in w.addresses(body):
                per[a.split("@")[1]] = per.get(a.split("@")[1], 0) + 1
                seen.add(a)
            assert 2 <= len(per) <= 3 and max(per.values()) <= 3, per
            assert len(w.serials(body)) == 1
        assert len(seen) == len(set(seen))
        only = w.ask("/", client="8.8.6.1", host="www.only.example")[2]
        assert {a.split("@")[1] for a in w.addresses(only)} == {"lindmole.org"}
        w.stop()


def test_window(build):
    with Web(build, web="visit_window = \"1h\"  visits_per_hour = 3").start() as w:
        first = w.ask("/")[2]
        assert w.ask("/")[2] == first
        assert w.ask("/", agent="Other/1.0")[2] != first
        assert w.ask("/", client="8.8.4.5")[2] != first
        assert w.ask("/")[2] == first
        assert w.visits() == 3
        newest = w.serials(w.ask("/b.html")[2])  # third new one of this client
        assert w.visits() == 4
        assert w.serials(w.ask("/c.html")[2]) == newest  # over visits_per_hour
        assert w.serials(w.ask("/d.html", agent="Third/1.0")[2]) == newest
        assert w.visits() == 4
        # the key of IPv6 is the /64
        six = w.ask("/", client="2a02:8100:1:2::3")[2]
        assert w.ask("/", client="2a02:8100:1:2:ffff::9")[2] == six
        assert w.ask("/", client="2a02:8100:1:3::3")[2] != six
        # v4-mapped is the same client
        assert w.ask("/", client="::ffff:8.8.4.4")[2] == first
        w.stop()


def test_at_once(build):
    """Forty requests of one client for one page at the same moment: one visit, the same addresses for all."""
    with Web(build, web="commit_deadline = \"5s\"").start() as w:
        bodies, threads = [], []
        for _ in range(40):
            threads.append(threading.Thread(target=lambda: bodies.append(w.ask("/at-once.html")[2])))
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(bodies) == 40 and len(set(bodies)) == 1
        assert w.visits() == 1
        w.stop()


def test_client_address(build):
    with Web(build).start() as w:
        none = w.ask("/", client=None)[2]  # a trusted proxy that says nothing
        assert w.addresses(none) == []
        for special in ("192.168.1.1", "127.0.0.1", "10.0.0.1", "192.0.2.7", "2001:db8::1", "fe80::1", "100.64.0.1", "224.0.0.1"):
            assert w.addresses(w.ask("/", client=special)[2]) == [], special
        assert w.addresses(w.ask("/", client="unknown")[2]) == []
        assert w.visits() == 0
        assert w.addresses(w.ask("/", client="1.1.1.1, 8.8.4.4")[2])
        assert bytes(w.sql("SELECT client FROM visit")[0][0]) == bytes([8, 8, 4, 4])
        assert w.addresses(w.ask("/f", client=None, Forwarded='for="[2a02:8100::9]:4711";proto=http')[2])
        assert w.addresses(w.ask("/g", client="8.8.4.4", Forwarded="for=9.9.9.9")[2]) == []  # they disagree
        # the page is the same page, but for the addresses
        full = w.ask("/")[2]
        assert len(none) < len(full)
        cut = re.sub(rb'(?s)<noscript>.*?</noscript>\n|<div class="[^"]*" inert.*?</div>\n|<!--.*?-->\n|<input [^>]*>\n'
                     rb'|<template>.*?</template>\n|<script.*?</script>\n', b"", full)
        assert cut == none, (cut, none)
        w.stop()
        assert "without_client=4 without_special=7" in w.log(), w.log()
    with Web(build, config="").start() as w:
        w.conf.write_text(w.conf.read_text().replace('{"127.0.0.1/32"}', '{"10.9.9.9/32"}'))
        w.stop()
        w.start()  # nobody is trusted: the field is not believed, and loopback gets no bait
        assert w.addresses(w.ask("/", client=PUBLIC)[2]) == [] and w.visits() == 0
        w.stop()


def test_other_pages(build):
    with Web(build, web='terms = "Ask <the office>."').start() as w:
        status, _, body = w.ask("/robots.txt")
        assert status == 200 and body == b"User-agent: *\nDisallow: /\n"
        status, _, body = w.ask("/terms.html")
        assert status == 200 and b"Ask &lt;the office&gt;." in body and w.addresses(body) == []
        for path in ("/favicon.ico", "/logo.png", "/sitemap.xml", "/.well-known/security.txt", "/css/none.css"):
            assert w.ask(path)[0] == 404, path
        page = w.ask("/")[2]
        sheet = re.search(rb'href="(/css/[a-z-]+\.css)"', page).group(1).decode()
        status, headers, css = w.ask(sheet)
        assert status == 200 and headers["Content-Type"].startswith("text/css") and "max-age" in headers["Cache-Control"]
        hiding = re.search(rb'<div class="([a-z-]+)" inert>', page).group(1)
        assert b"." + hiding + b" { position:" in css
        for path in ("/", "/index.html", "/contact.html", "/contact", "/about.html", "/wp-login.php", "/a/b/c.html?x=1", "/~x", "/%3Cb%3E"):
            status, headers, body = w.ask(path, client="8.8.7.1")
            assert status == 200 and w.addresses(body) and headers["Cache-Control"] == "no-store", path
        # every page that the start page names exists
        for link in set(re.findall(rb'<a href="(?:http://www\.a\.example)?(/[^"]*)"', page)):
            assert w.ask(link.decode(), client="8.8.7.2")[0] == 200
        # nothing of a request comes back
        body = w.ask('/<script>alert(1)</script>"x"', client="8.8.7.3", host='x"><script>y</script>',
                     agent="<script>z</script>", X_Forwarded_Prefix='/"><b>')[2]
        assert b"alert" not in body and b"<script>y" not in body and b"<script>z" not in body and b"><b>" not in body
        assert b"http://" not in body.replace(b"https://schema.org", b"")
        # the address that was just read, asked for as a page
        w.ask("/mailto:runakroll471@quellwerft.net", client="8.8.7.4")
        assert w.sql("SELECT count(*) FROM visit WHERE flags & 64")[0][0] == 1
        w.ask("/", client="8.8.7.5", agent=None)
        assert w.sql("SELECT count(*) FROM visit WHERE flags & 8")[0][0] == 1
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            status, headers, _ = w.ask("/", method=method)
            assert status == 405 and headers["Allow"] == "GET, HEAD"
        w.stop()


def test_mounted(build):
    with Web(build).start() as w:
        body = w.ask("/", X_Forwarded_Prefix="/people", X_Forwarded_Proto="https", X_Forwarded_Host="www.b.example")[2]
        assert b'href="https://www.b.example/people/index.html"' in body
        assert b'href="/people/contact.html"' in body and b'href="/people/css/' in body
        site = w.sql("SELECT text FROM site")[0][0]
        assert (site.decode() if isinstance(site, bytes) else site) == "www.b.example"
        w.stop()


def test_head(build):
    with Web(build).start() as w:
        c = w.connect()
        status, headers, body = w.ask("/", method="HEAD", connection=c)
        assert status == 200 and body == b""
        status, same, body = w.ask("/", connection=c)
        assert int(headers["Content-Length"]) == int(same["Content-Length"]) == len(body)
        assert w.visits() == 1
        assert w.sql("SELECT flags & 16 FROM visit")[0][0]
        for path in ("/robots.txt", "/terms.html", "/favicon.ico"):
            assert w.ask(path, method="HEAD", connection=c)[2] == b""
        c.close()
        w.stop()


def test_stable_text(build):
    """The text of a page never changes, not by a restart either; its addresses do."""
    def text(body):
        return hashlib.sha256(re.sub(rb"[a-z]+\d*@[a-z.]+|&#\d+;|\b[a-z]{9,20}\d{0,4}\b", b"", body)).hexdigest()
    with Web(build).start() as w:
        one = w.ask("/about.html")[2]
        w.stop()
        w.start()
        two = w.ask("/about.html")[2]
        assert text(one) == text(two) and one != two
        assert w.serials(one) == {0} and w.serials(two) == {1}
        w.stop()


def test_budget(build):
    with Web(build, web="visits_per_day = 5").start() as w:
        got = [bool(w.addresses(w.ask("/", client=f"8.8.9.{n + 1}")[2])) for n in range(8)]
        assert got == [True] * 5 + [False] * 3
        assert w.addresses(w.ask("/", client="8.8.9.1")[2])  # shown again
        w.stop()
        assert "without_budget=3" in w.log()


if __name__ == "__main__":
    run([test_addresses, test_several_domains, test_window, test_at_once, test_client_address, test_other_pages, test_mounted, test_head,
         test_stable_text, test_budget])
    sys.exit(0)
