import '@ton/test-utils';
import { Address, beginCell, type Cell, toNano, type Transaction } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import type { SendMessageResult } from '@ton/sandbox';
import { CHECKED_JOB_ERRORS, KEY_NO_ANSWER, parseJobCallback, REASON_KEY_CHECK } from '../../wrappers';
import {
  type CheckedJobOptions,
  CheckedJobWorld,
  KEY_SECONDS,
  STAKE_NANO,
  stakeOf,
  uint256,
  WORKER,
} from '../support/checkedJobWorld';
import { sumFees } from '../support/fees';
import { patternBytes, START } from '../support/jobWorld';

const keyStatus = (status: number): Cell => beginCell().storeUint(0x0c06, 32).storeUint(status, 8).endCell();
const STRANGE_KEY = keyPairFromSeed(Buffer.alloc(32, 66));

/** The reason of the one JobFailed that the client got. */
function failure(world: CheckedJobWorld, { transactions }: SendMessageResult): number | undefined {
  const isCallback = (transaction: Transaction) =>
    transaction.inMessage?.info.dest?.toString() === world.client.address.toString() &&
    transaction.inMessage.info.src?.toString() === world.job.address.toString();
  const callback = parseJobCallback(transactions.find(isCallback)!.inMessage!.body);
  return callback?.kind === 'failed' && callback.reason === 'declined' ? callback.declineReason : undefined;
}

interface Refusal {
  status: number;
  why: string;
  options?: CheckedJobOptions;
  before?: (world: CheckedJobWorld) => Promise<unknown>;
  acceptance?: (world: CheckedJobWorld) => Cell;
}

const remove = (world: CheckedJobWorld) =>
  world.stake.send(
    world.owner.getSender(),
    { value: toNano('0.1') },
    { $$type: 'RemoveWorkerKey', queryId: 0n, workerKey: uint256(WORKER.publicKey) },
  );
const thaw = (world: CheckedJobWorld) =>
  world.stake.send(
    world.owner.getSender(),
    { value: toNano('0.1') },
    { $$type: 'ThawStake', queryId: 0n, amount: STAKE_NANO - toNano('50') + 1n },
  );

const refusals: Refusal[] = [
  { status: 1, why: 'the terms name another stake', options: { terms: { stake: patternBytes(32) } } },
  { status: 1, why: 'the terms are of another network', options: { terms: { networkId: -3 } } },
  { status: 2, why: 'no such worker key', options: { terms: { workerKey: STRANGE_KEY.publicKey } } },
  { status: 3, why: 'the key was removed', options: { asked: { expiresAt: START + 3600 } }, before: remove },
  {
    status: 3,
    why: 'the key ends with the deadline',
    options: { asked: { expiresAt: START + KEY_SECONDS } },
    before: async (world) => (world.blockchain.now = START + KEY_SECONDS - 600),
  },
  { status: 4, why: 'another tier', options: { asked: { tier: 1 } } },
  { status: 5, why: 'another image', options: { asked: { imageHash: patternBytes(32) } } },
  { status: 6, why: 'another arithmetic', options: { asked: { semantics: 1 } } },
  { status: 7, why: 'longer than a day', options: { asked: { expiresAt: START + 86_401 } } },
  {
    status: 7,
    why: 'the terms are over before the job is',
    options: { asked: { expiresAt: START }, job: { deadline: START + 600 } },
  },
  { status: 8, why: 'one nanoTON of stake is missing', before: thaw },
  { status: 9, why: 'coverage is asked for and nobody accepted', options: { asked: { coverage: 1n } } },
  {
    status: 9,
    why: 'the acceptance covers less than the terms ask for',
    options: { asked: { coverage: toNano('2') } },
    acceptance: (world) => world.acceptance({ coverage: toNano('2') - 1n }),
  },
  {
    status: 9,
    why: 'finding 21: a client signed the acceptance itself',
    acceptance: (world) => world.acceptance({ key: STRANGE_KEY }),
  },
  {
    status: 9,
    why: 'finding 21: the acceptance came too late',
    acceptance: (world) => world.acceptance({ acceptBy: world.now - 1 }),
  },
  {
    status: 9,
    why: 'finding 36: the acceptance is for another escrow',
    acceptance: (world) => world.acceptance({ escrow: world.client.address }),
  },
  {
    status: 10,
    why: 'finding 17: more coverage than stake',
    acceptance: (world) => world.acceptance({ coverage: STAKE_NANO + 1n }),
  },
];

describe('the stake does not stand for the terms', () => {
  it.each(refusals)('status $status, $why: everything returns, less fees', async (refusal) => {
    const world = await CheckedJobWorld.create(refusal.options);
    await refusal.before?.(world);
    const [client, stake] = [await world.balance(world.client.address), await world.balance(world.stake.address)];
    const acceptance = refusal.acceptance?.(world);
    const result = await world.conserved(() => world.create({ acceptance }));
    expect(failure(world, result)).toBe(REASON_KEY_CHECK + refusal.status);
    expect(await world.isGone()).toBe(true);
    const rent = stake - (await world.balance(world.stake.address));
    const { totalNano, storageNano } = sumFees(result.transactions);
    expect(rent).toBeLessThanOrEqual(storageNano);
    expect(client - (await world.balance(world.client.address))).toBe(totalNano - rent);
    expect(totalNano).toBeLessThan(toNano('0.04'));
    expect((await world.stake.getStatus()).reserved).toBe(0n);
  });

  it('tells every reason that the stake has', () => {
    expect(new Set(refusals.map(({ status }) => status))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
  });

  it('no stake is deployed: the question bounces and everything returns', async () => {
    const nobody = await stakeOf(new Address(0, Buffer.alloc(32, 5)));
    const world = await CheckedJobWorld.create({ stake: nobody.address });
    world.accounts.push(nobody.address);
    const result = await world.conserved(() => world.create());
    expect(failure(world, result)).toBe(REASON_KEY_CHECK + KEY_NO_ANSWER);
    expect(await world.isGone()).toBe(true);
  });

  it('terms that the stake cannot read: the question bounces and everything returns', async () => {
    for (const terms of [beginCell().endCell(), beginCell().storeUint(0x4f435431, 32).endCell()]) {
      const world = await CheckedJobWorld.create({ job: { termsHash: terms.hash() } });
      const result = await world.conserved(() => world.create({ terms }));
      expect(failure(world, result)).toBe(REASON_KEY_CHECK + KEY_NO_ANSWER);
      expect(await world.isGone()).toBe(true);
    }
  });

  it('an acceptance that the stake cannot read: the question bounces and everything returns', async () => {
    const world = await CheckedJobWorld.create();
    const acceptance = beginCell().storeUint(1, 9).endCell();
    const result = await world.conserved(() => world.create({ acceptance }));
    expect(failure(world, result)).toBe(REASON_KEY_CHECK + KEY_NO_ANSWER);
    expect(await world.isGone()).toBe(true);
  });
});

/** A job whose stake is a plain account that keeps silent, so that the job stays in the middle of its check. */
async function checking(): Promise<CheckedJobWorld> {
  const { owner } = await CheckedJobWorld.create();
  const world = await CheckedJobWorld.create({ stake: owner.address });
  await world.conserved(() => world.create());
  expect(await world.state()).toBe('checking');
  return world;
}

describe('KeyStatus', () => {
  it('opens the job only from the stake: not from a stranger, the client, or its twin in the masterchain', async () => {
    const world = await checking();
    const twin = new Address(-1, world.owner.address.hash);
    for (const from of [world.stranger.address, world.client.address, world.stake.address, twin]) {
      for (const status of [0, 3]) {
        const result = await world.forged(from, keyStatus(status));
        expect(result.transactions).toHaveTransaction({
          to: world.job.address,
          success: false,
          exitCode: CHECKED_JOB_ERRORS.notAsked,
        });
      }
    }
    expect(await world.state()).toBe('checking');
    await world.conserved(() =>
      world.owner.send({ to: world.job.address, value: toNano('0.01'), body: keyStatus(0), bounce: false }),
    );
    expect(await world.state()).toBe('open');
  });

  it('is refused before anybody asked and when the answer is known', async () => {
    const world = await CheckedJobWorld.create();
    const { init, address: to } = world.job;
    await world.stranger.send({ to, value: toNano('0.1'), init, bounce: false });
    const notAsked = { to, success: false, exitCode: CHECKED_JOB_ERRORS.notAsked };
    expect((await world.forged(world.stake.address, keyStatus(0))).transactions).toHaveTransaction(notAsked);
    expect(await world.state()).toBe('fresh');
    await world.create();
    expect(await world.state()).toBe('open');
    for (const status of [0, 3]) {
      expect((await world.forged(world.stake.address, keyStatus(status))).transactions).toHaveTransaction(notAsked);
    }
    expect(await world.state()).toBe('open');
  });

  it('that arrives at the deadline returns everything, though the key is fine', async () => {
    const world = await checking();
    world.blockchain.now = world.terms.deadline;
    const result = await world.conserved(() =>
      world.owner.send({ to: world.job.address, value: toNano('0.01'), body: keyStatus(0), bounce: false }),
    );
    expect(failure(world, result)).toBe(REASON_KEY_CHECK);
    expect(await world.isGone()).toBe(true);
  });

  it('that arrives after the job was expired is not lost: whoever deploys the account again returns it to the client', async () => {
    const world = await checking();
    world.blockchain.now = world.terms.deadline;
    await world.conserved(() => world.expire());
    await world.conserved(() =>
      world.owner.send({ to: world.job.address, value: toNano('0.01'), body: keyStatus(0), bounce: false }),
    );
    expect(await world.balance(world.job.address)).toBeGreaterThan(toNano('0.009'));
    const { init, address: to } = world.job;
    await world.conserved(() => world.stranger.send({ to, value: toNano('0.005'), init, bounce: false }));
    const before = await world.balance(world.client.address);
    await world.conserved(() => world.expire());
    expect((await world.balance(world.client.address)) - before).toBeGreaterThan(toNano('0.01'));
    expect(await world.isGone()).toBe(true);
  });

  it('malformed, or with a status that fits no reason, changes nothing: the job waits for its deadline', async () => {
    const world = await checking();
    for (const body of [beginCell().storeUint(0x0c06, 32).endCell(), keyStatus(128), keyStatus(255)]) {
      const result = await world.conserved(() =>
        world.owner.send({ to: world.job.address, value: toNano('0.01'), body, bounce: false }),
      );
      expect(result.transactions).toHaveTransaction({ to: world.job.address, success: false });
    }
    expect(await world.state()).toBe('checking');
    world.blockchain.now = world.terms.deadline;
    await world.conserved(() => world.expire());
    expect(await world.isGone()).toBe(true);
  });

  it('a bounce that is not the stake returning the question changes nothing', async () => {
    const world = await checking();
    const bounce = beginCell().storeUint(0xffffffff, 32).storeUint(0x0c05, 32).endCell();
    const result = await world.forged(world.stranger.address, bounce, { bounced: true });
    expect(result.transactions).toHaveTransaction({
      to: world.job.address,
      success: false,
      exitCode: CHECKED_JOB_ERRORS.notAsked,
    });
    expect(await world.state()).toBe('checking');
    const open = await CheckedJobWorld.create();
    await open.create();
    const late = await open.forged(open.stake.address, bounce, { bounced: true });
    expect(late.transactions).toHaveTransaction({ exitCode: CHECKED_JOB_ERRORS.notAsked });
    expect(await open.state()).toBe('open');
  });

  it('a stake that lies opens the job of its own client only, who named it; a silent one delays that client', async () => {
    const world = await checking();
    const other = await CheckedJobWorld.create({ blockchain: world.blockchain, salt: 9 });
    await other.create();
    const lie = { to: other.job.address, value: toNano('0.01'), body: keyStatus(3), bounce: false };
    const result = await other.conserved(() => world.owner.send(lie));
    expect(result.transactions).toHaveTransaction({ to: other.job.address, exitCode: CHECKED_JOB_ERRORS.notAsked });
    expect(await other.state()).toBe('open');
    world.blockchain.now = world.terms.deadline;
    await world.conserved(() => world.expire());
    expect(await world.isGone()).toBe(true);
  });
});
