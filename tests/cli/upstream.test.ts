/** A model that a server computes, from its card to a paid answer of an attested key (of a SIMULATED platform), through the command line. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import OpenAI from 'openai';
import { Subprocess } from '../../cli/processes';
import { startDevnet } from '../../devnet';
import { loaded as automaton, startGateway } from '../gateway/support';
import { temporaryFolder, writeFolder } from '../import/folders';
import { cocoon, codeOf } from '../support/cocoon';
import { StakedMarket } from '../support/stakedMarket';
import { cardBytes } from '../worker/upstream/servers';

/** Attestation on chain and two processes take seconds: `npm run test:upstream`. */
const isSlow = process.env.COCOON_UPSTREAM !== '1';

test('an OpenAI client is answered by a server inside an attested worker: the card alone names the model, on both sides', { skip: isSlow }, async (t) => {
  const market = await StakedMarket.open({ attestation: true });
  t.after(() => market.close());
  const upstream = await startGateway();
  const card = join(market.newFolder('card'), 'card.json');
  mkdirSync(join(card, '..'));
  writeFileSync(card, cardBytes({ name: 'automaton', context: automaton.model.config.context }));
  const owner = await market.owner();
  const url = await market.worker(owner, [
    '--tier', 'attested', '--engine', 'upstream', '--upstream-url', new URL(upstream.url).origin, '--model', card,
  ]);
  const quote = await market.result(owner, 'keys', 'quote', '--owner', owner.wallet.toRawString(), '--registry', market.registry.toRawString(), '--platform', 'simulated');
  const file = join(owner.folder, 'quote.json');
  writeFileSync(file, JSON.stringify(quote));
  await market.result(owner, 'init', '--quote', file, '--endpoint', url);

  const client = await market.client();
  const gateway = Subprocess.start('gateway', [
    'gateway', '--json', '--api', market.api, '--data-folder', client.dataFolder, '--model', card, '--port', '0', '--registry', market.registry.toRawString(),
  ]);
  try {
    const { baseUrl, apiKey, model } = await gateway.next<{ baseUrl: string; apiKey: string; model: string }>();
    const openai = new OpenAI({ baseURL: baseUrl, apiKey, maxRetries: 0 });
    const answer = await openai.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }], max_tokens: 40, temperature: 0 });
    assert.equal(answer.choices[0].message.content, 'Hello from the automaton.');
    const { receipts } = (answer as unknown as { x_cocoon: { receipts: { final: boolean; dueNano: string }[] } }).x_cocoon;
    assert.ok(receipts[0].final && BigInt(receipts[0].dueNano) > 0n);
  } finally {
    await gateway.stop(2_000);
  }
});

test('a worker with such an engine is attested, on its own machine and has a card, or does not start', async (t) => {
  const devnet = await startDevnet({});
  t.after(() => devnet.close());
  const folder = temporaryFolder(t);
  const card = join(folder, 'card.json');
  writeFileSync(card, cardBytes());
  const start = async (...args: string[]): Promise<string> =>
    codeOf(await cocoon(['worker', '--json', '--api', devnet.endpoint, '--data-folder', folder, '--port', '0', '--engine', 'upstream', '--log-level', 'silent', ...args]));
  const here = ['--upstream-url', 'http://127.0.0.1:9'];
  assert.equal(await start('--model', card, '--tier', 'attested'), 'usage.upstream');
  assert.equal(await start('--tier', 'attested', ...here), 'usage.upstream');
  assert.equal(await start('--model', card, ...here), 'engine.upstream-tier');
  assert.equal(await start('--model', card, '--tier', 'attested', '--upstream-url', 'http://192.0.2.1:8000'), 'engine.upstream-url');
  assert.equal(await start('--model', card, '--tier', 'attested', ...here), 'engine.upstream-unreachable');
  assert.equal(await start('--model', card, '--tier', 'attested', ...here, '--upstream-kind', 'ollama'), 'usage.flag');
});

test('model describe writes a card once, and inspect reads it', async (t) => {
  const folder = temporaryFolder(t);
  writeFolder(folder, { vocab_size: 320, max_position_embeddings: 4096 }, new Map([['norm', { shape: [4], values: new Float32Array(4) }]]));
  const out = join(temporaryFolder(t), 'card.json');
  const run = (...args: string[]) => cocoon(['model', ...args, '--json']);
  const made = await run('describe', folder, '--out', out, '--name', 'm', '--context', '512');
  assert.equal(made.status, 0, made.stderr);
  const { modelRoot, context, files } = JSON.parse(made.stdout) as { modelRoot: string; context: number; files: number };
  assert.deepEqual([context, files], [512, 5]);
  const seen = await run('inspect', out);
  assert.equal((JSON.parse(seen.stdout) as { modelRoot: string }).modelRoot, modelRoot);
  const again = await run('describe', folder, '--out', out, '--name', 'm');
  assert.equal(again.status, 8, again.stderr);
  const wrong = join(folder, 'none.json');
  assert.deepEqual([(await run('describe', folder, '--out', wrong, '--name', 'm', '--context', '5000')).status, existsSync(wrong)], [7, false]);
});
