"""X25519 (RFC 7748), ChaCha20-Poly1305 (RFC 8439), HKDF (RFC 5869), HPKE base mode (RFC 9180): plain Python integers."""
import hashlib
import hmac

P = 2**255 - 19


def x25519(scalar: bytes, u: bytes) -> bytes:
    k = int.from_bytes(bytes([scalar[0] & 248]) + scalar[1:31] + bytes([scalar[31] & 127 | 64]), "little")
    x1 = int.from_bytes(u, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        e = aa - bb
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, x3, z2, z3 = x3, x2, z3, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


BASE = (9).to_bytes(32, "little")


def chacha_block(key: bytes, counter: int, nonce: bytes) -> bytes:
    words = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574]
    words += [int.from_bytes(key[i:i + 4], "little") for i in range(0, 32, 4)]
    words += [counter] + [int.from_bytes(nonce[i:i + 4], "little") for i in range(0, 12, 4)]
    s = list(words)

    def rotate(x, n):
        return (x << n | x >> 32 - n) & 0xFFFFFFFF

    def quarter(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xFFFFFFFF
            s[z] = rotate(s[z] ^ s[x], n)

    for _ in range(10):
        for q in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(*q)
    return b"".join((a + b & 0xFFFFFFFF).to_bytes(4, "little") for a, b in zip(s, words))


def poly1305(key: bytes, message: bytes) -> bytes:
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i:i + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def aead_seal(key: bytes, nonce: bytes, plain: bytes, aad: bytes) -> bytes:
    blocks = range(0, len(plain), 64)
    stream = b"".join(chacha_block(key, 1 + i // 64, nonce) for i in blocks)
    cipher = bytes(a ^ b for a, b in zip(plain, stream))

    def pad(x):
        return x + bytes(-len(x) % 16)

    lengths = len(aad).to_bytes(8, "little") + len(cipher).to_bytes(8, "little")
    return cipher + poly1305(chacha_block(key, 0, nonce)[:32], pad(aad) + pad(cipher) + lengths)


def extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()


def expand(key: bytes, info: bytes, length: int) -> bytes:
    out, last, i = b"", b"", 1
    while len(out) < length:
        last = hmac.new(key, last + info + bytes([i]), hashlib.sha256).digest()
        out, i = out + last, i + 1
    return out[:length]


def labeled_extract(suite, salt, label, secret):
    return extract(salt, b"HPKE-v1" + suite + label + secret)


def labeled_expand(suite, key, label, info, length):
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


KEM = b"KEM" + (0x20).to_bytes(2, "big")
HPKE = b"HPKE" + (0x20).to_bytes(2, "big") + (1).to_bytes(2, "big") + (3).to_bytes(2, "big")


def derive_private(material: bytes) -> bytes:
    return labeled_expand(KEM, labeled_extract(KEM, b"", b"dkp_prk", material), b"sk", b"", 32)


def hpke_sender(public: bytes, info: bytes, ephemeral_material: bytes):
    """Base mode: (enc, secret of the key schedule, its context)."""
    ephemeral = derive_private(ephemeral_material)
    enc = x25519(ephemeral, BASE)
    shared_key = labeled_extract(KEM, b"", b"eae_prk", x25519(ephemeral, public))
    shared = labeled_expand(KEM, shared_key, b"shared_secret", enc + public, 32)
    context = b"\x00" + labeled_extract(HPKE, b"", b"psk_id_hash", b"") + labeled_extract(HPKE, b"", b"info_hash", info)
    return enc, labeled_extract(HPKE, shared, b"secret", b""), context


def hpke_seal(public: bytes, info: bytes, plain: bytes, aad: bytes, ephemeral_material: bytes):
    """Base mode, first message: (enc, ciphertext)."""
    enc, secret, context = hpke_sender(public, info, ephemeral_material)
    key = labeled_expand(HPKE, secret, b"key", context, 32)
    nonce = labeled_expand(HPKE, secret, b"base_nonce", context, 12)
    return enc, aead_seal(key, nonce, plain, aad)


def hpke_export(public: bytes, info: bytes, exporter_context: bytes, ephemeral_material: bytes):
    """Base mode: (enc, exported secret of 32 bytes), RFC 9180 5.3."""
    enc, secret, context = hpke_sender(public, info, ephemeral_material)
    exporter = labeled_expand(HPKE, secret, b"exp", context, 32)
    return enc, labeled_expand(HPKE, exporter, b"sec", exporter_context, 32)
