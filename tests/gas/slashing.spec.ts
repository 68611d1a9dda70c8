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
});
