import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519';
import { sha512 } from '@noble/hashes/sha2';
import { portableEd25519 } from '../../protocol';
import { nodeEd25519 } from '../../worker/keys/ed25519';

const ORDER = ed25519.CURVE.n;
const { BASE } = ed25519.ExtendedPoint;
const number = (bytes: Uint8Array): bigint => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
const bytes = (value: bigint): Uint8Array => Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 255n));
/** A point of order 8. */
const TORSION = ed25519.ExtendedPoint.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');

/** A signature whose nonce has a part of small order: the equation with the cofactor holds, the one without does not. */
function crooked(hash: Uint8Array, seed: Uint8Array): Uint8Array {
  const { scalar } = ed25519.utils.getExtendedPublicKey(seed);
  const key = ed25519.getPublicKey(seed);
  const nonce = BASE.multiply(77n).add(TORSION).toRawBytes();
  const k = number(sha512(Uint8Array.from([...nonce, ...key, ...hash]))) % ORDER;
  return Uint8Array.from([...nonce, ...bytes((77n + k * scalar) % ORDER)]);
}

describe('portable and native Ed25519', () => {
  const seed = new Uint8Array(32).fill(3);
  const key = portableEd25519.publicKey(seed);
  const hash = new Uint8Array(32).fill(5);
  const good = portableEd25519.sign(hash, seed);

  it('make the same signatures and take each other\'s', () => {
    for (let index = 0; index < 20; index++) {
      const message = new Uint8Array(32).fill(index);
      const signature = portableEd25519.sign(message, seed);
      assert.deepEqual(nodeEd25519.sign(message, seed), signature);
      assert.ok(portableEd25519.verify(message, signature, key) && nodeEd25519.verify(message, signature, key));
    }
  });

  it('both refuse what TVM refuses: a nonce or key with a part of small order, s above the order, any changed bit', () => {
    const above = Uint8Array.from([...good.subarray(0, 32), ...bytes(number(good.subarray(32)) + ORDER)]);
    for (const bad of [crooked(hash, seed), above, good.subarray(0, 63), Uint8Array.from([...good, 0])]) {
      for (const { verify } of [portableEd25519, nodeEd25519]) assert.equal(verify(hash, bad, key), false);
    }
    for (let bit = 0; bit < 512; bit += 5) {
      const flipped = good.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      for (const { verify } of [portableEd25519, nodeEd25519]) assert.equal(verify(hash, flipped, key), false);
    }
    const torsionKey = ed25519.ExtendedPoint.fromHex(key).add(TORSION).toRawBytes();
    assert.equal(portableEd25519.verify(hash, good, torsionKey), nodeEd25519.verify(hash, good, torsionKey));
    assert.equal(portableEd25519.verify(hash, good, new Uint8Array(31)), false);
  });
});
