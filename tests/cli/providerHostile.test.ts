import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Address } from '@ton/core';
import { advanceDevnet } from '../../cli/client/devnetApi';
import { resolveSettings, toSettings } from '../../cli/config/resolve';
import { openStakeAccount } from '../../cli/provider/account';
import { stepStake } from '../../cli/provider/send';
import { describeProvider, reportProvider } from '../../cli/provider/status';
import { packSetDescriptor } from '../../wrappers';
import { readProvider, type Provider } from '../../wrappers/discovery';
import { historyOf } from '../../cli/client/registry';
import { cocoon, codeOf } from '../support/cocoon';
import { StakedMarket, type Owner } from '../support/stakedMarket';

let market: StakedMarket;
let owner: Owner;
before(async () => {
  market = await StakedMarket.open();
  owner = await market.provider(['--amount', '2']);
});
after(() => market.close());

/** Expects that a command is refused with a code, and that it moved no money of the owner. */
async function refused(code: string, exit: number, ...args: string[]): Promise<void> {
  const before = await market.balance(owner.wallet);
  const run = await market.run(owner, ...args);
  assert.deepEqual([run.status, codeOf(run), run.stdout], [exit, code, ''], `${args.join(' ')}: ${run.stderr}`);
  assert.equal(await market.balance(owner.wallet), before, args.join(' '));
}

test('attack 37: status shows no account as a stake that only answers like one', async () => {
  const { blockchain } = market.devnet;
  const genuine = await blockchain.getContract(owner.stake);
  const fake = new Address(0, Buffer.alloc(32, 0xfa));
  const { account } = genuine;
  const copied = { ...account, account: { ...account.account!, addr: fake } };
  await blockchain.setShardAccount(fake, copied);
  const shown = await readProvider(historyOf(market.chain), fake);
  assert.equal(shown.status.active, 2_000_000_000n, 'it answers like a stake');
  await refused('chain.fake-stake', 5, 'status', fake.toRawString());
  await refused('chain.fake-stake', 5, 'status', market.registry.toRawString());
  await refused('chain.fake-stake', 5, 'status', owner.wallet.toRawString());
  await refused('chain.no-stake', 5, 'status', new Address(0, Buffer.alloc(32, 3)).toRawString());
  await refused('usage.address', 2, 'status', 'mine');
  assert.equal((await market.result(owner, 'status', owner.stake.toRawString())).activeNano, 2_000_000_000);
});

test('an endpoint written past the command line forges no line of a list and is asked for nothing', async () => {
  const liar = await market.provider();
  const flags = { network: 'devnet', api: market.api, dataFolder: liar.folder };
  const resolved = resolveSettings({ flags, env: {} });
  const output = { json: true, progress: () => {}, event: () => {}, result: () => {} };
  const context = { output, resolved, settings: toSettings(resolved), passphrase: () => undefined };
  const account = await openStakeAccount(context);
  const line = 'http://a.org\n0:00  0.000001 TON  free 9 TON  faults 0\u001b[8m';
  await stepStake(account, output, () => ({
    what: 'an endpoint that is none',
    value: 100_000_000n,
    body: (queryId) => packSetDescriptor(line, Buffer.alloc(32, 1), queryId),
  }));
  const { status } = await readProvider(historyOf(market.chain), liar.stake);
  assert.equal(status.endpoint, line);
  for (const command of [['list'], ['status', liar.stake.toRawString()]]) {
    const run = await cocoon(['provider', ...command, '--api', market.api, '--data-folder', liar.folder]);
    assert.equal(run.status, 0, run.stderr);
    assert.doesNotMatch(run.stdout, /0\.000001|\[8m|a\.org/);
    assert.match(run.stdout, /no endpoint|endpoint {3}none/);
  }
});

test('claims and key files that were edited by hand are refused in words, and cost nothing', async () => {
  const other = await market.owner(0n);
  const claimed = await cocoon([
    ...['provider', 'keys', 'claim', '--stake', owner.stake.toRawString(), '--json'],
    ...['--data-folder', other.folder],
  ]);
  const claim = JSON.parse(claimed.stdout) as object;
  const path = join(market.folder, 'edited.json');
  const contents = [
    '',
    'null',
    '[]',
    '{"networkId":2026}',
    '\u0000'.repeat(1_000),
    ...[
      { endUnix: -1 },
      { endUnix: 2 ** 40 },
      { endUnix: 1.5 },
      { proof: '0'.repeat(128) },
      { proof: '' },
      { stake: 'EQ' },
      { workerKey: '00'.repeat(32) },
    ].map((change) => JSON.stringify({ ...claim, ...change })),
  ];
  for (const content of contents) {
    writeFileSync(path, content);
    await refused('usage.claim', 2, 'keys', 'add', '--claim', path);
  }
  await refused('usage.claim', 2, 'keys', 'add', '--claim', market.folder);
  await refused('usage.claim', 2, 'init', '--claim', join(market.folder, 'none.json'));
  const masterchain = new Address(-1, owner.stake.hash).toString();
  const claimFor = await cocoon(['provider', 'keys', 'claim', '--stake', masterchain, '--json']);
  assert.equal(codeOf(claimFor), 'usage.address');

  // A worker folder with one key of another worker: requests would be sealed to a key that the stake does not name.
  const mixed = market.newFolder('mixed');
  mkdirSync(join(mixed, 'keys'), { recursive: true, mode: 0o700 });
  const keyFile = (folder: string, name: string): string => join(folder, 'keys', `${name}.json`);
  copyFileSync(keyFile(owner.folder, 'worker-ed25519'), keyFile(mixed, 'worker-ed25519'));
  copyFileSync(keyFile(other.folder, 'worker-x25519'), keyFile(mixed, 'worker-x25519'));
  await refused('chain.sealing-key-pinned', 5, 'keys', 'add', '--worker-folder', mixed);
  const ownerKey = keyFile(owner.folder, 'owner-ed25519');
  const saved = readFileSync(ownerKey);
  writeFileSync(ownerKey, saved.toString().slice(0, -20));
  const broken = await market.run(owner, 'status');
  writeFileSync(ownerKey, saved);
  assert.notEqual(broken.status, 0);
  assert.notEqual(broken.status, 70, broken.stderr);
  assert.doesNotMatch(broken.stderr, /\n +at /);
});

test('a slashed stake says so, and what it can cover is counted from what is left', async () => {
  const { status, ...rest } = await readProvider(historyOf(market.chain), owner.stake);
  const now = status.paidUntil - 365 * 86_400;
  const slashed: Provider = { ...rest, status: { ...status, active: 600_000_000n, slashed: 1_400_000_000n, faults: 2 } };
  const report = reportProvider(slashed, now, 60_000_000n);
  assert.equal(report.coveredIncomePerDayNano, 50_000_000n);
  assert.ok(report.warnings.some((text) => text === '2 faults, 1.4 TON slashed: everybody sees it'));
  assert.ok(report.warnings.some((text) => text.startsWith('below the minimum: 0.6 TON of 1 TON')));
  assert.ok(report.warnings.some((text) => text.startsWith('an income of 0.06 TON a day')));
  assert.match(describeProvider(report), /slashed {4}1\.4 TON for 2 faults/);
});

test("list reads the chain's clock, not this machine's", async () => {
  const stateOf = async (): Promise<string> => {
    type List = { providers: { stake: string; keys: { state: string }[] }[] };
    const { providers } = await market.result<List>(owner, 'list');
    return providers.find(({ stake }) => stake === owner.stake.toRawString())!.keys[0].state;
  };
  assert.equal(await stateOf(), 'works');
  await advanceDevnet(market.api, 366 * 86_400);
  assert.equal(await stateOf(), 'accountable');
});
