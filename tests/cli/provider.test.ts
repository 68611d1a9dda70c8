import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { advanceDevnet, requestFaucet } from '../../cli/client/devnetApi';
import { resolveSettings, toSettings } from '../../cli/config/resolve';
import { openStakeAccount } from '../../cli/provider/account';
import { initProvider } from '../../cli/provider/init';
import { deposit } from '../../cli/provider/money';
import { cocoon, codeOf } from '../support/cocoon';
import { StakedMarket, type Owner } from '../support/stakedMarket';

let market: StakedMarket;
before(async () => void (market = await StakedMarket.open()));
after(() => market.close());

const TON = 1_000_000_000;
const DAY = 86_400;
interface Status {
  activeNano: number;
  freeNano: number;
  thawingNano: number;
  thawedAt: number | null;
  faults: number;
  keys: { workerKey: string; state: string; endUnix: number }[];
  warnings: string[];
}
const status = (owner: Owner, ...args: string[]): Promise<Status> => market.result<Status>(owner, 'status', ...args);

/** Expects that a command is refused with a code, and that it moved no money of the owner. */
async function refused(owner: Owner, code: string, exit: number, ...args: string[]): Promise<void> {
  const before = await market.balance(owner.wallet);
  const run = await market.run(owner, ...args);
  assert.deepEqual([run.status, codeOf(run), run.stdout], [exit, code, ''], `${args.join(' ')}: ${run.stderr}`);
  assert.equal(await market.balance(owner.wallet), before, args.join(' '));
}

test('init makes a provider in steps, sends nothing that is done already, and goes on where it was broken off', async () => {
  const owner = await market.owner(0n);
  const absent = await market.result(owner, 'status');
  assert.deepEqual([absent.exists, absent.stake], [false, owner.stake.toRawString()], 'the address is known before');
  await refused(owner, 'chain.low-balance', 5, 'init');
  await refused(owner, 'usage.amount-below-minimum', 2, 'init', '--amount', '0.9');
  await requestFaucet(market.api, owner.wallet, 10_000_000_000n);
  type Report = { stake: string; workerKey: string; activeNano: number; steps: { step: string; state: string }[] };
  const stepsOf = ({ steps }: Report): string[] => steps.map(({ step, state }) => `${step} ${state}`);

  // Broken off after the deposit: the rest follows, the deposit is not repeated.
  await market.result(owner, 'stake', '--amount', '1.5');
  const first = await market.result<Report>(owner, 'init', '--amount', '1.5');
  assert.deepEqual(stepsOf(first), ['deposit already', 'key done']);
  assert.deepEqual([first.stake, first.workerKey], [owner.stake.toRawString(), owner.workerKey]);
  const before = await market.balance(owner.wallet);
  const { url } = await market.endpoint(owner);
  await refused(owner, 'network.descriptor-unreachable', 4, 'init', '--endpoint', 'http://127.0.0.1:9');
  const again = await market.result<Report>(owner, 'init', '--endpoint', url);
  assert.deepEqual(stepsOf(again), ['deposit already', 'key already', 'descriptor done']);
  assert.ok(before - (await market.balance(owner.wallet)) < 20_000_000n, 'only fees');
  const more = await market.result<Report>(owner, 'init', '--amount', '2', '--endpoint', `${url}/`);
  assert.deepEqual(stepsOf(more), ['deposit done', 'key already', 'descriptor already']);
  assert.equal(more.activeNano, 2 * TON, 'the amount is what shall be active, not what is added');
  const spent = 10_000_000_000n - (await market.balance(owner.wallet)) - (await market.balance(owner.stake));
  assert.ok(spent > 0n && spent < 150_000_000n, `fees of five messages are small: ${spent}`);
});

test('attack 14: a key is added by its own claim alone, which carries the proof from the worker to the owner', async () => {
  const owner = await market.provider();
  const other = await market.owner(0n);
  const claim = await cocoon([
    ...['provider', 'keys', 'claim', '--stake', owner.stake.toRawString(), '--json'],
    ...['--data-folder', other.folder],
  ]);
  assert.equal(claim.status, 0, claim.stderr);
  const path = join(market.folder, 'claim.json');
  const write = (change: object): void =>
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(claim.stdout) as object), ...change }));
  for (const change of [
    { workerKey: owner.workerKey },
    { sealingKey: owner.sealingKey },
    { endUnix: 2_000_000_000 },
    { stake: other.stake.toRawString() },
    { networkId: -239 },
    { more: 1 },
  ]) {
    write(change);
    await refused(owner, 'usage.claim', 2, 'keys', 'add', '--claim', path);
  }
  write({});
  await refused(other, 'usage.claim', 2, 'keys', 'add', '--claim', path);
  await market.result(owner, 'keys', 'add', '--claim', path);
  const keys = (await status(owner)).keys.map(({ workerKey }) => workerKey);
  assert.deepEqual(keys.sort(), [owner.workerKey, other.workerKey].sort());
});

test('keys are removed with an hour of notice, and pruned only when nobody can be held to them', async () => {
  const owner = await market.provider();
  await refused(owner, 'chain.key-unknown', 5, 'keys', 'remove', '11'.repeat(32));
  await refused(owner, 'usage.key', 2, 'keys', 'remove', 'my-key');
  await refused(owner, 'chain.key-accountable', 5, 'keys', 'prune', owner.workerKey);
  const removed = await market.result(owner, 'keys', 'remove', owner.workerKey);
  assert.equal(removed.changed, true);
  assert.equal((await market.result(owner, 'keys', 'remove', owner.workerKey)).changed, false);
  const [key] = await market.result<Status['keys']>(owner, 'keys', 'list');
  assert.equal(key.state, 'ending');
  await advanceDevnet(market.api, 3_601);
  assert.equal((await market.result<Status['keys']>(owner, 'keys', 'list'))[0].state, 'accountable');
  await refused(owner, 'chain.key-accountable', 5, 'keys', 'prune', owner.workerKey);
  await advanceDevnet(market.api, 10 * DAY);
  assert.deepEqual(await market.result(owner, 'keys', 'prune'), { pruned: [owner.workerKey] });
  assert.deepEqual((await status(owner)).keys, []);
});

test('stake thaws, is withdrawn when it has thawed, and the last withdrawal ends the account', async () => {
  const owner = await market.provider(['--amount', '3']);
  await refused(owner, 'usage.amount-above-free', 2, 'thaw', '--amount', '3.000000001');
  await refused(owner, 'usage.amount-above-free', 2, 'thaw', '--amount', '0');
  await refused(owner, 'usage.thaw-ends-keys', 2, 'thaw', '--amount', '2.5');
  await refused(owner, 'usage.thaw-ends-keys', 2, 'thaw', '--amount', 'all');
  await refused(owner, 'chain.nothing-thawed', 5, 'withdraw');
  await refused(owner, 'usage.amount', 2, 'stake', '--amount', '-1');
  await refused(owner, 'usage.amount', 2, 'stake', '--amount', '0');
  await refused(owner, 'chain.low-balance', 5, 'stake', '--amount', '1000');
  await market.result(owner, 'thaw', '--amount', '2');
  await refused(owner, 'chain.still-thawing', 5, 'withdraw');
  await advanceDevnet(market.api, 14 * DAY);
  await refused(owner, 'chain.still-thawing', 5, 'withdraw');
  await advanceDevnet(market.api, DAY + 1);
  const before = await market.balance(owner.wallet);
  assert.deepEqual(await market.result(owner, 'withdraw'), { amountNano: 2 * TON, closed: false });
  assert.ok((await market.balance(owner.wallet)) - before > 1_950_000_000n);

  await market.result(owner, 'keys', 'remove', owner.workerKey);
  await market.result(owner, 'thaw', '--amount', 'all', '--end-keys');
  assert.ok((await status(owner)).warnings.some((text) => text.startsWith('below the minimum')));
  await advanceDevnet(market.api, 16 * DAY);
  await market.result(owner, 'keys', 'prune');
  assert.equal((await market.result(owner, 'withdraw')).closed, true);
  assert.equal((await market.chain.getAccount(owner.stake)).state, 'absent');
  const lost = 10_000_000_000n - (await market.balance(owner.wallet));
  assert.ok(lost < 200_000_000n, `all of the stake and the rent reserve came back, less fees: ${lost}`);
  assert.equal((await market.result(owner, 'status')).exists, false);
  await refused(owner, 'chain.no-stake', 5, 'status', owner.stake.toRawString());
  await refused(owner, 'chain.no-stake', 5, 'keys', 'list');
});

test('attack 17: status compares what is earned with what the stake covers, and warns of what ends', async () => {
  const owner = await market.provider(['--amount', '6', '--days', '10']);
  const shown = await status(owner);
  assert.deepEqual([shown.activeNano, shown.freeNano, shown.faults, shown.thawedAt], [6 * TON, 6 * TON, 0, null]);
  assert.ok(
    shown.warnings.some((text) => text.includes(owner.workerKey)),
    'the key ends soon',
  );
  const income = async (amount: string): Promise<boolean> =>
    (await status(owner, '--daily-income', amount)).warnings.some((text) => text.includes('coverage'));
  assert.deepEqual([await income('0.5'), await income('0.500000001')], [false, true]);
  // Anybody may look, by the stake's address.
  const stranger = await market.owner(0n);
  const seen = await market.result<Status>(stranger, 'status', owner.stake.toRawString());
  assert.equal(seen.activeNano, 6 * TON);
});

test('a descriptor that clients would refuse is not published', async () => {
  const owner = await market.provider();
  const other = await market.owner(0n);
  await refused(owner, 'usage.endpoint', 2, 'descriptor');
  await refused(owner, 'usage.endpoint', 2, 'descriptor', '--endpoint', 'ftp://example.org');
  await refused(owner, 'usage.endpoint', 2, 'descriptor', '--endpoint', `http://${'a'.repeat(121)}`);
  for (const change of [{ stake: '00'.repeat(32) }, { networkId: -3 }, { workerKey: other.workerKey }]) {
    const { url } = await market.endpoint(owner, change);
    await refused(owner, 'usage.descriptor', 2, 'descriptor', '--endpoint', url);
  }
  const { url } = await market.endpoint(owner);
  assert.equal((await market.result(owner, 'descriptor', '--endpoint', url)).changed, true);
  assert.equal((await market.result(owner, 'descriptor')).changed, false);
});

test('two runs at the same time, or after one whose message is still on its way, never pay twice', async () => {
  const owner = await market.owner();
  const flags = { network: 'devnet', api: market.api, dataFolder: owner.folder };
  const resolved = resolveSettings({ flags, env: {} });
  const lines: string[] = [];
  const output = { json: true, progress: (line: string) => void lines.push(line), event: () => {}, result: () => {} };
  const context = { output, resolved, settings: toSettings(resolved), passphrase: () => undefined };
  const runs = await Promise.allSettled([1, 2, 3].map(() => initProvider(context, { days: 100 })));
  assert.ok(runs.some(({ status }) => status === 'fulfilled'));
  const shown = await status(owner);
  assert.deepEqual([shown.activeNano, shown.keys.length], [TON, 1]);

  // An API on which what the wallet has sent has not arrived at the stake.
  const account = await openStakeAccount(context);
  const getTransactions = account.chain.getTransactions.bind(account.chain);
  account.chain.getTransactions = async (address, limit) =>
    address.equals(owner.stake) ? [] : getTransactions(address, limit);
  account.pollMillis = 1;
  const before = await market.balance(owner.wallet);
  await assert.rejects(deposit(account, output, 1_000_000_000n), { code: 'chain.in-flight' });
  assert.equal(await market.balance(owner.wallet), before);
  await advanceDevnet(market.api, 700);
  assert.equal((await deposit(account, output, 1_000_000_000n)).after?.status.active, 2_000_000_000n);
});

test('a real network has no registry built in, and an address that is none takes no money', async () => {
  const owner = await market.owner();
  await refused(owner, 'chain.not-a-registry', 5, 'init', '--registry', owner.wallet.toRawString());
  await refused(owner, 'usage.flag', 2, 'init', '--registry', 'nowhere');
  const settings = ['--network', 'testnet', '--api', market.api, '--data-folder', owner.folder];
  const run = await cocoon(['provider', 'init', '--json', ...settings]);
  assert.equal(codeOf(run), 'chain.wrong-network');
});
