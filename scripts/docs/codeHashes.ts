import fs from 'node:fs';
import path from 'node:path';
import { Cell } from '@ton/core';
import { sizeOfCells } from '../../tests/support/sizeOfCells';

const root = path.join(__dirname, '../..');

/** Code of one contract as the compiler left it. */
export interface CompiledCode {
  contract: string;
  /** Hex, as explorers and getAccount show it. */
  hash: string;
  /** Different cells, which is what rent and forwarding are paid for. */
  cells: number;
  bits: number;
}

export function compiledCode(contract: string): CompiledCode {
  const code = Cell.fromBoc(fs.readFileSync(path.join(root, `build/Suite/Suite_${contract}.code.boc`)))[0];
  return { contract, hash: code.hash().toString('hex'), ...sizeOfCells(code) };
}

/** The compiler that made it: pinned in package.json, and by hash in package-lock.json. */
export function compilerVersion(): string {
  const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  return manifest.devDependencies['@tact-lang/compiler'];
}

/** wrappers/codeHashes.ts. */
export function codeHashesSource(contracts: readonly string[]): string {
  return [
    '// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.',
    '',
    '/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */',
    'export const CODE_HASHES = {',
    ...contracts.map((contract) => `  ${contract}: '${compiledCode(contract).hash}',`),
    '} as const;',
    '',
    'export type ContractName = keyof typeof CODE_HASHES;',
    '',
  ].join('\n');
}
