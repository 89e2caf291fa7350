"""What the tests of traplook share: an installation that asks one DNS server, and what it wrote down."""
import urllib.parse

from testlib import Installation, wait_for


def installation(build, port, look="", config="", guard="off", **kw):
    providers = kw.pop("providers", "")
    t = Installation(build, guard=guard, **kw)
    (t.top / "providers").write_text(providers)
    text = t.conf.read_text()
    t.conf.write_text(text + config + f'look {{ lookups = "on"  resolvers = {{"127.0.0.1:{port}"}}  interval = "200ms"\n'
                      f'providers_file = "{t.top}/providers"\n{look}\n}}\n')
    return t


def lookups(t, subject=None):
    """[(subject, {word: value})] in the order of the log, or those of one subject."""
    rows = t.sql("acts", "SELECT subject, detail FROM act WHERE kind = 12 ORDER BY seq")
    found = []
    for who, detail in rows:
        words = dict(w.split("=", 1) for w in detail.decode("ascii").split(" ") if w)
        found.append((who.decode("ascii"), {k: urllib.parse.unquote(v) for k, v in words.items()}))
    return found if subject is None else [w for s, w in found if s == subject]


def wait_lookup(t, subject, count=1, seconds=60):
    return wait_for(f"{count} look-ups of {subject}", lambda: len(lookups(t, subject)) >= count and lookups(t, subject), seconds)[-1]
