import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Address } from '@ton/core';
import { parseDescriptor } from '../../cli/client/workerApi';
import { createJsonServer } from '../../worker/http/server';
import { createLogger } from '../../worker/log';
import { descriptorBytes, descriptorHash, descriptorOf } from '../../worker/descriptor';

const options = {
  policy: {
    networkId: -3,
    workerKey: new Uint8Array(32).fill(1),
    payout: new Address(0, Buffer.alloc(32, 2)),
    tier: 0 as const,
    minPrice: 5n,
    minSeconds: 30,
    maxSeconds: 600,
  },
  keys: { sealingPublic: new Uint8Array(32).fill(3) },
  model: { name: 'tiny', model: { modelRoot: new Uint8Array(32).fill(4), config: { context: 64 } } },
  engine: { backend: 'cpu', adapter: 'none' },
  stake: new Uint8Array(32).fill(5),
  maxTokens: 16,
  maxCoverage: 7n,
} as unknown as Parameters<typeof descriptorOf>[0];

test('the hash of the descriptor is the hash of the bytes that clients download', async (t) => {
  const route = { method: 'GET', path: /^\/d$/, handle: () => ({ status: 200, body: descriptorOf(options) }) } as const;
  const server = createJsonServer([route], createLogger('silent'));
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/d`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  assert.deepEqual(createHash('sha256').update(bytes).digest(), Buffer.from(descriptorHash(options)));
  assert.deepEqual(Buffer.from(bytes), Buffer.from(descriptorBytes(options)));
  assert.equal(parseDescriptor(bytes, 'test').models[0].minPriceNano, '5');
});

test('every object of the descriptor has its keys in order', () => {
  JSON.parse(Buffer.from(descriptorBytes(options)).toString(), (_key, value: unknown) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      assert.deepEqual(Object.keys(value), Object.keys(value).sort());
    }
    return value;
  });
});
