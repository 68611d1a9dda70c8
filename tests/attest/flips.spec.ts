import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cell } from '@ton/core';
import { quoteCell } from '../../attest/cells';
import { AttestationError } from '../../attest/errors';
import { parseQuote } from '../../attest/quote';
import { SandboxChecker } from '../../cli/attest/sandboxChecker';
import { INTEL_ROOT, QUOTE_ERRORS } from '../../wrappers';
import { replaced, withBits } from '../support/cellBits';

/** Between two flips, in bytes; COCOON_ATTEST_FLIPS=1 tries all. */
const STEP = Number(process.env.COCOON_ATTEST_FLIPS ?? 0);
const NOW = 1_780_000_000;
const quoteOf = (name: string): Buffer => readFileSync(join(__dirname, 'quotes', `${name}.bin`));
const V4 = 'tdx_v4_0c699dd4533f';
const V5 = 'tdx_v5_586c2be0dc38';

/** Every cell of a tree by its path, in depth-first order. */
function paths(cell: Cell, path: number[] = []): { path: number[]; cell: Cell }[] {
  return [{ path, cell }, ...cell.refs.flatMap((child, i) => paths(child, [...path, i]))];
}

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
    for (const { path, cell: part } of paths(cell)) {
      const bytes = part.bits.length / 8;
      const step = STEP || 48;
      for (let byte = STEP ? 0 : tried % 40; byte < bytes; byte += step) {
        const at = Math.min(8 * byte + ((5 * byte + tried) % 8), part.bits.length - 1);
        const flipped = replaced(cell, path, (old) => withBits(old, (bits) => void (bits[at] ^= 1)));
        const verdict = await checker.verify(flipped, NOW);
        expect([path.join('/'), at, verdict.accepted]).toEqual([path.join('/'), at, false]);
        tried++;
      }
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
