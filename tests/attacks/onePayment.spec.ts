import '@ton/test-utils';
import { beginCell, Cell, toNano } from '@ton/core';
import { sign } from '@ton/crypto';
import { JobWorld, refusal } from '../support/jobWorld';

const merkleProof = (cell: Cell): Cell =>
  beginCell()
    .storeUint(3, 8)
    .storeBuffer(cell.hash(0))
    .storeUint(cell.depth(0), 16)
    .storeRef(cell)
    .endCell({ exotic: true });
const libraryOf = (cell: Cell): Cell => beginCell().storeUint(2, 8).storeBuffer(cell.hash()).endCell({ exotic: true });
const nested = (depth: number, cell: Cell): Cell => (depth === 0 ? cell : nested(depth - 1, merkleProof(cell)));
const chain = (cells: number, end: Cell): Cell =>
  cells === 0 ? end : beginCell().storeUint(cells, 16).storeRef(chain(cells - 1, end)).endCell();

/** A job whose price is small against what it holds, so that a payment could be repeated out of the client's rest. */
const cheapJob = () => JobWorld.create({ answerInCallback: true, price: toNano('0.001'), outputCells: 40 });

/** A delivery of any cells at all, signed as its worker would. */
function delivery({ terms, job, worker, now }: JobWorld, output: Cell): Cell {
  const claims = beginCell().storeBuffer(output.hash()).storeUint(0, 256).storeUint(0, 256).storeUint(0, 64).endCell();
  const statement = beginCell()
    .storeUint(0x4f435731, 32)
    .storeInt(terms.networkId, 32)
    .storeBuffer(Buffer.from(terms.termsHash))
    .storeAddress(job.address)
    .storeUint(16, 69)
    .storeUint(1, 3)
    .storeUint(now, 32)
    .storeUint(terms.price, 64)
    .storeRef(claims)
    .endCell();
  return beginCell()
    .storeBuffer(sign(statement.hash(), worker.secretKey))
    .storeUint(1, 3)
    .storeUint(now, 32)
    .storeRef(claims)
    .storeSlice(output.beginParse())
    .endCell();
}

// The callback ignores errors (mode 2). An answer that it could not carry would leave the account as it is, and the
// same receipt would be paid again until nothing is left.
describe('an answer that the callback might not be able to carry', () => {
  const leaf = beginCell().storeUint(1, 8).endCell();
  const outputs: [string, Cell][] = [
    ['a Merkle proof', merkleProof(leaf)],
    ['a Merkle proof in a Merkle proof, the most that a message may have', nested(2, leaf)],
    ['a library cell that nobody published', libraryOf(leaf)],
    ['a chain of 40 cells', chain(39, leaf)],
  ];

  it.each(outputs)('finding 41: %s is paid once and arrives', async (_, cell) => {
    const world = await cheapJob();
    await world.create();
    const body = delivery(world, beginCell().storeUint(0, 192).storeRef(cell).endCell());
    const result = await world.external(body);
    const { address } = world.job;
    expect(result.transactions).toHaveTransaction({ to: world.provider.address, value: world.terms.price });
    expect(result.transactions).toHaveTransaction({ from: address, to: world.client.address, op: 0x0c02 });
    expect(await world.isGone()).toBe(true);
    await expect(world.external(body)).rejects.toThrow();
  });

  it('finding 41: Merkle proofs three deep are no message that the network takes: nobody is paid', async () => {
    const world = await cheapJob();
    await world.create();
    const body = delivery(world, beginCell().storeUint(0, 192).storeRef(nested(3, leaf)).endCell());
    await expect(world.external(body)).rejects.toThrow();
    expect(await world.isFunded()).toBe(true);
    expect(await refusal(world.deliver())).toBe(null);
  });

  it.each([true, false])('finding 41: at any balance a delivery ends a job or is refused (%s)', async (full) => {
    const world = await JobWorld.create({ answerInCallback: full, price: 0n });
    await world.create();
    const delivered = world.delivery();
    const start = world.blockchain.snapshot();
    const ends = async (held: bigint): Promise<boolean> => {
      await world.blockchain.loadFrom(start);
      (await world.blockchain.getContract(world.job.address)).balance = held;
      const isAccepted = await world.deliver(delivered).then(
        () => true,
        () => false,
      );
      expect(await world.isGone()).toBe(isAccepted);
      return isAccepted;
    };
    let [refused, enough] = [0n, world.value];
    expect(await ends(enough)).toBe(true);
    while (enough - refused > 1n) {
      const middle = (refused + enough) / 2n;
      if (await ends(middle)) enough = middle;
      else refused = middle;
    }
    for (const more of [1n, 1_000n, 100_000n]) expect(await ends(enough + more)).toBe(true);
    expect(enough).toBeLessThan(world.value);
  });
});
