/** The largest states of the accounts of attestation, which their rent is computed for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { COLLATERAL_POSTS } from '../../wrappers';
import { AttestWorld, exitCodeAt, NOW } from '../attest/attestWorld';
import { sizeOfCells } from '../support/sizeOfCells';
import { toNano } from '@ton/core';

const constant = (file: string, name: string): number =>
  Number(new RegExp(`const ${name}: Int = (\\d+);`).exec(readFileSync(join(__dirname, '../../contracts/attestation', file), 'utf8'))![1]);

async function sizeOf(world: AttestWorld, account: { address: typeof world.key.address }) {
  const { accountState } = await world.chain.getContract(account.address);
  if (accountState?.type !== 'active') throw new Error('no account');
  return sizeOfCells(accountState.state.code!, accountState.state.data!);
}

/** Enough, and a quarter more at most. */
function covers(allowed: number, used: number): void {
  expect(used).toBeLessThanOrEqual(allowed);
  expect(allowed).toBeLessThanOrEqual(used * 1.25);
}

describe('finding 47: rent is computed for the largest state', () => {
  it('finding 47: of an attested key', async () => {
    const world = await AttestWorld.create();
    await world.attest();
    const { cells, bits } = await sizeOf(world, world.key);
    covers(constant('AttestedKey.tact', 'ATTESTED_MAX_CELLS'), cells);
    covers(constant('AttestedKey.tact', 'ATTESTED_MAX_BITS'), bits);
  });

  it('finding 47: of collateral with two editions of twelve levels, and two lists of 128 certificates', async () => {
    const world = await AttestWorld.create();
    const serials = (first: bigint) => Array.from({ length: 128 }, (_, i) => (first << 150n) + (BigInt(i) * (7919n + first)) ** 7n);
    const levels = Array.from({ length: 12 }, (_, i) => ({ pceSvn: i, sgx: [i], tdx: [i, i] }));
    const modules = Array.from({ length: 2 }, (_, version) => ({ version, levels: Array.from({ length: 20 }, (_, i) => ({ isvSvn: i, status: 'UpToDate' })) }));
    const qe = { levels: Array.from({ length: 40 }, (_, i) => ({ isvSvn: i, status: 'UpToDate' })) };
    for (const number of [17, 18]) {
      const cells = world.collateralCells({ issuedAt: NOW - 20 + number, number, qeNumber: number, levels: levels.map((level) => ({ ...level, pceSvn: level.pceSvn + number })), modules, qe, revokedByCa: serials(3n), revokedByRoot: serials(5n) });
      for (const pack of Object.values(COLLATERAL_POSTS)) {
        const { transactions } = await world.postPart(pack(cells), toNano('3'));
        expect([pack.name, number, exitCodeAt(transactions, world.collateral)]).toEqual([pack.name, number, 0]);
      }
    }
    const { cells, bits } = await sizeOf(world, world.collateral);
    covers(constant('Collateral.tact', 'COLLATERAL_MAX_CELLS'), cells);
    covers(constant('Collateral.tact', 'COLLATERAL_MAX_BITS'), bits);
  });
});
