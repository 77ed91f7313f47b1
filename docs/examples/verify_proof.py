"""Checks that a call stands in the sealed books: from a file, without a database, without the product.

    rechenwerk books prove call_... --out proof.json
    rechenwerk books roots --limit 4000 --json > roots.json        (optional: the whole chain of days)
    python verify_proof.py proof.json --key PUBLIC_KEY --roots roots.json

It needs Python's standard library only: SHA-256 is there, and Ed25519 (RFC 8032) is written out below, slow and
plain. What is checked:

1. the row hashes, with the hashes beside its way, to the root of its day      RFC 9162, sections 2.1.1 and 2.1.3.2
2. the root is the one that the day's statement names, and the row's place is one of those that it counts
3. the statement was signed with the key that you trust (--key, from whoever showed you the books before)
4. with --roots: every day's statement is signed and names the one before it by its SHA-256, up to the newest;
   keys that were replaced handed over to the next

It ends with 0 when all of it is right, with 1 and one line when something is not.
"""

import argparse
import hashlib
import json
import sys

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


class WrongError(Exception):
    """Something is not as it should be; the message says what."""


# -- Ed25519, RFC 8032 section 5.1: points as (x, y), added by the curve's complete formula -----------------------


def add(a, b):
    """The sum of two points of -x^2 + y^2 = 1 + d x^2 y^2."""
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - k, -1, P)
    return x % P, y % P


def times(number, point):
    """A point added to itself so many times."""
    result = (0, 1)
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def decoded(data):
    """A point from its 32 bytes: y, and the lowest bit of x on top."""
    number = int.from_bytes(data, "little")
    odd, y = number >> 255, number & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and odd):
        return None
    return (P - x if x & 1 != odd else x), y


BASE = decoded((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def is_signed(public, text, signature):
    """Whether the owner of a public key signed a text."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, r = decoded(public), decoded(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + text).digest(), "little") % Q
    return times(s, BASE) == add(r, times(h, key))


# -- the tree -----------------------------------------------------------------------------------------------------


def climbed(leaf, index, size, path):
    """The root that a path leads to from a leaf's bytes."""
    found = hashlib.sha256(b"\x00" + leaf).digest()
    here, last = index, size - 1
    for beside in path:
        if last == 0:
            raise WrongError("the path is longer than the tree is high")
        if here % 2 or here == last:
            found = hashlib.sha256(b"\x01" + beside + found).digest()
            while here % 2 == 0 and here:
                here, last = here // 2, last // 2
        else:
            found = hashlib.sha256(b"\x01" + found + beside).digest()
        here, last = here // 2, last // 2
    if last:
        raise WrongError("the path is shorter than the tree is high")
    return found


def check_proof(proof, trusted):
    """The statement of the day in which the row is."""
    statement = json.loads(proof["statement"])
    index, size = int(proof["index"]), int(statement["count"])
    if not 0 <= index < size:
        raise WrongError("the row's place is not in the day")
    path = [bytes.fromhex(one) for one in proof["path"]]
    if climbed(proof["leaf"].encode(), index, size, path).hex() != statement["root"]:
        raise WrongError("the row does not lead to the root of its day: it, or the path, was altered")
    public = bytes.fromhex(proof["public"])
    if trusted and public not in trusted:
        raise WrongError(f"signed with the key {public.hex()}, which is not trusted")
    if not is_signed(public, proof["statement"].encode(), bytes.fromhex(proof["signature"])):
        raise WrongError("the day's statement was not signed with its key")
    return statement


# -- the chain ----------------------------------------------------------------------------------------------------


def handed_over(keys, trusted):
    """The trusted keys, and those that they handed over to or took over from."""
    known = set(trusted)
    links = []
    for key in keys:
        if key["introduced"]:
            said = json.loads(key["introduced"])
            old, new = bytes.fromhex(said["old"]), bytes.fromhex(said["new"])
            text, both = key["introduced"].encode(), bytes.fromhex(key["signature"])
            if is_signed(old, text, both[:64]) and is_signed(new, text, both[64:]):
                links.append({old, new})
    for _ in links:
        for link in links:
            if link & known:
                known |= link
    return known


def check_chain(found, trusted):
    """How many days the chain has."""
    publics = {key["id"]: bytes.fromhex(key["public"]) for key in found["keys"]}
    days = sorted(found["roots"], key=lambda one: one["number"])
    previous = None
    for day in days:
        statement = json.loads(day["statement"])
        if previous is None:
            previous = statement["previous"]  # the file may begin later than the books do
        if statement["previous"] != previous or int(statement["number"]) != day["number"]:
            raise WrongError(f"{day['day']} does not name the day before it: one was taken out or replaced")
        public = publics.get(day["key"])
        if public is None or (trusted and public not in trusted):
            raise WrongError(f"{day['day']} is signed with the key {day['key']}, which is not trusted")
        if not is_signed(public, day["statement"].encode(), bytes.fromhex(day["signature"])):
            raise WrongError(f"{day['day']} was not signed with its key")
        previous = hashlib.sha256(day["statement"].encode()).hexdigest()
    return len(days)


def main():
    """Check what the command line names."""
    parser = argparse.ArgumentParser(description="Check a proof from `rechenwerk books prove`.")
    parser.add_argument("proof", help="the proof's file")
    parser.add_argument("--key", action="append", default=[], help="a public key that you trust (hexadecimal)")
    parser.add_argument("--roots", help="file of `rechenwerk books roots --json`")
    asked = parser.parse_args()
    try:
        with open(asked.proof, encoding="utf-8") as file:
            proof = json.load(file)
        trusted = {bytes.fromhex(key) for key in asked.key}
        if asked.roots:
            with open(asked.roots, encoding="utf-8") as file:
                found = json.load(file)
            trusted = handed_over(found["keys"], trusted) if trusted else trusted
            count = check_chain(found, trusted)
            if proof["statement"] not in [day["statement"] for day in found["roots"]]:
                raise WrongError("the proof's day is not in the chain")
            print(f"chain: {count} days, each signed, each names the one before it")
        statement = check_proof(proof, trusted)
        row = json.loads(proof["leaf"])
    except WrongError as wrong:
        print(f"WRONG: {wrong}", file=sys.stderr)
        return 1
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"WRONG: not a proof: {error!r}", file=sys.stderr)
        return 1
    print(f"{row['type']} {row['id']} is row {proof['index']} of {statement['count']} of {statement['day']}")
    for name in ("started_at", "model", "outcome", "price", "cost", "kind", "reason"):
        if row.get(name) is not None:
            print(f"  {name}: {row[name]}")
    for line in row["transfers"]:
        print(f"  {line['amount']} from {'/'.join(line['credit'])} to {'/'.join(line['debit'])}")
    if not trusted:
        print(f"  signed with {proof['public']}: nobody was named as trusted, so only this key vouches for it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
