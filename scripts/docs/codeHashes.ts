import fs from 'node:fs';
import path from 'node:path';
import { Cell } from '@ton/core';
import { sizeOfCells } from '../../tests/support/sizeOfCells';
import { INTEL_ROOT } from '../../wrappers/QuoteChecker';

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

const codeOf = (contract: string): Cell => Cell.fromBoc(fs.readFileSync(path.join(root, `build/Suite/Suite_${contract}.code.boc`)))[0];

export function compiledCode(contract: string): CompiledCode {
  const code = codeOf(contract);
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

/** miniapp/src/chain/pinned.ts. */
export function pinnedSource(): string {
  const hex = (value: bigint): string => value.toString(16).padStart(64, '0');
  const stake = codeOf('ProviderStake');
  return [
    '// Generated from the compiled contracts (npm run docs:update): what the page knows of them without asking anybody.',
    '',
    '/** PaymentChannel, a bag of cells in base64: what a channel is opened with. */',
    `export const CHANNEL_CODE = '${codeOf('PaymentChannel').toBoc({ crc32: false }).toString('base64')}';`,
    '',
    '/** ProviderStake: with its data the address of a stake. Hash in hex. */',
    `export const STAKE_CODE = { hash: '${stake.hash().toString('hex')}', depth: ${stake.depth()} } as const;`,
    '',
    '/** Hash of AttestationRegistry, hex. */',
    `export const REGISTRY_CODE_HASH = '${compiledCode('AttestationRegistry').hash}';`,
    '',
    '/** The key that ends every chain of certificates of a real quote: x and y, hex. */',
    `export const INTEL_ROOT = '${hex(INTEL_ROOT.x)}${hex(INTEL_ROOT.y)}';`,
    '',
  ].join('\n');
}
