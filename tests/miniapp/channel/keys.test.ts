import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { canSign, createKey, loadKey } from '../../../miniapp/src/channel';
import { portableEd25519 } from '../../../protocol';
import { MemoryDatabase, MemoryDisk } from './memory';

const hash = new Uint8Array(32).fill(7);

describe('the key of a channel', () => {
  test('is on disk as it is made, cannot be extracted, and signs what contracts take', async () => {
    const disk = new MemoryDisk();
    const { publicKey } = await createKey(new MemoryDatabase(disk));
    const key = (await loadKey(new MemoryDatabase(disk), publicKey))!;
    const signature = await key.sign(hash);
    assert.ok(portableEd25519.verify(hash, signature, Buffer.from(publicKey, 'hex')));
    assert.deepEqual([await key.verify(hash, signature), await key.verify(new Uint8Array(32), signature)], [true, false]);
    const { privateKey } = disk.tables.keys.get(publicKey) as CryptoKeyPair;
    for (const format of ['jwk', 'pkcs8'] as const) await assert.rejects(crypto.subtle.exportKey(format as 'pkcs8', privateKey), { name: 'InvalidAccessException' });
    assert.equal(await loadKey(new MemoryDatabase(disk), '00'.repeat(32)), null);
    assert.ok(await canSign());
  });

  test('a browser without Ed25519 says so and gets no other key instead', async (t) => {
    t.mock.method(crypto.subtle, 'generateKey', async () => { throw new DOMException('Unrecognized name.', 'NotSupportedError'); });
    const disk = new MemoryDisk();
    await assert.rejects(createKey(new MemoryDatabase(disk)), (error: { code?: string }) => error.code === 'wallet.noEd25519');
    assert.deepEqual([disk.writes, await canSign()], [0, false]);
  });
});
