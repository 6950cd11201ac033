"""What the application does to its inputs before it concatenates them, each a
mistake that real ones make; and which of them makes a frozen case's statement.
What is left of the statement around its inputs is the application's own code."""

import base64
import binascii
import json
import re
import sys
from urllib.parse import unquote, unquote_plus

KEYWORDS = re.compile(r"union|select|or|and|--|sleep|drop", re.IGNORECASE)


def double(s):
    return s.replace("'", "''")


def cut(s, n):
    return s.encode()[:n].decode()


def unhex(s):
    return binascii.unhexlify(s[2:] if s.startswith(("0x", "\\x")) else s).decode()


def unbase64(s):
    s = s.replace("-", "+").replace("_", "/").replace("\r\n", "").rstrip("=")
    return base64.b64decode(s + "=" * (-len(s) % 4), validate=True).decode()


def halve(n):
    """Doubles quotes and then cuts, through the middle of a pair. Another
    literal follows in the application's code, with the second input."""
    return lambda values, middle: cut(double(values[0]), n) + middle + double(values[1])


def one(f):
    return lambda values, _: f(values[0])


def join(by):
    return lambda values, _: values[0] + by + values[1]


PLAIN = {"as it came": one(lambda s: s)}

# By what a case's transformation is called: by name, what may have been done.
# Functions get the inputs and the application's text between two of them.
WAYS = {
    "none": PLAIN,
    "key": PLAIN,
    "second-order": PLAIN,
    "trim": {"trim": one(str.strip)},
    "upper": {"upper": one(str.upper)},
    "truncate": {f"cut to {n}": one(lambda s, n=n: cut(s, n)) for n in (24, 32, 40, 50, 64, 100)},
    "urldecode": {
        "decode": one(unquote_plus), "decode twice": one(lambda s: unquote_plus(unquote_plus(s))),
        "decode path": one(unquote), "decode path twice": one(lambda s: unquote(unquote(s))),
    },
    "base64": {"base64": one(unbase64)},
    "hex": {"hex": one(unhex)},
    "misquote": {
        "backslash": one(lambda s: s.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"')),
        "double the first": one(lambda s: s.replace("'", "''", 1)),
        "double, then decode": one(lambda s: unquote_plus(double(s))),
        "double, then decode path": one(lambda s: unquote(double(s))),
        "entities": one(lambda s: s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")),
        "strip keywords": one(lambda s: KEYWORDS.sub("", s)),
        "double": one(double),
        "backslash quotes": one(lambda s: s.replace("'", "\\'")),
        "double but behind a backslash": one(lambda s: re.sub(r"(?<!\\)'", "''", s)),
        "halve at 16": halve(16), "halve at 24": halve(24), "halve at 32": halve(32), "halve at 40": halve(40),
    },
    "concat": {f"join by {by!r}": join(by) for by in ("", " ", ",", "-", ":", "=")},
}

NOISE = re.compile(r"p\d+|page|lang|utm_source|sid|consent|csrf_token|comment|filter\.tags|note|Accept-Language")
HOLE = re.compile(r"\[\[@?\w+\]\]")


def pattern(template):
    """matches what the application makes of a part of its template."""
    return re.compile(".*?".join(re.escape(p) for p in HOLE.split(template)), re.DOTALL)


def recipe(case):
    """gives how an application with the case's template makes its statement of
    the case's inputs: head + way(inputs) + tail. None: no way is known."""
    before, after = re.split(r"\[\[@\w+\]\]", case["template"], maxsplit=1)
    middle = re.match(r"(.*?)\[\[\w+\]\]", after, re.DOTALL)
    hole = re.search(r"\[\[@(\w+)\]\]", case["template"])[1]
    if case["transform"] == "second-order":
        places = [("row", i, v) for i, v in enumerate(case["rows"])]
    else:
        places = [(i["kind"], i["name"], i["value"]) for i in case["inputs"] if i["kind"] == "key" or i["name"] == hole or not NOISE.fullmatch(i["name"])]
    best = None
    for name, way in WAYS[case["transform"]].items():
        two = name.startswith(("join", "halve"))
        if name.startswith("halve") and not middle:
            continue
        rest = after[middle.end():] if name.startswith("halve") else after
        for chosen in ([(a, b) for a in places for b in places if a is not b] if two else [(a,) for a in places]):
            made = attempt(way, [v for _, _, v in chosen], middle[1] if middle else "")
            if made is None or best is not None and len(made) <= len(best["made"]):
                continue
            for at in (m.start() for m in re.finditer(f"(?={re.escape(made)})", case["sql"])):
                head, tail = case["sql"][:at], case["sql"][at + len(made):]
                if pattern(before).fullmatch(head) and pattern(rest).fullmatch(tail):
                    best = {"head": head, "tail": tail, "way": name, "middle": middle[1] if middle else "", "made": made,
                            "from": [[kind, where] for kind, where, _ in chosen]}
                    break
    return best


def attempt(way, values, middle):
    try:
        return way(values, middle)
    except (ValueError, binascii.Error):
        return None  # an input that is none for this way


def main():
    """reads cases, a JSON value a line, and writes their recipes."""
    for line in sys.stdin:
        print(json.dumps(recipe(json.loads(line))))


if __name__ == "__main__":
    main()
