import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BUILT_CLI } from '../../cli/processes';
import { TINY_MODEL } from '../support/marketplace';

interface DemoResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `cocoon demo` as a user does, with a temporary directory of its own. */
async function demo(args: string[], temporary: string): Promise<DemoResult> {
  const child = spawn(process.execPath, [BUILT_CLI, 'demo', ...args], {
    cwd: join(__dirname, '../..'),
    env: {
      ...process.env,
      TMPDIR: temporary,
      COCOON_GPU: 'native',
      COCOON_API: 'http://127.0.0.1:9',
      COCOON_NETWORK: 'mainnet',
    },
  });
  const result: DemoResult = { status: null, stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (result.stdout += String(data)));
  child.stderr.on('data', (data: Buffer) => (result.stderr += String(data)));
  result.status = await new Promise((resolve) => child.on('close', resolve));
  return result;
}

/** Runs the demo in a temporary directory, which it must leave empty; gives its last line and what it said. */
async function result(...args: string[]): Promise<{ result: Record<string, unknown>; stderr: string }> {
  const temporary = mkdtempSync(join(tmpdir(), 'cocoon-demo-test-'));
  try {
    const { status, stdout, stderr } = await demo(
      ['--json', '--model', TINY_MODEL, '--max-tokens', '4', ...args],
      temporary,
    );
    assert.equal(status, 0, stderr);
    const left = readdirSync(temporary).filter((name) => name.startsWith('open-cocoon-demo'));
    assert.deepEqual(left, [], 'nothing is left behind');
    return { result: JSON.parse(stdout.trim().split('\n').pop()!) as Record<string, unknown>, stderr };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

interface Second {
  stake: string;
  rerunEqual: boolean;
  simulated: boolean;
  verdict: string | null;
  check: string | null;
  proofGas: number | null;
  slashedNano: number;
  burntNano: number;
  clientShareNano: number;
  reporterShareNano: number;
}

describe('the demo', { concurrency: true }, () => {
  test('it pays for one answer in separate processes, has a cheat slashed, and prints it all as the last line', async () => {
    const prompt = 'Guten Tag, 世界 🙂';
    const { result: shown, stderr } = await result('--prompt', prompt);
    assert.equal(shown.prompt, prompt);
    assert.equal(typeof shown.answer, 'string');
    for (const name of ['modelRoot', 'receiptHash']) assert.match(shown[name] as string, /^[0-9a-f]{64}$/, name);
    for (const name of ['jobAddress', 'stake']) assert.match(shown[name] as string, /^0:[0-9a-f]{64}$/, name);
    for (const name of ['paidNano', 'feesNano', 'refundNano', 'slashedNano'])
      assert.equal(typeof shown[name], 'number', name);
    assert.equal(shown.paidNano, 50_000_000);
    const fees = shown.feesNano as number;
    assert.ok(fees > 5_000_000 && fees <= 14_000_000, `fees ${fees}`);
    assert.equal(shown.rerunEqual, true);
    for (const name of ['backend', 'adapter', 'rerunBackend']) assert.ok((shown[name] as string).length > 3, name);
    assert.match(stderr, /simulated chain/);

    const gateway = shown.gateway as { answers: { costNano: number; chunks: number }[]; settledNano: number };
    assert.equal(gateway.answers.length, 3);
    const costs = gateway.answers.reduce((sum, { costNano }) => sum + costNano, 0);
    assert.ok(gateway.answers.every(({ costNano, chunks }) => costNano > 0 && chunks > 0));
    assert.equal(gateway.settledNano, costs, 'one claim settled all of them, to the last nanoTON');

    const attested = shown.attested as Record<string, unknown>;
    assert.equal(attested.simulated, true);
    assert.equal(attested.paidNano, 20_000_000);
    assert.match(stderr, /attested by a SIMULATED platform, which proves nothing/);
    assert.match(stderr, /ATTESTED key \(SIMULATED platform\)/);

    const second = shown.second as Second;
    assert.deepEqual([second.rerunEqual, second.simulated, second.verdict], [false, true, 'convicted']);
    assert.match(second.check!, /Check$/);
    assert.ok(second.proofGas! > 10_000 && second.proofGas! < 300_000, `gas ${second.proofGas}`);
    assert.notEqual(second.stake, shown.stake, 'the honest provider keeps its stake');
    assert.equal(shown.slashedNano, 1_500_000_000, 'half of 3 TON');
    assert.equal(second.slashedNano, 1_500_000_000);
    assert.ok(second.burntNano > 740_000_000 && second.burntNano <= 750_000_000, 'half of it is burnt, less its fee');
    const shares = second.clientShareNano + second.reporterShareNano;
    assert.ok(shares > 1_740_000_000 && shares < 1_850_000_000, 'client and challenger get the rest, and the bond returns');
    assert.match(stderr, /--simulate-cheat/);
  });

  test('with --tier zk a proof about a hidden digit is checked by the chain and paid; no worker runs', async () => {
    const { result: shown, stderr } = await result('--tier', 'zk');
    assert.deepEqual([shown.verdict, shown.isDevelopment], [shown.label, true]);
    assert.ok((shown.paidNano as number) >= 50_000_000 && (shown.verifierGas as number) < 114_000);
    assert.ok(!/worker/.test(stderr));
  });

  test('without the flag of the second worker nobody is slashed', async () => {
    const { result: shown, stderr } = await result('--no-cheat', '--backend', 'reference');
    const { rerunEqual, verdict, simulated, ...amounts } = shown.second as Second;
    assert.deepEqual([shown.slashedNano, rerunEqual, verdict, simulated], [0, true, null, false]);
    const { slashedNano, burntNano, clientShareNano, reporterShareNano } = amounts;
    assert.deepEqual([slashedNano, burntNano, clientShareNano, reporterShareNano], [0, 0, 0, 0]);
    assert.ok(!/cheat/.test(stderr));
  });
});
