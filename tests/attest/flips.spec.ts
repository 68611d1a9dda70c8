import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cell } from '@ton/core';
import { quoteCell } from '../../attest/cells';
import { AttestationError } from '../../attest/errors';
import { parseQuote } from '../../attest/quote';
import { SandboxChecker } from '../../cli/attest/sandboxChecker';
import { COLLATERAL_POSTS, INTEL_ROOT, packAttestKey, QUOTE_ERRORS } from '../../wrappers';
import { AttestWorld, blockAt, exitCodeAt, NOW, SEALING_KEY, VALUE } from './attestWorld';
import { flippedBits, replaced, withBits } from '../support/cellBits';

/** Between two flips, in bytes; `npm run test:flips` tries all. */
const STEP = Number(process.env.COCOON_ATTEST_FLIPS ?? 48);
const quoteOf = (name: string): Buffer => readFileSync(join(__dirname, 'quotes', `${name}.bin`));
const V4 = 'tdx_v4_0c699dd4533f';
const V5 = 'tdx_v5_586c2be0dc38';

const bitsOf = (cell: Cell): number[] => Array.from({ length: cell.bits.length }, (_, i) => (cell.bits.at(i) ? 1 : 0));

describe('a quote of which anything is changed', () => {
  let checker: SandboxChecker;
  beforeAll(async () => {
    checker = await SandboxChecker.create();
  });
  const whole = (name: string): Cell => quoteCell(parseQuote(quoteOf(name)), INTEL_ROOT);

  it.each([V4, V5])('%s: no flipped bit of any cell, proofs included, is accepted', async (name) => {
    const cell = whole(name);
    expect((await checker.verify(cell, NOW)).accepted).toBe(true);
    let tried = 0;
    for (const { where, cell: flipped } of flippedBits(cell, STEP)) {
      expect([where, (await checker.verify(flipped, NOW)).accepted]).toEqual([where, false]);
      tried++;
    }
    expect(tried).toBeGreaterThan(60);
  });

  it('is refused wherever a cell is cut elsewhere, though the hashed bytes are the same', async () => {
    const cell = whole(V4);
    for (let chain = 0; chain < 4; chain++) {
      const first = cell.refs[chain];
      const moved = bitsOf(first).slice(-8); // the last byte of the first cell begins the second one
      const shifted = replaced(cell, [chain], (old) => withBits(
        replaced(old, [0], (next) => withBits(next, (bits) => void bits.splice(0, bits.length, ...[...moved, ...bits].slice(0, 1016)))),
        (bits) => void bits.splice(-8),
      ));
      const verdict = await checker.verify(shifted, NOW);
      expect([chain, verdict.accepted]).toEqual([chain, false]);
      expect(verdict).toMatchObject({
        exitCode: chain < 2 ? QUOTE_ERRORS.quoteLength : QUOTE_ERRORS.certificate,
      });
    }
  });

  it('is refused with the certificate, report or signature of another platform', async () => {
    const [cell, other] = [whole(V4), whole(V5)];
    for (let chain = 0; chain < 4; chain++) {
      const verdict = await checker.verify(replaced(cell, [chain], () => other.refs[chain]), NOW);
      if (chain === 3) expect(verdict.accepted).toBe(true); // Intel's intermediate is the same
      else expect([chain, verdict.accepted]).toEqual([chain, false]);
    }
  });

  it('gets no proof at all where the raw bytes that were signed are changed', () => {
    const raw = quoteOf(V4);
    for (const at of [100, 250, 400, 600, 640, 700, 800, 1000, 1300]) {
      const bytes = Buffer.from(raw);
      bytes[at] ^= 1;
      expect(() => quoteCell(parseQuote(bytes), INTEL_ROOT)).toThrow(AttestationError);
    }
  });

  it('is refused under another root than the one that signed', () => {
    expect(() => quoteCell(parseQuote(quoteOf(V4)), { x: INTEL_ROOT.x, y: INTEL_ROOT.y + 1n })).toThrow(/not valid/);
  });
});

describe('a message of which anything is changed', () => {
  const OPCODE_AND_QUERY_ID = 96;
  const step = STEP === 1 ? 1 : 2 * STEP;
  let world: AttestWorld;
  beforeEach(async () => {
    world = await AttestWorld.create();
  });

  it('a registration: no flipped bit, of what its owner says beside the quote either, attests a key', async () => {
    const body = packAttestKey(SEALING_KEY, blockAt(50_000_000), world.quote());
    const send = async (of: Cell) => exitCodeAt((await world.owner.send({ to: world.key.address, init: world.key.init, value: VALUE, body: of })).transactions, world.key);
    let tried = 0;
    for (const { where, cell } of flippedBits(body, step, OPCODE_AND_QUERY_ID)) {
      expect([where, (await send(cell)) === 0]).toEqual([where, false]);
      tried++;
    }
    expect(tried).toBeGreaterThan(40);
    expect((await world.key.getStatus()).attested).toBeNull();
    expect(await send(body)).toBe(0);
  });

  it.each(Object.entries(COLLATERAL_POSTS))('%s: no flipped bit is taken', async (part, pack) => {
    const body = pack(world.collateralCells({ issuedAt: NOW - 1, revokedByCa: [5n, 7n], revokedByRoot: [9n] }));
    const send = async (of: Cell) => exitCodeAt((await world.postPart(of)).transactions, world.collateral);
    let tried = 0;
    for (const { where, cell } of flippedBits(body, step, OPCODE_AND_QUERY_ID)) {
      const code = await send(cell).catch(() => 'no dictionary');
      expect([part, where, code === 0]).toEqual([part, where, false]);
      tried++;
    }
    expect(tried).toBeGreaterThan(8);
    expect(await send(body)).toBe(0);
  });
});
