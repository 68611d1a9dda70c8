import fs from 'node:fs';
import path from 'node:path';
import { findings } from '../../scripts/docs/findings';
import { errors, messages } from '../../scripts/docs/source';
import { messagesTlb, TABLES, withTables } from '../../scripts/docs/tables';
import * as sdk from '../../wrappers';
import * as zk from '../../wrappers/zk';
import * as bounty from '../../examples/bounty/JudgedBounty';
import * as moderation from '../../examples/moderation/ModeratedRewards';

const root = path.join(__dirname, '../..');
const isUpdate = process.env.COCOON_DOCS_UPDATE === '1';

/** The committed file is what is generated; `npm run docs:update` makes it so. */
function expectGenerated(file: string, generate: (committed: string) => string): void {
  const full = path.join(root, file);
  const committed = fs.existsSync(full) ? fs.readFileSync(full, 'utf8') : '';
  const generated = generate(committed);
  if (isUpdate) fs.writeFileSync(full, generated);
  else expect(committed).toBe(generated);
}

const numbersOf = (name: RegExp): number[] =>
  Object.entries({ ...sdk, ...zk, ...bounty, ...moderation })
    .filter(([key]) => name.test(key))
    .flatMap(([, value]) => (typeof value === 'number' ? [value] : Object.values(value as Record<string, number>)));

describe('docs/attacks.md', () => {
  it('names tests for every finding whose rule is built', () => {
    expect(findings().filter(({ tests, without }) => tests.length === 0 && without === undefined)).toEqual([]);
  });
});

describe('the documented interface', () => {
  const pages = fs.readdirSync(path.join(root, 'docs')).filter((file) => file.endsWith('.md'));

  it.each(pages)('docs/%s shows the tables that follow from the contracts and the gas file', (page) => {
    expectGenerated(`docs/${page}`, withTables);
  });

  it('shows every table somewhere', () => {
    const all = pages.map((page) => fs.readFileSync(path.join(root, 'docs', page), 'utf8')).join('\n');
    for (const name of Object.keys(TABLES)) expect(all).toContain(`<!-- ${name} -->`);
  });

  it('docs/messages.tlb is the TL-B of what the compiler compiled', () => {
    expectGenerated('docs/messages.tlb', messagesTlb);
  });

  it('uses every opcode and every error code once', () => {
    for (const codes of [messages().map(({ opcode }) => opcode), errors().map(({ code }) => code)]) {
      expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
    }
  });

  it('is in the SDK: every opcode and every error code', () => {
    expect(numbersOf(/^OP_/)).toEqual(expect.arrayContaining(messages().map(({ opcode }) => opcode)));
    expect(numbersOf(/_ERRORS$/)).toEqual(expect.arrayContaining(errors().map(({ code }) => code)));
  });
});
