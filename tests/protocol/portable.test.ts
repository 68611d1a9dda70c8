import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { sha256 as noble } from '@noble/hashes/sha2';
import { sha256 } from '../../protocol/sha256';

const folder = path.join(__dirname, '../../protocol');
const sources = (fs.readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.ts'));
const ALLOWED = /^(\.\/[a-zA-Z0-9/]+|\.\.\/[a-zA-Z0-9]+|@noble\/(hashes|ciphers|curves)\/[a-z0-9-]+|@hpke\/[a-z0-9-]+)$/;

it('protocol/ runs in a browser: it imports nothing of Node, of TON or of ours above it, and names no Buffer', () => {
  assert.ok(sources.length > 15);
  for (const name of sources) {
    const source = fs.readFileSync(path.join(folder, name), 'utf8');
    const imports = [...source.matchAll(/(?:from|import|require)\s*\(?\s*'([^']+)'/g)].map(([, from]) => from);
    for (const from of imports) assert.match(from, ALLOWED, `${name} imports ${from}`);
    const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    // Hash and cipher ask whether there is a Node, and do without.
    assert.doesNotMatch(code, ['sha256.ts', 'aead.ts'].includes(name) ? /\b(Buffer|__dirname|require)\b/ : /\b(Buffer|process|__dirname|require)\b/, name);
  }
});

it("Node's SHA-256 and the portable one agree on every length up to three blocks, and on parts of a larger array", () => {
  const bytes = Uint8Array.from({ length: 400 }, (_, index) => (index * 7) & 0xff);
  for (let length = 0; length < 200; length++) {
    const part = bytes.subarray(length, 2 * length);
    assert.deepEqual(sha256(part), noble(part));
  }
});
