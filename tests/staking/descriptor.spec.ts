import { beginCell, type Cell, toNano } from '@ton/core';
import { CocoonError } from '../../protocol';
import { MAX_ENDPOINT_BYTES, packSetDescriptor, PROVIDER_STAKE_ERRORS as ERRORS } from '../../wrappers';
import { patternBytes } from '../support/jobWorld';
import { conserved, gasFeeOf, inject, outcome, sent, shareFee, snapshotOf } from '../support/stakeActions';
import { StakeWorld } from '../support/stakeWorld';

const value = toNano('1');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('SetDescriptor', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const send = (body: Cell, from = world.owner.address) => inject(world, from, body, value);
  const shown = async () => {
    const { endpoint, descriptorHash } = await world.stake.getStatus();
    return { endpoint, hash: hex(descriptorHash) };
  };

  it('shows where the workers are, from none to the longest endpoint, and the newest counts', async () => {
    expect(await shown()).toEqual({ endpoint: null, hash: '00'.repeat(32) });
    for (const [salt, endpoint] of ['https://gpu.example.org:8443', 'ü'.repeat(41), 'a'.repeat(83), ''].entries()) {
      const hash = patternBytes(32, salt);
      const body = packSetDescriptor(endpoint, hash, 7n);
      const before = await world.balance();
      const result = await conserved(world, value, () => send(body));
      expect(sent(result, world).map((message) => message.value)).toEqual([
        value - gasFeeOf(result, world) - shareFee(world),
      ]);
      expect(await world.balance()).toBe(before);
      expect(await shown()).toEqual({ endpoint, hash: hex(hash) });
      const once = await snapshotOf(world);
      await send(body);
      expect(await snapshotOf(world)).toEqual(once);
    }
  });

  it('takes no endpoint of more than 83 bytes or with cells below it, in SDK and contract', async () => {
    const tooLong = () => packSetDescriptor('a'.repeat(MAX_ENDPOINT_BYTES + 1), patternBytes(32, 1));
    expect(tooLong).toThrow(CocoonError);
    expect(tooLong).toThrow(expect.objectContaining({ code: 'ENDPOINT_TOO_LONG', received: '84 bytes' }));
    const head = beginCell().storeUint(0x0c16, 32).storeUint(0, 64).storeUint(1, 256);
    const before = await snapshotOf(world);
    for (const body of [
      beginCell().storeBuilder(head).storeBuffer(Buffer.alloc(83)).storeBit(0).endCell(),
      beginCell().storeBuilder(head).storeRef(beginCell().endCell()).endCell(),
    ]) {
      expect(outcome(await send(body), world)).toBe(ERRORS.endpointTooLong);
    }
    expect(await snapshotOf(world)).toEqual(before);
    const longest = beginCell().storeBuilder(head).storeBuffer(Buffer.alloc(83, 'z')).endCell();
    expect(outcome(await send(longest), world)).toBe(0);
  });

  it('is for the owner alone, and cannot touch money, keys or record', async () => {
    const before = await snapshotOf(world);
    const body = packSetDescriptor('https://evil.example.org', patternBytes(32, 1));
    for (const from of [world.watcher, world.client, world.escrow]) {
      expect(outcome(await send(body, from.address), world)).toBe(ERRORS.notOwner);
    }
    expect(await snapshotOf(world)).toEqual(before);
    const { active, keyCount, slashed, faults } = await world.stake.getStatus();
    await send(body);
    expect(await world.stake.getStatus()).toMatchObject({ active, keyCount, slashed, faults });
  });

  it('bytes that are no text are shown as what they can be read as, and break no reader', async () => {
    const head = beginCell().storeUint(0x0c16, 32).storeUint(0, 64).storeUint(1, 256);
    expect(outcome(await send(head.storeBuffer(Buffer.from([0xff, 0x41])).storeUint(5, 3).endCell()), world)).toBe(0);
    expect((await shown()).endpoint).toBe('\ufffdA');
  });
});
