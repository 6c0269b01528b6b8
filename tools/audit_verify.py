#!/usr/bin/env python3
"""Verifies receipts, checkpoints and consistency proofs of an audit log, offline.

Written against the standards alone, with no code of Kilter: RFC 6962 (Merkle tree, SHA-256), C2SP signed-note, tlog-checkpoint and
tlog-proof, RFC 8032 (Ed25519). It needs Python 3.9 and nothing else; the arithmetic of Ed25519 is below, as RFC 8032 has it.

    audit_verify.py receipt FILE --key KEY
    audit_verify.py checkpoint FILE --key KEY
    audit_verify.py consistency FILE --key KEY

KEY is a verifier key (NAME+ID+BASE64, as `kilter audit checkpoint` shows it) or a file that holds one. It ends with 0 if everything holds,
with 1 if something does not, and says which.
"""
import argparse
import base64
import hashlib
import json
import os
import sys

DASH = "\u2014 "


class Wrong(Exception):
    """Something does not hold."""


def b64(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong(f"`{text[:60]}` is not base64") from None


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# RFC 8032, section 5.1 and its appendix: verification of Ed25519.

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * ROOT % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if (x & 1) != sign else x


def point_add(a, b):
    one, two = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    three, four = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = two - one, four - three, four + three, two + one
    return (e * f, g * h, f * g, e * h)


def point_mul(scalar, point):
    total = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            total = point_add(total, point)
        point = point_add(point, point)
        scalar >>= 1
    return total


def decompress(raw):
    if len(raw) != 32:
        return None
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verify(public, message, signature):
    if len(signature) != 64:
        return False
    a, r = decompress(public), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    left, right = point_mul(s, BASE), point_add(r, point_mul(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# C2SP signed-note, and checkpoints.


class Key:
    """A verifier key: NAME+ID+BASE64(1 || public key)."""

    def __init__(self, text):
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise Wrong("a key is written NAME+ID+BASE64")
        self.name, hexid, encoded = parts
        material = b64(encoded)
        if len(material) != 33 or material[0] != 1:
            raise Wrong("the key is not Ed25519")
        self.raw = material[1:]
        self.id = sha256(self.name.encode(), b"\n", material)[:4]
        if self.id.hex() != hexid:
            raise Wrong("the id of the key is not that of its bytes")


def read_key(text):
    if os.path.exists(text):
        with open(text, encoding="utf-8") as file:
            text = file.read()
    return Key(text)


def verify_checkpoint(note, key):
    """Origin, size and root of a signed checkpoint."""
    if any(ord(letter) < 32 and letter != "\n" for letter in note):
        raise Wrong("the checkpoint has control characters")
    end = note.rfind("\n\n")
    if end < 0 or not note.endswith("\n"):
        raise Wrong("the checkpoint has no signature")
    text, lines = note[: end + 1], note[end + 2 :].splitlines()
    signed = False
    for line in lines:
        if not line.startswith(DASH):
            raise Wrong("a line behind the text of the checkpoint is no signature")
        name, _, encoded = line[len(DASH) :].partition(" ")
        signature = b64(encoded)
        if name == key.name and signature[:4] == key.id:
            if not ed25519_verify(key.raw, text.encode(), signature[4:]):
                raise Wrong("the signature is not of this checkpoint: it was changed")
            signed = True
    if not signed:
        raise Wrong(f"the checkpoint is not signed by {key.name}")
    head = text.splitlines()
    if len(head) < 3 or head[0] != key.name or head[1] != str(int(head[1])) or "" in head:
        raise Wrong("the checkpoint is not one of this log")
    root = b64(head[2])
    if len(root) != 32:
        raise Wrong("the root of the checkpoint is not 32 bytes")
    return head[0], int(head[1]), root


# RFC 6962: the Merkle tree.


def node(left, right):
    return sha256(b"\x01", left, right)


def root_of_inclusion(leaf, index, size, proof):
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        raise Wrong(f"the checkpoint has {size} entries, and the proof is of number {index + 1}")
    number, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Wrong("the proof has too many hashes")
        if number & 1 or number == last:
            current = node(sibling, current)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            current = node(current, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise Wrong("the proof has too few hashes")
    return current


def check_consistency(old, old_root, new, new_root, proof):
    """RFC 9162, section 2.1.4.2."""
    if old > new:
        raise Wrong("the first checkpoint has more entries than the second one")
    if old == new:
        if proof or old_root != new_root:
            raise Wrong("two checkpoints over the same number of entries have different roots")
        return
    if old == 0:
        if proof or old_root != sha256(b""):
            raise Wrong("the root over no entry is wrong")
        return
    hashes = ([old_root] if old & (old - 1) == 0 else []) + proof
    if not hashes:
        raise Wrong("the proof is empty")
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    first = second = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise Wrong("the proof has too many hashes")
        if number & 1 or number == last:
            first, second = node(sibling, first), node(sibling, second)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            second = node(second, sibling)
        number, last = number >> 1, last >> 1
    if last or first != old_root or second != new_root:
        raise Wrong("the second log does not begin with the first one: an entry was changed, or removed")


# What Kilter writes.


def parse_tlog_proof(text):
    head, gap, checkpoint = text.partition("\n\n")
    lines = head.splitlines()
    if not gap or not lines or lines[0] != "c2sp.org/tlog-proof@v1":
        raise Wrong("the proof is not in the form c2sp.org/tlog-proof@v1")
    lines = lines[2:] if len(lines) > 1 and lines[1].startswith("extra ") else lines[1:]
    if not lines or not lines[0].startswith("index ") or not lines[0][6:].isdigit():
        raise Wrong("the proof has no index")
    hashes = [b64(line) for line in lines[1:]]
    if any(len(one) != 32 for one in hashes):
        raise Wrong("a hash of the proof is not 32 bytes")
    return int(lines[0][6:]), hashes, checkpoint


def verify_receipt(receipt, key):
    if receipt.get("format") != "kilter-receipt/1":
        raise Wrong("the file is not a receipt of the form kilter-receipt/1")
    index, proof, note = parse_tlog_proof(receipt["proof"])
    _, size, root = verify_checkpoint(note, key)
    body = receipt["entry"].encode()
    if root_of_inclusion(sha256(b"\x00", body), index, size, proof) != root:
        raise Wrong("the entry is not in the log of the checkpoint: entry or proof was changed")
    entry = json.loads(body)
    if entry.get("seq") != index + 1:
        raise Wrong("the entry has another number than its place in the log")
    reason = receipt.get("reason")
    if reason is not None:
        digest = sha256(bytes.fromhex(reason["salt"]), reason["text"].encode()).hex()
        if digest != entry.get("reason_hash"):
            raise Wrong("the reason is not the one that was given")
    return entry, size


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["receipt", "checkpoint", "consistency"])
    parser.add_argument("file")
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    try:
        key = read_key(options.key)
        with open(options.file, encoding="utf-8", newline="") as file:
            text = file.read()
        if options.what == "checkpoint":
            origin, size, root = verify_checkpoint(text, key)
            print(f"ok: {origin} has {size} entries, root {root.hex()}")
        elif options.what == "receipt":
            entry, size = verify_receipt(json.loads(text), key)
            said = " ".join(str(entry[name]) for name in ("actor", "action", "object"))
            print(f"ok: entry {entry['seq']} of {size}: {said}")
        else:
            proof = json.loads(text)
            old, new = (verify_checkpoint(proof[side], key) for side in ("from_checkpoint", "to_checkpoint"))
            check_consistency(old[1], old[2], new[1], new[2], [b64(one) for one in proof["hashes"]])
            print(f"ok: the log of {new[1]} entries begins with that of {old[1]}")
    except (Wrong, OSError, KeyError, TypeError, ValueError) as error:
        print(f"wrong: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
