/** Reasons of claims: each is there in every language, with the same parameters, and none is left over. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { verify as english } from '../../../miniapp/src/i18n/en/verify';
import { verify as russian } from '../../../miniapp/src/i18n/ru/verify';
import { tonText } from '../../../miniapp/src/tonText';
import { dateText } from '../../../miniapp/src/verify/texts';

const FOLDER = join(__dirname, '../../../miniapp/src/verify');
const parameters = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test('all of them are used, and take the same parameters in both languages', () => {
  const code = readdirSync(FOLDER).map((file) => readFileSync(join(FOLDER, file), 'utf8')).join('\n');
  const written = [...code.matchAll(/'(verify\.\w+)'/g)].map(([, key]) => key);
  assert.deepEqual([...new Set(written)].sort(), Object.keys(english).sort());
  for (const [key, text] of Object.entries(english)) assert.deepEqual(parameters(russian[key as keyof typeof english]), parameters(text), key);
});

test('amounts and times are written for people', () => {
  assert.deepEqual([tonText(0n), tonText(1n), tonText(1_500_000_000n), tonText(50_000_000_000n)], ['0', '0.000000001', '1.5', '50']);
  assert.equal(dateText(1_780_000_000), '2026-05-28 20:26 UTC');
});
