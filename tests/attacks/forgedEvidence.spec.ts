import { Address, beginCell, Cell, Dictionary, toNano } from '@ton/core';
import { sign } from '@ton/crypto';
import {
  decodeReceipt,
  encodeAcceptance,
  encodeChallengeGrant,
  encodeDecline,
  encodeKeyClaim,
  encodeReceipt,
  encodeRefusal,
  encodeVoucher,
  type Receipt,
} from '../../protocol';
import {
  fromCell,
  packSignedReceipt,
  PROVIDER_STAKE_ERRORS as ERRORS,
  type SignedReceipt,
  toCell,
} from '../../wrappers';
import { libraryOf } from '../support/cellBits';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { exitCode, signed, STAKE, StakeWorld, termsCell, WORKER } from '../support/stakeWorld';

/** What the worker's key would have signed, whatever it is. */
const signedCell = (receipt: Cell): SignedReceipt => ({ receipt, signature: sign(receipt.hash(), WORKER.secretKey) });
const OTHER = { responseCommit: patternBytes(32, 99) };

describe('evidence that is none', () => {
  let world: StakeWorld;
  let first: Receipt;
  beforeEach(async () => {
    world = await StakeWorld.create();
    first = world.receipt(world.terms());
  });

  const report = async (one: SignedReceipt, two: SignedReceipt, terms = termsCell(world.terms())): Promise<number> => {
    const via = world.watcher.getSender();
    const evidence = { value: toNano('1'), terms, first: one, second: two };
    return exitCode(await world.stake.sendReportTwoReceipts(via, evidence), world.stake.address);
  };
  const expectUntouched = async () => expect((await world.stake.getStatus()).active).toBe(STAKE);

  it('finding 13: nothing else that a worker key signs passes for a second receipt, in either order', async () => {
    const { termsHash, escrow } = first;
    const stake = world.stake.address.hash;
    const coverage = (1n << 120n) - 1n;
    const others = [
      encodeDecline({ networkId: NETWORK_ID, termsHash, escrow, reason: 3 }),
      encodeRefusal({ networkId: NETWORK_ID, termsHash, escrow, seq: first.seq, reason: 3, retryAfter: 9 }),
      encodeAcceptance({ networkId: NETWORK_ID, escrow, stake, termsHash, acceptBy: world.now, coverage }),
      encodeKeyClaim({ networkId: NETWORK_ID, stake, sealingKey: patternBytes(32), endUnix: world.now }),
      encodeVoucher({ networkId: NETWORK_ID, channel: escrow, final: true, amount: coverage }),
      encodeChallengeGrant({ networkId: NETWORK_ID, stake, receiptHash: termsHash, challenger: escrow, expires: 1 }),
    ];
    for (const other of others.map(toCell)) {
      expect(await report(signed(first), signedCell(other))).toBe(9);
      expect(await report(signedCell(other), signed(first))).toBe(9);
    }
    await expectUntouched();
  });

  it('finding 13: what is laid out like a receipt under another tag contradicts no receipt', async () => {
    const receipt = toCell(encodeReceipt({ ...first, ...OTHER }));
    const tail = receipt.beginParse().skip(32);
    const other = beginCell().storeUint(0x4f435732, 32).storeSlice(tail).endCell();
    expect(await report(signed(first), signedCell(other))).toBe(ERRORS.noConflict);
    expect(await report(signedCell(other), signed(first))).toBe(ERRORS.otherTerms);
    await expectUntouched();
    expect(await report(signed(first), signed({ ...first, ...OTHER }))).toBe(0);
  });

  it('a bit or a reference behind a receipt breaks its signature', async () => {
    const receipt = toCell(encodeReceipt(first));
    const { signature } = signed(first);
    for (const longer of [
      beginCell().storeSlice(receipt.beginParse()).storeBit(1).endCell(),
      beginCell().storeSlice(receipt.beginParse()).storeRef(new Cell()).endCell(),
    ]) {
      expect(await report(signed(first), { receipt: longer, signature })).toBe(ERRORS.notSignedByKey);
    }
    await expectUntouched();
  });

  it('a library cell in place of a receipt or of terms has a hash of its own, which nobody signed', async () => {
    const second = signed({ ...first, ...OTHER });
    const terms = termsCell(world.terms());
    const libraries = Dictionary.empty(Dictionary.Keys.Buffer(32), Dictionary.Values.Cell());
    for (const cell of [second.receipt, terms]) libraries.set(cell.hash(), cell);
    world.chain.libs = beginCell().storeDictDirect(libraries).endCell();
    const hidden = { receipt: libraryOf(second.receipt), signature: second.signature };
    expect(await report(signed(first), hidden)).toBe(ERRORS.notSignedByKey);
    expect(await report(signed(first), second, libraryOf(terms))).toBe(ERRORS.otherTerms);
    await expectUntouched();
    world.chain.libs = undefined;
  });

  it('a Merkle proof of a receipt, which leaves out what it likes, cannot be opened', async () => {
    const { receipt, signature } = signed({ ...first, ...OTHER });
    const claims = receipt.refs[0];
    const depth = beginCell().storeUint(claims.depth(), 16);
    const pruned = beginCell().storeUint(0x0101, 16).storeBuffer(claims.hash()).storeBuilder(depth);
    const part = beginCell()
      .storeBits(receipt.bits)
      .storeRef(pruned.endCell({ exotic: true }))
      .endCell();
    const proof = beginCell().storeUint(3, 8).storeBuffer(part.hash(0)).storeUint(part.depth(0), 16).storeRef(part);
    const shown = { receipt: proof.endCell({ exotic: true }), signature };
    expect(part.hash(0)).toEqual(receipt.hash());
    expect(await report(signed(first), shown)).not.toBe(0);
    await expectUntouched();
  });

  it('a receipt that writes its account in another form is no evidence, and no receipt for the SDK', async () => {
    const receipt = toCell(encodeReceipt({ ...first, ...OTHER }));
    const rest = receipt.beginParse();
    const head = beginCell().storeBits(rest.loadBits(320));
    rest.skip(267);
    const hash = Buffer.from(first.escrow);
    const forms = {
      masterchain: beginCell().storeAddress(new Address(-1, hash)),
      anycast: beginCell().storeUint(0b101, 3).storeUint(1, 5).storeUint(0, 1).storeInt(0, 8).storeBuffer(hash),
      variable: beginCell().storeUint(0b110, 3).storeUint(256, 9).storeInt(0, 32).storeBuffer(hash),
      external: beginCell().storeUint(0b01, 2).storeUint(256, 9).storeBuffer(hash),
      none: beginCell().storeUint(0, 2),
    };
    for (const [form, address] of Object.entries(forms)) {
      const other = beginCell().storeBuilder(head).storeBuilder(address).storeSlice(rest.clone()).endCell();
      expect([form, await report(signed(first), signedCell(other))]).not.toEqual([form, 0]);
      expect(() => decodeReceipt(fromCell(other))).toThrow();
    }
    await expectUntouched();
  });

  it('what a reporter hangs below its evidence is refused, or paid by the reporter alone', async () => {
    let weight = new Cell();
    for (let index = 0; index < 40; index++) {
      weight = beginCell().storeBuffer(Buffer.alloc(120, index)).storeRef(weight).endCell();
    }
    const one = packSignedReceipt(signed(first));
    const two = packSignedReceipt(signed({ ...first, ...OTHER }));
    const heavy = beginCell().storeSlice(two.beginParse()).storeRef(weight).endCell();
    const send = async (second: Cell): Promise<number> => {
      const body = beginCell().storeUint(0x0c17, 32).storeUint(7, 64).storeRef(termsCell(world.terms()));
      const full = body.storeRef(one).storeRef(second).storeRef(weight).endCell();
      const result = await world.watcher.send({ to: world.stake.address, value: toNano('1'), body: full });
      return exitCode(result, world.stake.address);
    };
    const before = await world.balance();
    expect(await send(heavy)).toBe(9);
    expect(await world.balance()).toBe(before);
    expect(await send(two)).toBe(0);
    expect(await world.balance()).toBe(before - STAKE / 2n);
  });
});
