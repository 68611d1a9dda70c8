import '@ton/test-utils';
import fs from 'node:fs';
import path from 'node:path';
import { type Address, beginCell, Dictionary, toNano } from '@ton/core';
import { createShardAccount, type SendMessageResult } from '@ton/sandbox';
import { ProviderStake as GeneratedStake } from '../../build/Suite/Suite_ProviderStake';
import { checkedJobEscrowCode, forwardFee, gasFee } from '../../wrappers';
import { CheckedJobWorld, STAKE_NANO, uint256, WORKER } from '../support/checkedJobWorld';
import { pricesOf } from '../support/config';
import { feesOf } from '../support/fees';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { sizeOfCells } from '../support/sizeOfCells';

const source = (file: string): string => fs.readFileSync(path.join(__dirname, '../../contracts', file), 'utf8');
const constant = (file: string, name: string): number =>
  Number(new RegExp(`const ${name}: Int = (\\d+);`).exec(source(file))![1]);

/** Gas of each transaction of an account, in order. */
const gasAt = ({ transactions }: SendMessageResult, address: Address): number[] =>
  transactions.filter((tx) => tx.address === uint256(address.hash)).map((tx) => Number(feesOf(tx).gas));

/** Fills every slot of the stake: keys, convictions, days of coverage, endpoint. */
async function fillStake(world: CheckedJobWorld): Promise<void> {
  const live = await world.stake.getWorkerKeys();
  const record = live.get(uint256(WORKER.publicKey))!;
  for (let index = 1; index < 32; index++) live.set(uint256(patternBytes(32, index)), record);
  const days = Dictionary.empty(Dictionary.Keys.Uint(16), Dictionary.Values.BigVarUint(4));
  const today = Math.floor(world.now / 86_400);
  for (let day = today - 1; day < today + 7; day++) days.set(day, toNano('1'));
  const convictions = Dictionary.empty(Dictionary.Keys.BigUint(256), Dictionary.Values.Bool());
  for (let index = 0; index < 64; index++) convictions.set(uint256(patternBytes(32, 100 + index)), true);
  const status = await world.stake.getStatus();
  const full = await GeneratedStake.fromInit(
    BigInt(NETWORK_ID),
    status.registry,
    status.owner,
    status.active,
    toNano('5'),
    BigInt(world.now + 1000),
    toNano('1'),
    64n,
    true,
    32n,
    live,
    { $$type: 'Coverage', days },
    64n,
    convictions,
    65_535n,
    uint256(patternBytes(32, 1)),
    beginCell().storeBuffer(Buffer.alloc(127, 65)).endCell(),
  );
  const { init } = full;
  await world.blockchain.setShardAccount(
    world.stake.address,
    createShardAccount({
      address: world.stake.address,
      code: init!.code,
      data: init!.data,
      balance: STAKE_NANO + toNano('7'),
    }),
  );
}

describe('size and gas of CheckedJobEscrow', () => {
  it('its code stays small: every bit is paid for twice per job', async () => {
    expect(sizeOfCells(await checkedJobEscrowCode())).toEqual({ cells: 14, bits: 6152 });
  });

  it('GAS_KEY_CHECK covers what create and KeyStatus use, and 25 % more at most', async () => {
    const world = await CheckedJobWorld.create();
    const result = await world.create({ acceptance: world.acceptance({ coverage: toNano('1') }) });
    const used = gasAt(result, world.job.address).reduce((sum, gas) => sum + gas);
    const reserved = constant('escrow/CheckedJobEscrow.tact', 'GAS_KEY_CHECK');
    expect(used).toBeLessThanOrEqual(reserved);
    expect(reserved).toBeLessThanOrEqual(used * 1.25);
  });

  it('the largest answer that an escrow checks stays within the 10,000 gas of an external message', async () => {
    const world = await CheckedJobWorld.create({ job: { outputCells: 40, answerInCallback: true } });
    await world.create({ acceptance: world.acceptance() });
    const output = patternBytes(24 + 127 * 40);
    const [gas] = gasAt(await world.deliver(world.delivery(world.answer({ output }))), world.job.address);
    expect(gas).toBeGreaterThan(9_000);
    expect(gas).toBeLessThan(10_000);
  });

  it('what goes with question and report is enough at the largest state of a stake', async () => {
    const world = await CheckedJobWorld.create();
    await fillStake(world);
    const created = await world.create({ acceptance: world.acceptance({ coverage: toNano('1') }) });
    expect(await world.state()).toBe('open');
    const [query] = gasAt(created, world.stake.address);
    world.blockchain.now = world.terms.deadline;
    const expired = await world.expire();
    const [report] = gasAt(expired, world.stake.address);
    expect(expired.transactions).toHaveTransaction({ to: world.stake.address, success: true, outMessagesCount: 2 });
    const allowed = constant('staking/parameters.tact', 'GAS_KEY_QUERY');
    console.log(`largest stake: ${query} gas for a question, ${report} for a report, ${allowed} allowed`);
    expect(Math.max(query, report)).toBeLessThan(allowed);
    expect(await world.isGone()).toBe(true);
  });

  it('question and report fit the forward fee that create demands', async () => {
    const world = await CheckedJobWorld.create();
    const created = await world.create({ acceptance: world.acceptance({ coverage: toNano('1') }) });
    world.blockchain.now = world.terms.deadline;
    const expired = await world.expire();
    const most = forwardFee(pricesOf(world.blockchain), 5n, 5n * 1023n);
    for (const { transactions } of [created, expired]) {
      const sent = transactions.find((tx) => tx.address === uint256(world.stake.address.hash))!.inMessage!;
      if (sent.info.type !== 'internal') throw new Error('not an internal message');
      // Two thirds of a forward fee travel with the message, one third went to the first validators.
      expect((sent.info.forwardFee * 3n) / 2n).toBeLessThanOrEqual(most);
    }
    expect(gasFee(pricesOf(world.blockchain), 1000n)).toBe(400_000n);
  });
});
