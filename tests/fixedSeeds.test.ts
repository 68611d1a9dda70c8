import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

test('every file with properties fixes the seed of their cases: what passed once passes again', () => {
  const files = (readdirSync('tests', { recursive: true }) as string[]).map((file) => join('tests', file)).filter((file) => /\.(spec|test)\.ts$/.test(file));
  const drawn = files.filter((file) => {
    const text = readFileSync(file, 'utf8');
    return /\bfc\.(assert|check)\(/.test(text) && !/\bseed: /.test(text);
  });
  assert.deepEqual(drawn, []);
});
