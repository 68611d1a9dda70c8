import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { portableEd25519, sealingPublicKey } from '../../protocol';
import { chacha20poly1305, portableChacha20poly1305 } from '../../protocol/aead';
import { hpkeOpen, hpkeSeal } from '../../protocol/hpke';
import { nodeEd25519 } from '../../worker/keys/ed25519';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex');

describe('published test vectors', () => {
  it('HPKE: RFC 9180 A.2.1, base mode of DHKEM(X25519), HKDF-SHA256, ChaCha20Poly1305, sequence number 0', async () => {
    const info = bytes('4f6465206f6e2061204772656369616e2055726e');
    const ikmE = bytes('909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b');
    const secret = bytes('8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb');
    const key = bytes('4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a');
    const plaintext = bytes('4265617574792069732074727574682c20747275746820626561757479');
    const aad = bytes('436f756e742d30');
    const sealed = await hpkeSeal(plaintext, key, info, aad, ikmE);
    assert.equal(hex(sealed.enc), '1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a');
    assert.equal(
      hex(sealed.ciphertext),
      '1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28',
    );
    assert.equal(hex(sealingPublicKey(secret)), hex(key));
    assert.equal(hex(await hpkeOpen(sealed, secret, info, aad)), hex(plaintext));
    await assert.rejects(hpkeOpen(sealed, secret, info, bytes('436f756e742d31')));
  });

  for (const [name, make] of Object.entries({ chacha20poly1305, portableChacha20poly1305 })) it(`ChaCha20-Poly1305: RFC 8439 2.8.2, which seals requests and answers: ${name}`, () => {
    const aead = make(
      bytes('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f'),
      bytes('070000004041424344454647'),
      bytes('50515253c0c1c2c3c4c5c6c7'),
    );
    const plaintext = Buffer.from(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    );
    const sealed =
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b29' +
      '05d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61' +
      '161ae10b594f09e26a7e902ecbd0600691';
    assert.equal(hex(aead.seal(plaintext)), sealed);
    assert.equal(hex(aead.open(bytes(sealed))), hex(plaintext));
    assert.throws(() => aead.open(bytes(`00${sealed.slice(2)}`)));
    assert.throws(() => aead.open(bytes(`${sealed.slice(0, -2)}00`)));
    assert.throws(() => aead.open(bytes('00').subarray(0, 8)));
  });

  it('X25519: RFC 7748 6.1, Bob', () => {
    const secret = bytes('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
    assert.equal(hex(sealingPublicKey(secret)), 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
  });

  it('Ed25519: RFC 8032 7.1, test 3, with the portable and the node implementation', () => {
    const seed = bytes('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7');
    const publicKey = 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025';
    const signature =
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a';
    for (const ed25519 of [portableEd25519, nodeEd25519]) {
      assert.equal(hex(ed25519.publicKey(seed)), publicKey);
      assert.equal(hex(ed25519.sign(bytes('af82'), seed)), signature);
      assert.equal(ed25519.verify(bytes('af82'), bytes(signature), bytes(publicKey)), true);
      assert.equal(ed25519.verify(bytes('af83'), bytes(signature), bytes(publicKey)), false);
    }
  });
});
