import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECK_NAMES, RECEIPT_CHECK_NAMES } from '../../disputes/checkTree';
import { HEAD_SLOTS, LAYER_SLOTS } from '../../disputes/step';

const text = readFileSync(join(__dirname, '../../docs/slashing.md'), 'utf8');
const rows = [...text.matchAll(/^\| `(\w+Check)` \| ([^|]+) \|/gm)].map(([, name, slots]) => ({ name, slots: [...slots.matchAll(/`(\w+)`/g)].map(([, slot]) => slot) }));

describe('docs/slashing.md', () => {
  it('names the checks that a case knows, and for every slot of the op table the one that judges it', () => {
    expect(rows.map(({ name }) => name)).toEqual([...CHECK_NAMES, ...RECEIPT_CHECK_NAMES]);
    expect(rows.flatMap(({ slots }) => slots).sort()).toEqual(['token', 'h', ...LAYER_SLOTS, ...HEAD_SLOTS].sort());
  });
});
