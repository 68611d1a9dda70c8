import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AUDIT_RATE, onEngine, Sampler, secretDraw } from '../../../gateway/audit';
import { delivered, echoEngine, newAuditor, newFolder, seededDraw, STAKE } from './answers';

/** Whether a count of independent draws is within four standard deviations: by chance it is not once in 16,000 tries. */
const isPlausible = (hits: number, draws: number, rate: number): boolean => Math.abs(hits - draws * rate) <= 4 * Math.sqrt(draws * rate * (1 - rate));

describe('which answers are audited', () => {
  it('is drawn at the rate that was set: 20,000 draws lie within four standard deviations', () => {
    for (const [seed, rate] of [[1, AUDIT_RATE], [2, AUDIT_RATE], [3, 0.5], [4, 0.001]] as const) {
      const sampler = new Sampler(rate, seededDraw(seed));
      let hits = 0;
      for (let draw = 0; draw < 20_000; draw++) hits += Number(sampler.isDrawn());
      assert.ok(isPlausible(hits, 20_000, rate), `${hits} of 20,000 at ${rate}`);
    }
    assert.equal(isPlausible(500, 20_000, AUDIT_RATE), false);
  });

  it('comes from the system generator by default: uniform, and never the same twice', () => {
    const draws = Array.from({ length: 20_000 }, secretDraw);
    assert.equal(new Set(draws).size, draws.length);
    assert.ok(draws.every((draw) => draw >= 0 && draw < 1));
    for (const share of [0.02, 0.5, 0.9]) assert.ok(isPlausible(draws.filter((draw) => draw < share).length, draws.length, share));
  });

  it('is none at 0, each at 1, and refused for what is no share', () => {
    assert.equal(new Sampler(0, () => 0).isDrawn(), false);
    assert.equal(new Sampler(1, () => 1 - 2 ** -48).isDrawn(), true);
    for (const rate of [-0.1, 1.1, Number.NaN]) assert.throws(() => new Sampler(rate), { code: 'config.gateway.audit-rate' });
  });

  it('is measured by the auditor itself: of 400 answers at a quarter, as many were computed again as were drawn', async () => {
    let computed = 0;
    const { auditor, store, end } = newAuditor(newFolder(), {
      sampler: new Sampler(0.25, seededDraw(6)), capacity: 400,
      first: async () => onEngine(echoEngine((result) => (computed++, result))),
    });
    for (let seq = 1; seq <= 400; seq++) auditor.heard(delivered(seq));
    await auditor.idle();
    const { drawn, clean } = store.record(STAKE);
    assert.deepEqual([drawn, clean], [computed, computed]);
    assert.ok(isPlausible(computed, 400, 0.25), `${computed} of 400`);
    await end();
  });
});
