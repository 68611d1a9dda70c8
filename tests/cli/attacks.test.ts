import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createJob, type CreateOptions } from '../../cli/client/create';
import { listJobs } from '../../cli/client/jobFile';
import { resolveSettings, toSettings } from '../../cli/config/resolve';
import type { AccountSnapshot, ChainClient } from '../../worker/chain/chainClient';
import { openModel } from '../../worker/engine';
import { TINY_MODEL } from '../support/marketplace';

const folder = mkdtempSync(join(tmpdir(), 'cocoon-client-attacks-'));
const TESTNET = -3;
const now = (): number => Math.floor(Date.now() / 1000);

let server: Server;
let workerUrl: string;
let minPriceNano = '10000000';
before(async () => {
  const root = Buffer.from(openModel(TINY_MODEL).model.modelRoot).toString('hex');
  const key = '58'.padEnd(64, '6');
  server = createServer((_, response) => {
    const limits = { maxTokens: 256, contextTokens: 128, minSeconds: 30, maxSeconds: 86_400, outputCells: 40 };
    const described = { networkId: TESTNET, workerKey: key, sealingKey: key, stake: key, payout: key };
    const rest = { models: [{ root, name: 'tiny' }], backend: 'reference', adapter: 'none', minPriceNano, limits };
    response.end(JSON.stringify({ ...described, ...rest }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  workerUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Tries to make a job through an API whose time is `ahead` seconds ahead; nothing is ever sent. */
async function attempt(ahead: number, price?: bigint): Promise<string[]> {
  const dataFolder = join(folder, 'client');
  const sent: string[] = [];
  const account: AccountSnapshot = { state: 'absent', balance: 0n, code: null, data: null, apiTime: now() + ahead };
  const chain = {
    checkNetwork: () => Promise.resolve(),
    getAccount: () => Promise.resolve(account),
    networkPrices: () =>
      Promise.resolve({ gasPrice: 1n, flatGasLimit: 0n, flatGasPrice: 0n, lumpPrice: 1n, bitPrice: 1n, cellPrice: 1n }),
    sendExternal: (bytes: Buffer) => Promise.resolve(void sent.push(bytes.toString('hex'))),
  } as unknown as ChainClient;
  const flags = { dataFolder, network: 'testnet', api: 'http://127.0.0.1:9', workerUrl, model: TINY_MODEL };
  const options: CreateOptions = {
    settings: toSettings(resolveSettings({ flags, env: {} })),
    chain,
    progress: () => undefined,
    prompt: 'a prompt',
    sampling: { temperature: 0, seed: 0 },
    maxTokens: 4,
    price,
    deadlineSeconds: 600,
    isPublic: false,
    withoutStake: true,
  };
  let code = 'none';
  await createJob(options).catch((error: { code: string }) => (code = error.code));
  return [code, ...sent, ...listJobs(dataFolder)];
}

describe('attacks on a client', () => {
  test('an API that claims another time cannot lock the money until far in the future', async () => {
    assert.deepEqual(await attempt(80 * 365 * 86_400), ['chain.clock']);
    assert.deepEqual(await attempt(121 + 5), ['chain.clock']);
    assert.deepEqual(await attempt(100), ['chain.low-balance'], 'a little ahead is normal, and the job goes on');
    assert.deepEqual(await attempt(-3_600), ['chain.low-balance'], 'a lagging API is normal too');
  });

  test('a worker that names a huge lowest price is not paid it unless the client names that price', async () => {
    minPriceNano = '1000000001';
    assert.deepEqual(await attempt(0), ['usage.high-price']);
    assert.deepEqual(await attempt(0, 1_000_000_001n), ['chain.low-balance'], 'named, it goes on to the wallet');
    minPriceNano = '1000000000';
    assert.deepEqual(await attempt(0), ['chain.low-balance']);
  });
});
