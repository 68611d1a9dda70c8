import fs from 'node:fs';
import path from 'node:path';
import type { FeeRow } from '../../bench/feeRow';
import { measureFees } from '../../bench/fees';

const file = path.join(__dirname, '../../bench/gas.json');
const difference = (before: FeeRow[], after: FeeRow[]): string[] =>
  after.flatMap((row) => {
    const old = before.find(({ operation }) => operation === row.operation);
    if (old && old.milliTon === row.milliTon && old.gas === row.gas) return [];
    return [
      `${row.operation}: ${old ? `${old.milliTon} mTON, ${old.gas} gas` : 'new'} -> ${row.milliTon} mTON, ${row.gas} gas`,
    ];
  });

describe('fees', () => {
  let rows: FeeRow[];

  beforeAll(async () => {
    rows = await measureFees();
    if (process.env.COCOON_GAS_UPDATE === '1') {
      const before = fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as FeeRow[]) : [];
      console.log(['bench/gas.json updated:', ...difference(before, rows)].join('\n  '));
      fs.writeFileSync(file, `${JSON.stringify(rows, null, 2)}\n`);
    }
  });

  it('are what the committed file says, to the nanoTON and the unit of gas', () => {
    expect(difference(JSON.parse(fs.readFileSync(file, 'utf8')) as FeeRow[], rows)).toEqual([]);
  });

  // The design's limits, apart from the file: an update of the file cannot loosen them.
  it.each([
    ['job-total', 12.5],
    ['job-total-v5r1', 14],
    ['job-total-answer-in-callback', 13.5],
    ['channel-settle', 3],
    ['channel-top-up', 2.5],
    ['channel-open', 7],
    ['channel-close', 4],
  ])('%s costs at most %d mTON', (operation, limit) => {
    expect(rows.find((row) => row.operation === operation)!.milliTon).toBeLessThanOrEqual(limit);
  });

  it('checking a proof of 3 public inputs and paying for it takes at most 114,000 gas of both contracts', () => {
    for (const operation of ['zk-verify-and-pay', 'zk-verify-and-pay-reserved']) {
      expect(rows.find((row) => row.operation === operation)!.gas).toBeLessThanOrEqual(114_000);
    }
  });

  it('split into import, gas, forwarding and storage without a remainder', () => {
    for (const { milliTon, split } of rows) {
      expect(split.import + split.gas + split.forward + split.storage).toBeCloseTo(milliTon, 6);
    }
  });
});
