import fs from 'node:fs';
import path from 'node:path';
import type { FeeRow } from '../../bench/fees';
import { JOB_ESCROW_ERRORS, OP_CREATE_JOB, OP_JOB_ANSWERED, OP_JOB_FAILED } from '../../wrappers';

const root = path.join(__dirname, '../..');
const read = (file: string) => fs.readFileSync(path.join(root, file), 'utf8');
const page = 'docs/messages-and-fees.md';
const contract = read('contracts/escrow/JobEscrow.tact');

function feeTable(): string {
  const rows = JSON.parse(read('bench/gas.json')) as FeeRow[];
  const lines = rows.map(
    ({ operation, milliTon, gas, split }) =>
      `| ${operation} | **${milliTon.toFixed(2)}** | ${gas} | ${split.import.toFixed(2)} | ${split.gas.toFixed(2)} | ${split.forward.toFixed(2)} | ${split.storage.toFixed(2)} |`,
  );
  return [
    '| operation | mTON | gas | import | gas fee | forward | storage |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

describe('docs/messages-and-fees.md', () => {
  it('lists exactly the errors of the contract, as the SDK has them', () => {
    const constants = [...contract.matchAll(/const (ERROR_\w+): Int = (\d+);/g)].map(
      ([, name, code]) => `${code} ${name}`,
    );
    const documented = [...read(page).matchAll(/^\| (\d{3}) \| (ERROR_\w+) \|/gm)].map(
      ([, code, name]) => `${code} ${name}`,
    );
    expect(documented).toEqual(constants);
    const codes = constants.map((line) => Number(line.split(' ')[0]));
    expect(Object.values(JOB_ESCROW_ERRORS)).toEqual(expect.arrayContaining(codes));
  });

  it('lists exactly the opcodes of the contract, as the SDK has them, each used once in the suite', () => {
    const ops = [...contract.matchAll(/(?:message\(|const OP_\w+: Int = )(0x[0-9a-f]+)/g)].map(([, op]) => Number(op));
    expect(ops).toEqual(
      [OP_JOB_ANSWERED, OP_JOB_FAILED, OP_CREATE_JOB].sort((a, b) => ops.indexOf(a) - ops.indexOf(b)),
    );
    expect(new Set(ops).size).toBe(ops.length);
    const documented = [...read(page).matchAll(/\| (0x0c\d\d) \|/g)].map(([, op]) => Number(op)).sort();
    expect(documented).toEqual([...ops].sort());
  });

  it('shows the committed fees', () => {
    const [before, rest] = read(page).split('<!-- fees -->\n');
    const [shown, after] = rest.split('<!-- /fees -->');
    if (process.env.COCOON_GAS_UPDATE === '1') {
      fs.writeFileSync(path.join(root, page), `${before}<!-- fees -->\n${feeTable()}\n<!-- /fees -->${after}`);
    } else {
      expect(shown.trim()).toBe(feeTable());
    }
  });
});
