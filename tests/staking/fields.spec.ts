import { beginCell, type Cell, toNano } from '@ton/core';
import { sign } from '@ton/crypto';
import { encodeReceipt } from '../../protocol';
import {
  KEY_STATUS,
  packReportMislabelled,
  packSignedReceipt,
  PROVIDER_STAKE_ERRORS as ERRORS,
  toCell,
} from '../../wrappers';
import { fieldStarts, flipBit, withRef } from '../support/cellBits';
import { patternBytes } from '../support/jobWorld';
import { handled, inject, outcome, sent, snapshotOf } from '../support/stakeActions';
import { keyQueryBody, undeliveredBody } from '../support/stakeMatrix';
import { signed, StakeWorld, termsCell, WORKER } from '../support/stakeWorld';

const value = toNano('1');

const TERMS = fieldStarts({
  tag: 32,
  networkId: 32,
  tier: 3,
  visibility: 1,
  flags: 4,
  semantics: 16,
  client: 256,
  stake: 256,
  workerKey: 256,
  salt: 128,
});
const TERMS_REQUEST = fieldStarts({
  modelRoot: 256,
  requestCommit: 256,
  responseKeyHash: 256,
  maxTokens: 32,
  expiresAt: 32,
});
/** Amounts of 0: their lengths are four zeros each; the fixed price of 0.1 TON has four bytes. */
const TERMS_PRICES = fieldStarts({ promptPrice: 4, outputPrice: 4, fixedPrice: 36, coverage: 4, imageHash: 256 });
const RECEIPT = fieldStarts({
  tag: 32,
  networkId: 32,
  termsHash: 256,
  escrowForm: 3,
  escrowWorkchain: 8,
  escrow: 256,
  seq: 32,
  index: 32,
  final: 1,
  reserved: 4,
  finishReason: 3,
  issuedAt: 32,
  dueNano: 64,
});
const RECEIPT_CLAIMS = fieldStarts({
  sealedHash: 256,
  responseCommit: 256,
  traceCommit: 256,
  promptTokens: 32,
  outputTokens: 32,
});
const ACCEPTANCE = fieldStarts({
  tag: 32,
  networkId: 32,
  escrow: 256,
  stake: 256,
  termsHash: 256,
  acceptBy: 32,
  coverage: 4,
});
const SIGNED = fieldStarts({ workerKey: 256, signature: 512 });

/** Every variant of `terms` in which one field differs. */
const otherTerms = (terms: Cell): [string, Cell][] => [
  ...TERMS.map(([name, at]): [string, Cell] => [name, flipBit(terms, at)]),
  ...TERMS_REQUEST.map(([name, at]): [string, Cell] => [name, withRef(terms, 0, flipBit(terms.refs[0], at))]),
  ...TERMS_PRICES.map(([name, at]): [string, Cell] => [name, withRef(terms, 1, flipBit(terms.refs[1], at + 3))]),
];
const otherReceipts = (receipt: Cell): [string, Cell][] => [
  ...RECEIPT.map(([name, at]): [string, Cell] => [name, flipBit(receipt, at)]),
  ...RECEIPT_CLAIMS.map(([name, at]): [string, Cell] => [name, withRef(receipt, 0, flipBit(receipt.refs[0], at))]),
];
const otherAcceptances = (acceptance: Cell): [string, Cell][] => [
  ...SIGNED.map(([name, at]): [string, Cell] => [name, flipBit(acceptance, at)]),
  ...ACCEPTANCE.map(([name, at]): [string, Cell] => [
    `acceptance ${name}`,
    withRef(acceptance, 0, flipBit(acceptance.refs[0], name === 'coverage' ? at + 3 : at)),
  ]),
];
const reportBody = (terms: Cell, first: Cell, second: Cell): Cell =>
  beginCell().storeUint(0x0c17, 32).storeUint(0, 64).storeRef(terms).storeRef(first).storeRef(second).endCell();

describe('one field changed', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const report = async (terms: Cell, first: Cell, second: Cell) =>
    outcome(await inject(world, world.watcher.address, reportBody(terms, first, second), value), world);
  const signCell = (receipt: Cell): Cell =>
    packSignedReceipt({ receipt, signature: sign(receipt.hash(), WORKER.secretKey) });

  it('of the terms acquits: findings 7, 11, 12 and 32', async () => {
    const terms = termsCell(world.terms());
    const first = world.receipt(world.terms());
    const second = packSignedReceipt(signed({ ...first, responseCommit: patternBytes(32, 99) }));
    const before = await snapshotOf(world);
    for (const [name, changed] of otherTerms(terms)) {
      const got = await report(changed, packSignedReceipt(signed(first)), second);
      const wanted = ['tag', 'networkId', 'stake'].includes(name) ? ERRORS.otherStake : ERRORS.otherTerms;
      expect([name, got]).toEqual([name, name === 'workerKey' ? ERRORS.keyUnknown : wanted]);
    }
    expect(await snapshotOf(world)).toEqual(before);
    expect(await report(terms, packSignedReceipt(signed(first)), second)).toBe(0);
  });

  it('of a receipt, or of its signature, acquits: nobody but the key makes evidence', async () => {
    const terms = termsCell(world.terms());
    const fields = world.receipt(world.terms());
    const first = packSignedReceipt(signed(fields));
    const second = packSignedReceipt(signed({ ...fields, responseCommit: patternBytes(32, 99) }));
    const changed = (from: Cell): [string, Cell][] => [
      ['signature', flipBit(from, 0)],
      ['end of the signature', flipBit(from, 511)],
      ...otherReceipts(from.refs[0]).map(([name, cell]): [string, Cell] => [name, withRef(from, 0, cell)]),
    ];
    for (const [name, cell] of changed(first)) {
      expect([name, await report(terms, cell, second)]).toEqual([name, ERRORS.notSignedByKey]);
    }
    for (const [name, cell] of changed(second)) {
      expect([name, await report(terms, first, cell)]).toEqual([name, ERRORS.notSignedByKey]);
      const mislabel = beginCell().storeUint(0x0c18, 32).storeUint(0, 64).storeRef(terms).storeRef(cell).endCell();
      expect([name, outcome(await inject(world, world.watcher.address, mislabel, value), world)]).toEqual([
        name,
        ERRORS.notSignedByKey,
      ]);
    }
  });

  it('finding 1: of a receipt, signed again, convicts where it can not be honest, and else does not', async () => {
    const terms = termsCell(world.terms());
    const receipt = toCell(encodeReceipt({ ...world.receipt(world.terms()), final: false }));
    const first = signCell(receipt);
    expect(await report(terms, first, first)).toBe(ERRORS.noConflict);
    const elsewhere = ['tag', 'networkId', 'escrowWorkchain', 'escrow', 'seq', 'index', 'issuedAt'];
    const start = await snapshotOf(world);
    for (const [name, changed] of otherReceipts(receipt)) {
      world = await StakeWorld.create();
      const got = await report(terms, first, signCell(changed));
      // An escrow that is no address cannot be read.
      const wanted = name === 'escrowForm' ? got : elsewhere.includes(name) ? ERRORS.noConflict : 0;
      expect([name, got]).toEqual([name, wanted]);
      expect([name, (await snapshotOf(world)).balance < start.balance]).toEqual([name, got === 0]);
      if (name === 'escrowForm') expect(got).not.toBe(0);
    }
  });

  it('of terms or promise: the stake does not stand for them, and reserves nothing', async () => {
    const terms = termsCell(world.terms());
    const acceptance = world.acceptance(world.terms(), { coverage: 5n });
    const ask = async (asked: Cell, promise: Cell) => {
      const result = await inject(world, world.escrow.address, keyQueryBody(asked, promise), value);
      if (outcome(result, world) !== 0) return null;
      return sent(result, world)[0].body.beginParse().skip(32).loadUint(8);
    };
    for (const [name, changed] of otherTerms(terms)) {
      expect([name, await ask(changed, acceptance)]).not.toEqual([name, KEY_STATUS.fine]);
    }
    for (const [name, changed] of otherAcceptances(acceptance)) {
      expect([name, await ask(terms, changed)]).not.toEqual([name, KEY_STATUS.fine]);
    }
    expect((await world.stake.getStatus()).reserved).toBe(0n);
    expect(await ask(terms, acceptance)).toBe(KEY_STATUS.fine);
  });

  it('of a promise that was not kept: it costs nothing', async () => {
    const acceptance = world.acceptance(world.terms(), { coverage: 5n });
    const tell = (promise: Cell, from = world.escrow.address) =>
      inject(world, from, undeliveredBody(world.client.address.hash, 9n, promise), value, { bounce: false });
    const before = (await snapshotOf(world)).data;
    for (const [name, changed] of otherAcceptances(acceptance)) {
      const result = await tell(changed);
      expect([name, (await snapshotOf(world)).data]).toEqual([name, before]);
      expect(handled(result, world)).toBeDefined();
    }
    await tell(acceptance, world.watcher.address);
    expect((await snapshotOf(world)).data).toBe(before);
    await tell(acceptance);
    expect((await world.stake.getStatus()).slashed).toBe(9n);
  });

  it('finding 9: only the tier of the terms makes a label wrong', async () => {
    const told = async (tier: number) => {
      world = await StakeWorld.create();
      const terms = world.terms({ tier });
      const body = packReportMislabelled(termsCell(terms), signed(world.receipt(terms)));
      return outcome(await inject(world, world.watcher.address, body, value), world);
    };
    expect(await told(0)).toBe(ERRORS.labelHolds);
    for (let tier = 1; tier < 8; tier++) expect([tier, await told(tier)]).toEqual([tier, 0]);
  });
});
