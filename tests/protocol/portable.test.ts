import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';

const folder = path.join(__dirname, '../../protocol');
const sources = fs.readdirSync(folder).filter((name) => name.endsWith('.ts'));
const ALLOWED = /^(\.\/[a-zA-Z]+|@noble\/(hashes|ciphers|curves)\/[a-z0-9-]+|@hpke\/[a-z0-9-]+)$/;

it('protocol/ runs in a browser: it imports nothing of Node, of TON or of ours above it, and names no Buffer', () => {
  assert.ok(sources.length > 10);
  for (const name of sources) {
    const source = fs.readFileSync(path.join(folder, name), 'utf8');
    const imports = [...source.matchAll(/(?:from|import|require)\s*\(?\s*'([^']+)'/g)].map(([, from]) => from);
    for (const from of imports) assert.match(from, ALLOWED, `${name} imports ${from}`);
    const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    assert.doesNotMatch(code, /\b(Buffer|process|__dirname|require)\b/, name);
  }
});
