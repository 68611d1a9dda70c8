import { PROVIDER_STAKE_ERRORS as ERRORS } from '../../wrappers';
import { pricesOf } from '../support/config';
import { FULL_BALANCE, fullState } from '../support/fullStake';
import { handled, inject, outcome, rentReserve, snapshotOf } from '../support/stakeActions';
import { STAKE_MESSAGES, type StakeMessage } from '../support/stakeMatrix';
import { StakeWorld } from '../support/stakeWorld';

const STATES = ['small', 'largest', 'largest, the worker key as deep as keys can be chosen'] as const;
type State = (typeof STATES)[number];

/** A stake with this state before the message, where everything costs `factor` times as much. */
async function worldFor(message: StakeMessage, state: State, factor: bigint): Promise<StakeWorld> {
  const world = await StakeWorld.create(factor);
  if (state !== 'small') {
    await world.setState(fullState(world.now, { ...message, isDeep: state !== 'largest' }), FULL_BALANCE);
  }
  world.chain.now = world.now + (message.later ?? 0);
  return world;
}

/** What the account has beyond its books. */
async function spare(world: StakeWorld): Promise<bigint> {
  const { active, thawing } = await world.stake.getStatus();
  return (await world.balance()) - active - thawing;
}

/** The owner's own messages: whoever chooses such keys needs more gas, and may bring it. */
const ofOwner = ['AddWorkerKey', 'AddWorkerKey, renewal', 'RemoveWorkerKey'];
const checked = STAKE_MESSAGES.filter(({ least }) => least !== null);

/** A deposit also brings what five years of rent cost by now and the account does not have. */
async function leastFor(world: StakeWorld, message: StakeMessage): Promise<bigint> {
  const least = message.least!(pricesOf(world.chain));
  const missing = message.name === 'DepositStake' ? rentReserve(world) - (await spare(world)) : 0n;
  return least + (missing > 0n ? missing : 0n);
}

describe.each([1n, 10n])('the least value of a message, prices x %s', (factor) => {
  it.each(STATES)('is enough for a %s state, to the last action, and takes nothing from the reserve', async (state) => {
    for (const message of checked) {
      if (state.includes('deep') && ofOwner.includes(message.name)) continue;
      const world = await worldFor(message, state, factor);
      const least = await leastFor(world, message);
      const before = await spare(world);
      const result = await inject(world, message.from(world), message.body(world), least);
      expect([message.name, outcome(result, world)]).toEqual([message.name, 0]);
      expect([message.name, (await spare(world)) >= before]).toEqual([message.name, true]);
    }
  });

  it('less one nanoTON is refused before anything changes, and returns', async () => {
    for (const message of checked) {
      const world = await worldFor(message, 'small', factor);
      const least = await leastFor(world, message);
      const before = await snapshotOf(world);
      const result = await inject(world, message.from(world), message.body(world), least - 1n);
      expect([message.name, outcome(result, world)]).toEqual([message.name, ERRORS.valueBelowFees]);
      expect(await snapshotOf(world)).toEqual(before);
      expect([message.name, handled(result, world).outMessagesCount]).toEqual([message.name, 1]);
    }
  });
});
