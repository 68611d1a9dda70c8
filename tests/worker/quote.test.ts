/** The quote about an attested worker's key: stored where the worker is, served as it is now, and nothing breaks without it. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { storedQuote, storeQuote, type QuoteFile } from '../../worker/quoteFile';
import { toHex } from '../../protocol';
import { CheckedMarket, type RunningService } from './checkedMarket';

let market: CheckedMarket;
let worker: RunningService;
let folder: string;
before(async () => {
  market = await CheckedMarket.open();
  folder = market.market.newFolder('quote');
  mkdirSync(folder, { recursive: true });
  worker = await market.serve({ quoteFolder: folder });
});
after(() => market.close());

const fileOf = (changes: Partial<QuoteFile> = {}): QuoteFile => ({
  networkId: 2026, registry: `0:${'01'.repeat(32)}`, owner: `0:${'02'.repeat(32)}`, workerKey: toHex(market.keys.signingPublic), sealingKey: toHex(market.keys.sealingPublic),
  blockSeqno: 100, blockHash: '03'.repeat(32), platform: 'simulated', quote: '0405', ...changes,
});
const ask = async (url = worker.url): Promise<[number, unknown]> => {
  const response = await fetch(`${url}/v1/quote`);
  const body = await response.json() as { error?: { code: string } };
  return [response.status, body.error?.code ?? body];
};

test('a worker serves the quote about its key, the newest without a restart, and says so where there is none', async () => {
  assert.deepEqual(await ask(), [404, 'request.no-quote']);
  for (const blockSeqno of [100, 200]) {
    storeQuote(folder, fileOf({ blockSeqno }));
    assert.deepEqual(await ask(), [200, fileOf({ blockSeqno })]);
  }
  storeQuote(folder, fileOf({ workerKey: '07'.repeat(32) }));
  assert.deepEqual(await ask(), [404, 'request.no-quote'], 'a quote about another key is not this worker\'s');
});

test('what is no quote is neither served nor read whole, and the worker goes on', async () => {
  for (const content of ['{"quote":', '{}', JSON.stringify({ ...fileOf(), more: 1 }), JSON.stringify(fileOf({ quote: 'zz' })), `${JSON.stringify(fileOf())}${' '.repeat(300_000)}`]) {
    writeFileSync(join(folder, 'quote.json'), content);
    assert.deepEqual(await ask(), [500, 'storage.quote']);
    assert.throws(() => storedQuote(folder), { code: 'storage.quote' });
  }
  assert.equal((await fetch(`${worker.url}/readyz`)).status, 200);
  assert.equal((await fetch(`${worker.url}/v1/descriptor`)).status, 200);
});

test('a worker whose key is bonded has none, whatever lies in its folder', async () => {
  assert.deepEqual(await ask((await market.serve()).url), [404, 'request.no-quote']);
});
