#!/usr/bin/python3
"""Golden vectors of the protocol, from docs/protocol.md and docs/schema.tlb alone: shares no code with protocol/*.ts.

  /usr/bin/python3 protocol/vectors/make.py    writes protocol/vectors/vectors.json (deterministic)
"""
import hashlib
import json
import pathlib

from primitives import BASE, aead_seal, hpke_export, hpke_seal, x25519

ZERO = bytes(32)


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def pattern(length: int, salt: int) -> bytes:
    return bytes((i * 7 + salt + (i >> 8)) & 255 for i in range(length))


# ---- cells: bits as a string of 0 and 1
def uint(value: int, bits: int) -> str:
    assert 0 <= value < 1 << bits
    return format(value, f"0{bits}b") if bits else ""


def int32(value: int) -> str:
    return uint(value & 0xFFFFFFFF, 32)


def raw(data: bytes) -> str:
    return "".join(uint(byte, 8) for byte in data)


def grams(value: int) -> str:
    length = (value.bit_length() + 7) // 8
    return uint(length, 4) + uint(value, length * 8)


def address(hash_: bytes) -> str:
    return "100" + uint(0, 8) + raw(hash_)


class Cell:
    def __init__(self, bits: str, *refs: "Cell"):
        assert len(bits) <= 1023 and len(refs) <= 4
        self.bits, self.refs = bits, refs

    def depth(self) -> int:
        return 1 + max(r.depth() for r in self.refs) if self.refs else 0

    def hash(self) -> bytes:
        n = len(self.bits)
        bits = self.bits if n % 8 == 0 else self.bits + "1" + "0" * (7 - n % 8)
        data = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        head = bytes([len(self.refs), (n + 7) // 8 + n // 8])
        return sha(head, data, *(r.depth().to_bytes(2, "big") for r in self.refs), *(r.hash() for r in self.refs))


def chain(data: bytes, inline: int) -> Cell:
    cell = None
    rest = data[inline:]
    for start in reversed(range(0, len(rest), 127)):
        cell = Cell(raw(rest[start:start + 127]), *([cell] if cell else []))
    return Cell(raw(data[:inline]), *([cell] if cell else []))


# ---- signed objects
def tag(text: str) -> str:
    return raw(text.encode())


def terms(t: dict) -> Cell:
    request = Cell(raw(t["modelRoot"]) + raw(t["requestCommit"]) + raw(t["responseKeyHash"]) + uint(t["maxTokens"], 32) + uint(t["expiresAt"], 32))
    prices = Cell("".join(grams(t[k]) for k in ("promptPrice", "outputPrice", "fixedPrice", "coverage")) + raw(t["imageHash"]))
    head = tag("OCT1") + int32(t["networkId"]) + uint(t["tier"], 3) + uint(t["visibility"], 1) + uint(t["flags"], 4) + uint(t["semantics"], 16)
    return Cell(head + "".join(raw(t[k]) for k in ("client", "stake", "workerKey", "salt")), request, prices)


def statement(o: dict) -> str:
    return tag("OCW1") + int32(o["networkId"]) + raw(o["termsHash"]) + address(o["escrow"])


def receipt(r: dict) -> Cell:
    claims = Cell("".join(raw(r[k]) for k in ("sealedHash", "responseCommit", "traceCommit")) + uint(r["promptTokens"], 32) + uint(r["outputTokens"], 32))
    return Cell(
        statement(r) + uint(r["seq"], 32) + uint(r["index"], 32) + uint(int(r["final"]), 1) + "0000" + uint(r["finishReason"], 3)
        + uint(r["issuedAt"], 32) + uint(r["dueNano"], 64), claims)


def decline(d: dict) -> Cell:
    return Cell(statement(d) + uint(d["reason"], 8))


def voucher(v: dict) -> Cell:
    return Cell(tag("OCV1") + int32(v["networkId"]) + address(v["channel"]) + uint(int(v["final"]), 1) + grams(v["amount"]))


def acceptance(a: dict) -> Cell:
    return Cell(tag("OCA1") + int32(a["networkId"]) + raw(a["escrow"]) + raw(a["stake"]) + raw(a["termsHash"]) + uint(a["acceptBy"], 32) + grams(a["coverage"]))


def grant(g: dict) -> Cell:
    return Cell(tag("OCG1") + int32(g["networkId"]) + raw(g["stake"]) + raw(g["receiptHash"]) + raw(g["challenger"]) + uint(g["expires"], 32))


def key_claim(c: dict) -> Cell:
    return Cell(tag("OCK1") + int32(c["networkId"]) + raw(c["stake"]) + raw(c["sealingKey"]) + uint(c["endUnix"], 32))


def build(b: dict) -> Cell:
    return Cell(tag("OCB1") + int32(b["networkId"]) + raw(b["registry"]) + raw(b["imageHash"]) + uint(b["claims"], 8) + uint(b["validUntil"], 32))


# ---- commitments
def tree(leaves: list) -> bytes:
    level = [sha(b"\0", leaf) for leaf in leaves]
    while len(level) > 1:
        level += [ZERO] * (len(level) % 2)
        level = [sha(b"\1", level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def rows(data: bytes) -> list:
    return [data[i:i + 1024].ljust(1024, b"\0") for i in range(0, len(data), 1024)]


def tokens_bytes(tokens: list) -> bytes:
    return b"".join(t.to_bytes(4, "big") for t in tokens)


def request_root(q: dict) -> bytes:
    s = q["sampling"]
    header = b"OCQ1" + b"\0" + len(q["promptTokens"]).to_bytes(4, "big")
    header += s["t"].to_bytes(4, "big") + s["topK"].to_bytes(2, "big") + s["topP16"].to_bytes(2, "big") + s["minPX"].to_bytes(2, "big")
    header += bytes([len(q["stopTokens"])]) + tokens_bytes(q["stopTokens"]) + q["nonce"].to_bytes(8, "big") + q["toolsHash"]
    return tree([header] + rows(tokens_bytes(q["promptTokens"])))


def response_plain(finish: int, tokens: list) -> bytes:
    return (b"OCP1" + bytes([0, finish, 0, 0]) + len(tokens).to_bytes(4, "big")).ljust(64, b"\0") + tokens_bytes(tokens)


def response_root(finish: int, tokens: list) -> bytes:
    plain = response_plain(finish, tokens)
    return tree([plain[:64]] + rows(plain[64:]))


def commit(label: str, salt: bytes, root: bytes) -> bytes:
    return sha(b"OCC1", sha(salt, label.encode()), root)


# ---- model cards: the root of a file
CARD = b'{"format":"open-cocoon-model-card-1","name":"tiny"}\n'


def card_root(file: bytes) -> bytes:
    return sha(b"OCM1", file)


# ---- payload and sealing
def varint(n: int) -> bytes:
    out = b""
    while n >= 128:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def payload(p: dict) -> bytes:
    a, q, s = p["asked"], p["request"], p["request"]["sampling"]
    present = [a["promptPrice"] or a["outputPrice"], a["coverage"], any(a["imageHash"]), any(q["toolsHash"]), any(s.values())]
    out = bytes([1, a["tier"] << 5 | a["visibility"] << 4 | a["flags"]]) + a["semantics"].to_bytes(2, "big") + a["salt"] + a["modelRoot"]
    out += a["maxTokens"].to_bytes(4, "big") + a["expiresAt"].to_bytes(4, "big") + bytes([sum(1 << i for i, x in enumerate(present) if x)])
    if present[0]:
        out += a["promptPrice"].to_bytes(8, "big") + a["outputPrice"].to_bytes(8, "big")
    out += a["coverage"].to_bytes(8, "big") if present[1] else b""
    out += a["imageHash"] if present[2] else b""
    out += q["toolsHash"] if present[3] else b""
    out += p["responseKey"] + p["commitSalt"] + q["nonce"].to_bytes(8, "big")
    if present[4]:
        out += s["t"].to_bytes(4, "big") + s["topK"].to_bytes(2, "big") + s["topP16"].to_bytes(2, "big") + s["minPX"].to_bytes(2, "big")
    out += bytes([len(q["stopTokens"])]) + b"".join(map(varint, q["stopTokens"]))
    return out + varint(len(q["promptTokens"])) + b"".join(map(varint, q["promptTokens"]))


def pad(data: bytes, overhead: int) -> bytes:
    return data + bytes(-(len(data) + overhead) % 256)


def hpke_info(network: int, escrow: bytes, seq: int, terms_hash: bytes) -> bytes:
    return sha(b"OCH1", (network & 0xFFFFFFFF).to_bytes(4, "big"), escrow, seq.to_bytes(4, "big"), terms_hash)


def session_info(b: dict) -> bytes:
    return sha(b"OCH2", (b["networkId"] & 0xFFFFFFFF).to_bytes(4, "big"), b["channel"], b["workerKey"], b["firstSeq"].to_bytes(4, "big"))


def refusal(r: dict) -> Cell:
    return Cell(statement(r) + uint(r["seq"], 32) + uint(r["reason"], 8) + uint(r["retryAfter"], 32))


# ---- frames: every field in the order of the table in docs/channel-protocol.md
FRAMES = dict(
    hello=(1, [("networkId", 4), ("channel", 32), ("workerKey", 32), ("firstSeq", 4), ("enc", 32), ("signature", 64)]),
    welcome=(2, [("nextSeq", 4), ("owed", 15), ("amount", 15), ("final", 1), ("signature", 64)]),
    request=(3, [("seq", 4), ("termsHash", 32), ("amount", 15), ("final", 1), ("signature", 64), ("sealed", None)]),
    piece=(4, [("seq", 4), ("index", 4), ("final", 1), ("finishReason", 1), ("issuedAt", 4), ("dueNano", 8), ("responseCommit", 32),
               ("traceCommit", 32), ("promptTokens", 4), ("outputTokens", 4), ("signature", 64), ("sealed", None)]),
    payment=(5, [("amount", 15), ("final", 1), ("signature", 64)]),
    cancel=(6, [("seq", 4)]),
    refusal=(7, [("seq", 4), ("termsHash", 32), ("reason", 1), ("retryAfter", 4), ("signature", 64)]))


def frame(f: dict) -> bytes:
    number, fields = FRAMES[f["kind"]]
    values = {**f, **f.get("voucher", {})}
    out = bytes([1, number])
    for name, size in fields:
        value = values[name]
        if size is None:
            out += len(value).to_bytes(4, "big") + value
        elif isinstance(value, bytes):
            assert len(value) == size
            out += value
        else:
            out += (int(value) % (1 << 8 * size)).to_bytes(size, "big")
    return out


def main() -> None:
    full = (1 << 120) - 1
    base_terms = dict(
        networkId=2026, tier=0, visibility=0, flags=1, semantics=1, client=pattern(32, 1), stake=pattern(32, 2), workerKey=pattern(32, 3),
        salt=pattern(16, 4), modelRoot=pattern(32, 5), requestCommit=pattern(32, 6), responseKeyHash=pattern(32, 7), maxTokens=64,
        expiresAt=1800000600, promptPrice=0, outputPrice=0, fixedPrice=50_000_000, coverage=0, imageHash=ZERO)
    high_terms = dict(base_terms, networkId=-239, tier=7, visibility=1, flags=15, semantics=65535, maxTokens=2**32 - 1, expiresAt=2**32 - 1,
                      promptPrice=full, outputPrice=1, fixedPrice=255, coverage=256, imageHash=b"\xff" * 32)
    base_receipt = dict(
        networkId=2026, termsHash=pattern(32, 8), escrow=pattern(32, 9), seq=0, index=0, final=True, finishReason=1, issuedAt=1800000000,
        dueNano=50_000_000, sealedHash=pattern(32, 10), responseCommit=pattern(32, 11), traceCommit=pattern(32, 12), promptTokens=3, outputTokens=20)
    high_receipt = dict(base_receipt, networkId=-(2**31), seq=2**32 - 1, index=7, final=False, finishReason=7, dueNano=2**64 - 1, outputTokens=0)
    objects = [("terms", terms, base_terms), ("terms", terms, high_terms), ("receipt", receipt, base_receipt), ("receipt", receipt, high_receipt)]
    head = dict(networkId=-3, termsHash=pattern(32, 13), escrow=pattern(32, 14))
    objects += [("decline", decline, dict(head, reason=r)) for r in (0, 9, 255)]
    objects += [("refusal", refusal, dict(head, seq=2**32 - 1, reason=r, retryAfter=60)) for r in (1, 255)]
    objects += [("voucher", voucher, dict(networkId=2026, channel=pattern(32, 15), final=f, amount=a)) for f, a in ((False, 0), (True, full))]
    objects += [("acceptance", acceptance, dict(head, stake=pattern(32, 16), acceptBy=5, coverage=10**9)),
                ("challengeGrant", grant, dict(networkId=2026, stake=pattern(32, 17), receiptHash=pattern(32, 18), challenger=pattern(32, 19), expires=1)),
                ("keyClaim", key_claim, dict(networkId=-239, stake=pattern(32, 21), sealingKey=pattern(32, 22), endUnix=2**32 - 1)),
                ("terms", terms, dict(base_terms, tier=1, semantics=0x8001, modelRoot=card_root(CARD), imageHash=pattern(32, 25))),
                ("receipt", receipt, dict(base_receipt, traceCommit=ZERO)),
                ("build", build, dict(networkId=2026, registry=pattern(32, 23), imageHash=pattern(32, 24), claims=25, validUntil=1800000000))]

    requests, payloads = [], []
    greedy = dict(t=0, topK=0, topP16=0, minPX=0)
    seeded = dict(t=118_168, topK=40, topP16=62_259, minPX=0)
    cases = [([10, 2000, 333], greedy, [10], ZERO), (list(range(256)), seeded, [], ZERO), (list(range(700)), seeded, [0, 127, 128, 2**32 - 1], pattern(32, 20))]
    for index, (prompt, sampling, stops, tools) in enumerate(cases):
        request = dict(promptTokens=prompt, sampling=sampling, stopTokens=stops, nonce=index * 77 + 2**63, toolsHash=tools)
        salt = pattern(32, 30 + index)
        requests.append(dict(request=request, salt=salt, root=request_root(request), commit=commit("request", salt, request_root(request))))
        asked = dict(tier=index, visibility=index & 1, flags=index, semantics=1, salt=pattern(16, 40 + index), modelRoot=pattern(32, 41), maxTokens=64 << index,
                     expiresAt=1800000600, promptPrice=5 if index == 2 else 0, outputPrice=0, coverage=7 if index else 0, imageHash=pattern(32, 42) if index == 2 else ZERO)
        p = dict(asked=asked, request=request, responseKey=pattern(32, 43), commitSalt=salt)
        payloads.append(dict(payload=p, bytes=payload(p)))

    responses = []
    key, terms_hash = pattern(32, 50), pattern(32, 51)
    for finish, tokens in ((0, []), (0, [5, 10]), (1, list(range(44))), (1, list(range(1000, 1300)))):
        nonce = bytes(8) + (2**31).to_bytes(4, "big")
        plain = response_plain(finish, tokens)
        sealed = aead_seal(key, nonce, pad(plain, 16), terms_hash)
        salt = pattern(32, 52)
        responses.append(dict(finishReason=finish, tokens=tokens, key=key, termsHash=terms_hash, sealed=sealed, sealedHash=chain(sealed, 24).hash(), salt=salt,
                              root=response_root(finish, tokens), commit=commit("response", salt, response_root(finish, tokens))))

    private = pattern(32, 60)
    public = x25519(private, BASE)
    seals = []
    for case in payloads:
        binding = dict(networkId=2026, escrow=pattern(32, 61), seq=0, termsHash=pattern(32, 62))
        material = pattern(32, 63)
        info = hpke_info(2026, binding["escrow"], 0, binding["termsHash"])
        enc, cipher = hpke_seal(public, info, pad(case["bytes"], 49), b"", material)
        seals.append(dict(payload=case["bytes"], private=private, public=public, binding=binding, ephemeralMaterial=material, envelope=b"\1" + enc + cipher))

    sessions = []
    for index, case in enumerate(payloads):
        binding = dict(networkId=-239 + index, channel=pattern(32, 64), workerKey=pattern(32, 65), firstSeq=index * 1000)
        seq, terms_hash, material = index * 1000 + 7, pattern(32, 66), pattern(32, 67)
        enc, secret = hpke_export(public, session_info(binding), b"request", material)
        sealed = aead_seal(secret, bytes(8) + seq.to_bytes(4, "big"), pad(case["bytes"], 16), terms_hash)
        sessions.append(dict(payload=case["bytes"], private=private, public=public, binding=binding, ephemeralMaterial=material, enc=enc, seq=seq,
                             termsHash=terms_hash, sealed=sealed, helloHash=sha(b"OCH3", session_info(binding), enc)))
    signature = pattern(64, 90)
    frames = [dict(kind="hello", networkId=-239, channel=pattern(32, 91), workerKey=pattern(32, 92), firstSeq=4096, enc=pattern(32, 93), signature=signature),
              dict(kind="welcome", nextSeq=17, owed=10**15, voucher=dict(amount=full, final=True, signature=signature)),
              dict(kind="request", seq=18, termsHash=pattern(32, 94), voucher=dict(amount=10**16, final=False, signature=signature), sealed=pattern(256, 95)),
              dict(kind="piece", seq=18, index=2, final=True, finishReason=1, issuedAt=1800000000, dueNano=2**63, responseCommit=pattern(32, 96),
                   traceCommit=pattern(32, 97), promptTokens=5000, outputTokens=64, signature=signature, sealed=pattern(256, 98)),
              dict(kind="payment", amount=10**16, final=True, signature=signature),
              dict(kind="cancel", seq=2**32 - 1),
              dict(kind="refusal", seq=18, termsHash=pattern(32, 94), reason=6, retryAfter=60, signature=signature)]

    commitment, escrow = pattern(32, 70), pattern(32, 71)
    seeds = dict(requestCommit=commitment, escrow=escrow, seq=9, placed=sha(b"OCS1", escrow, (9).to_bytes(4, "big"), commitment), reproducible=sha(b"OCS1", commitment))
    chains = [dict(bytes=pattern(n, 80), inline=i, hash=chain(pattern(n, 80), i).hash()) for n in (0, 24, 25, 151, 152, 256) for i in (24, 32)]
    vectors = dict(objects=[dict(kind=k, value=v, hash=f(v).hash(), bits=len(f(v).bits)) for k, f, v in objects], requests=requests, payloads=payloads,
                   cards=[dict(file=f, root=card_root(f)) for f in (CARD, pattern(5000, 99))],
                   responses=responses, seals=seals, sessions=sessions, frames=[dict(frame=f, bytes=frame(f)) for f in frames], seeds=seeds, chains=chains)

    def plain_json(x):
        if isinstance(x, bytes):
            return "0x" + x.hex()
        if isinstance(x, dict):
            return {k: plain_json(v) for k, v in x.items()}
        if isinstance(x, list):
            return [plain_json(v) for v in x]
        if isinstance(x, int) and not isinstance(x, bool) and x >= 2**53:
            return f"{x}n"
        return x

    path = pathlib.Path(__file__).with_name("vectors.json")
    path.write_text(json.dumps(plain_json(vectors), separators=(",", ":")) + "\n")


main()
