import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { Address } from '@ton/core';
import pino from 'pino';
import { WebSocket } from 'ws';
import type { ChainClient } from '../../../worker/chain/chainClient';
import { channelOffer, ChannelService } from '../../../worker/channels/service';
import { loadClaimKey } from '../../../worker/keys/workerKeys';
import { Admission } from '../../../worker/operation/admission';
import { WorkerWorld } from './conversationWorld';

describe('a worker with channels', () => {
  test('says how to open one, answers at that path, and ends everything when it is stopped', async () => {
    const { model, engine } = await WorkerWorld.loaded();
    const world = await WorkerWorld.create(model, engine);
    const claimKey = loadClaimKey(world.folder);
    assert.deepEqual(loadClaimKey(world.folder), claimKey);
    const options = { store: world.store, claimKey, promptPrice: 5n, outputPrice: 7n, claimSeconds: 60 };
    const offer = channelOffer(options) as { path: string; claimKey: string; outputPriceNano: string };
    assert.deepEqual([offer.claimKey, offer.outputPriceNano], [Buffer.from(claimKey.publicKey).toString('hex'), '7']);
    const server = createServer();
    const service = new ChannelService(server, {
      chain: {} as ChainClient, log: pino({ level: 'silent' }), keys: world.keys, model, engine, stake: new Uint8Array(32),
      policy: { networkId: 2026, payout: new Address(0, Buffer.alloc(32)), tier: 0 }, maxTokens: 8, admission: new Admission(),
    }, options);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}${offer.path}`);
    await once(socket, 'open');
    const closed = once(socket, 'close');
    await service.stop();
    await closed;
    assert.throws(() => world.store.read.channels());
    server.close();
    await engine.close();
  });
});
