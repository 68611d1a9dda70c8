/** Jobs that a proof answers, by command: a client, a prover, and the simulated chain behind its API. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Address } from '@ton/core';
import { loadWallet } from '../../cli/client/wallet';
import { advanceDevnet } from '../../cli/commands/devnet';
import { cocoon, codeOf, type Run } from '../support/cocoon';
import { DEVNET_ID, Marketplace } from '../support/marketplace';

const ROOT = join(__dirname, '../..');
const { digits } = JSON.parse(readFileSync(join(ROOT, 'models/digits-8x8-held-out.json'), 'utf8')) as { digits: [string, number][] };
const valuesOf = (digit: number): number[] => [...digits[digit][0]].map((value) => parseInt(value, 16));

let market: Marketplace;
let client: string;
let prover: string;
before(async () => {
  market = await Marketplace.open();
  client = (await market.client('http://127.0.0.1:9')).dataFolder;
  prover = (await market.client('http://127.0.0.1:9')).dataFolder;
});
after(() => market.close());

const run = (folder: string, ...args: string[]): Promise<Run> => cocoon(['zk', ...args, '--api', market.api, '--network', 'devnet', '--data-folder', folder, '--json']);
const resultOf = <T>({ stdout, stderr }: Run): T => {
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout.trim().split('\n').pop()!) as T;
};
const balanceOf = async (folder: string): Promise<bigint> => (await market.chain.getAccount(loadWallet(folder, DEVNET_ID).address)).balance;
const fileWith = (name: string, content: unknown): string => {
  const path = join(client, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
};
/** A job whose opening lies in a file of this name. */
async function created(name: string, digit: number, ...more: string[]): Promise<{ opening: string; job: string }> {
  const opening = join(client, name);
  const made = await run(client, 'job', '--input', fileWith('input.json', valuesOf(digit)), '--opening', opening, '--no-wait', ...more);
  return { opening, job: resultOf<{ job: string }>(made).job };
}

describe('jobs that a proof answers', () => {
  test('no job is made while the verifier is not there; it is deployed once', async () => {
    const refused = await run(client, 'job', '--input', fileWith('input.json', valuesOf(0)), '--opening', join(client, 'none.json'), '--no-wait');
    assert.deepEqual([refused.status, codeOf(refused)], [5, 'chain.no-verifier']);
    const first = resultOf<{ verifier: string; isDevelopment: boolean; deployed: boolean }>(await run(prover, 'verifier'));
    assert.deepEqual([first.deployed, first.isDevelopment], [true, true]);
    const again = resultOf<typeof first>(await run(client, 'verifier'));
    assert.deepEqual([again.deployed, again.verifier], [false, first.verifier]);
  });

  test('a proof of the verdict is paid, the client hears the verdict, and the chain never saw the input', async () => {
    const before = await balanceOf(prover);
    const { opening } = await created('opening.json', 3, '--price', '0.3');
    assert.equal(statSync(opening).mode & 0o777, 0o600);
    const answer = resultOf<{ verdict: number; paidNano: number; job: string; verifierGas: number }>(await run(prover, 'answer', opening));
    const { verdict } = resultOf<{ verdict: number }>(await run(client, 'verdict', opening));
    assert.deepEqual([verdict, answer.verdict], [digits[3][1], digits[3][1]]);
    assert.ok(answer.paidNano >= 300_000_000 && answer.verifierGas < 114_000);
    assert.ok((await balanceOf(prover)) - before > 200_000_000n);
    // What the chain keeps of the job and what the verifier was sent have the commitment, never a run of the input.
    const hidden = Buffer.from(valuesOf(3));
    const { job, verifier } = JSON.parse(readFileSync(opening, 'utf8')) as { job: string; verifier: string };
    for (const account of [job, verifier]) {
      for (const { inMessage } of await market.chain.getTransactions(Address.parse(account), 20)) assert.equal(inMessage!.body.toBoc().includes(hidden.subarray(0, 8)), false);
    }
    const second = await run(prover, 'answer', opening);
    assert.deepEqual([second.status, codeOf(second)], [5, 'chain.no-zk-job']);
  });

  test('an exclusive job is reserved for one prover, whose bond returns with the price', async () => {
    const { opening } = await created('exclusive.json', 5, '--exclusive');
    const answer = resultOf<{ paidNano: number }>(await run(prover, 'answer', opening));
    assert.ok(answer.paidNano >= 200_000_000, 'the price and the bond of 0.1 TON each');
    const late = await created('short.json', 5, '--exclusive', '--deadline', '5');
    const refused = await run(prover, 'answer', late.opening);
    assert.deepEqual([refused.status, codeOf(refused)], [5, 'chain.zk-job-refused'], 'ten minutes would outlast the deadline');
  });

  test('a prover with the key of another circuit reserves nothing', async () => {
    const { opening } = await created('unprovable.json', 6, '--exclusive');
    const before = await balanceOf(prover);
    const refused = await run(prover, 'answer', opening, '--zkey', join(ROOT, 'circuits/keys/digits-8x8.DEVELOPMENT.ptau'));
    assert.notEqual(refused.status, 0);
    assert.equal(await balanceOf(prover), before);
  });

  test('without a proof the money returns at the deadline', async () => {
    const before = await balanceOf(client);
    const { opening } = await created('late.json', 1, '--price', '0.5', '--deadline', '1');
    assert.ok((await balanceOf(client)) < before - 500_000_000n);
    const tooLate = await run(prover, 'answer', opening);
    assert.deepEqual([tooLate.status, codeOf(tooLate)], [5, 'chain.no-zk-job'], 'nothing is proven within the last minute');
    await advanceDevnet(market.api, 61);
    assert.equal(resultOf<{ verdict: null }>(await run(client, 'verdict', opening)).verdict, null);
    assert.ok((await balanceOf(client)) > before - 30_000_000n);
    const unpaid = fileWith('unpaid.json', { ...(JSON.parse(readFileSync(opening, 'utf8')) as object), job: `0:${'ab'.repeat(32)}` });
    await advanceDevnet(market.api, 600);
    assert.equal(codeOf(await run(client, 'verdict', unpaid)), 'chain.timeout');
  });

  test('what is wrong with a file is said before any money moves', async () => {
    const { opening, job } = await created('right.json', 2);
    const right = JSON.parse(readFileSync(opening, 'utf8')) as Record<string, unknown>;
    const values = valuesOf(2);
    const table: [Record<string, unknown>, number, string][] = [
      [{ ...right, values: [...values.slice(0, 63), values[63] ^ 1] }, 6, 'verification.zk.opening'],
      [{ ...right, salt: '1'.padStart(64, '0') }, 6, 'verification.zk.opening'],
      [{ ...right, modelHash: '0'.repeat(64) }, 6, 'verification.zk.opening'],
      [{ ...right, values: values.slice(1) }, 2, 'input.zk.values'],
      [{ ...right, values: [...values.slice(0, 63), 16] }, 2, 'input.zk.values'],
      [{ ...right, more: 1 }, 2, 'usage.opening'],
    ];
    const before = await balanceOf(prover);
    for (const [changed, status, code] of table) {
      const refused = await run(prover, 'answer', fileWith('changed.json', changed));
      assert.deepEqual([refused.status, codeOf(refused)], [status, code]);
    }
    const input = await run(client, 'job', '--input', fileWith('input.json', { digit: 1 }), '--no-wait');
    assert.deepEqual([input.status, codeOf(input)], [2, 'usage.input']);
    const dear = await run(client, 'job', '--input', fileWith('input.json', values), '--price', '1.1', '--no-wait');
    assert.equal(codeOf(dear), 'BAD_DEVELOPMENT_PRICE');
    const again = await run(client, 'job', '--input', fileWith('input.json', values), '--opening', opening, '--no-wait');
    assert.deepEqual([again.status, codeOf(again)], [2, 'usage.opening-exists'], 'an opening is never written over');
    const noKey = await run(prover, 'verifier', '--key', join(ROOT, 'README.md'));
    const noShard = await run(prover, 'verifier', '--shard', '256');
    const noModel = await run(prover, 'verifier', '--circuit', join(ROOT, 'package.json'));
    assert.deepEqual([codeOf(noKey), codeOf(noShard), codeOf(noModel).split('.')[0]], ['BAD_KEY_RECORD', 'usage.number', 'model']);
    const mainnet = await cocoon(['zk', 'verifier', '--api', market.api, '--network', 'mainnet', '--data-folder', client, '--json']);
    assert.notEqual(mainnet.status, 0);
    assert.equal(await balanceOf(prover), before);
    assert.equal((await market.chain.getAccount(Address.parse(job))).state, 'active');
  });
});
