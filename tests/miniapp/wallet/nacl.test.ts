/** The page's crypto_box against the package that it stands for. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import own from '../../../miniapp/src/wallet/nacl';

interface Nacl {
  box: {
    (message: Uint8Array, nonce: Uint8Array, publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array;
    open(sealed: Uint8Array, nonce: Uint8Array, publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array | null;
    keyPair: { fromSecretKey(secretKey: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } };
  };
}
const fromHere = createRequire(__filename);
const nacl = createRequire(fromHere.resolve('@tonconnect/protocol'))('tweetnacl') as Nacl;

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });

test('seals the bytes that tweetnacl seals, each opens what the other sealed, and neither opens what was changed', () => {
  fc.assert(
    fc.property(bytes(32), bytes(24), fc.uint8Array({ maxLength: 300 }), fc.nat(), (secret, nonce, message, at) => {
      const theirs = nacl.box.keyPair.fromSecretKey(secret);
      const ours = own.box.keyPair();
      const sealed = own.box(message, nonce, theirs.publicKey, ours.secretKey);
      assert.deepEqual(sealed, nacl.box(message, nonce, theirs.publicKey, ours.secretKey));
      assert.deepEqual(nacl.box.open(sealed, nonce, ours.publicKey, theirs.secretKey), message);
      assert.deepEqual(own.box.open(nacl.box(message, nonce, ours.publicKey, theirs.secretKey), nonce, theirs.publicKey, ours.secretKey), message);
      const changed = sealed.slice();
      changed[at % changed.length] ^= 1;
      assert.equal(own.box.open(changed, nonce, theirs.publicKey, ours.secretKey), null);
    }),
    { numRuns: 30, seed: 20261128 },
  );
});

test('opens nothing that is shorter than its tag, and makes another key each time', () => {
  const { publicKey, secretKey } = own.box.keyPair();
  assert.equal(own.box.open(new Uint8Array(15), new Uint8Array(24), publicKey, secretKey), null);
  assert.notDeepEqual(own.box.keyPair().secretKey, secretKey);
  assert.equal(own.randomBytes(24).length, 24);
});
