import fs from 'node:fs';
import path from 'node:path';
import { measureSlashing, type SlashingReport } from '../../bench/slashing/measure';
import { CHECK_NAMES } from '../../disputes/checkTree';
import { HEAD_SLOTS, LAYER_SLOTS } from '../../disputes/step';

const file = path.join(__dirname, '../../bench/slashing.json');

describe('proving a lie', () => {
  let report: SlashingReport;

  beforeAll(async () => {
    report = await measureSlashing();
    if (process.env.COCOON_GAS_UPDATE === '1') fs.writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  }, 240_000);

  it('costs what the committed file says, to the nanoTON, the byte and the unit of gas', () => {
    expect(report).toEqual(JSON.parse(fs.readFileSync(file, 'utf8')));
  });

  it('is measured for every check and every slot', () => {
    for (const rows of [report.steps, report.proofs]) expect([...new Set(rows.map(({ check }) => check))]).toEqual(CHECK_NAMES);
    const slots = new Set(report.steps.map(({ of }) => of.split(',')[0]));
    expect([...slots].sort()).toEqual([...new Set(['token', 'h', ...LAYER_SLOTS, ...HEAD_SLOTS])].sort());
  });

  // The design's limits, apart from the file: an update of the file cannot loosen them.
  it('takes less than 600,000 gas whatever step of a model of 8 billion weights is judged', () => {
    for (const { of, gas } of report.proofs) expect([of, gas < 600_000]).toEqual([of, true]);
    expect(report.maxStepGas8B).toBe(Math.max(...report.proofs.map(({ gas }) => gas)));
  });

  it('takes less than 180,000 gas and 13 KB for a row of 4,096 weights', () => {
    expect(report.stepGas4096).toBeLessThan(180_000);
    expect(report.evidenceBytes4096).toBeLessThan(13_000);
  });

  it('costs less than 0.55 TON in a whole dispute of 8 billion weights, and less than 0.25 TON for the shipped model where the worker shows its trace when asked', () => {
    expect(report.disputeFeesTon8B).toBeLessThan(0.55);
    expect(report.disputeFeesAtOnceTon).toBeLessThan(0.25);
  });
});
