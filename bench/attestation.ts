/** What attestation costs: a key's registration over its whole star of messages, a quote's chain alone, and Intel's collateral. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toNano, type Transaction } from '@ton/core';
import { quoteCell } from '../attest/cells';
import { parseCollateral, summaryOf } from '../attest/collateral';
import { collateralCells } from '../attest/collateralCells';
import { parseQuote } from '../attest/quote';
import { SandboxChecker } from '../cli/attest/sandboxChecker';
import { AttestWorld, DAY, VALUE } from '../tests/attest/attestWorld';
import { sumFees, type TransactionFees } from '../tests/support/fees';
import { Collateral, COLLATERAL_POSTS, INTEL_ROOT } from '../wrappers';
import { type FeeRow, row } from './feeRow';
import { createSandbox } from '../tests/support/sandbox';

const FIXTURES = join(__dirname, '..', 'tests', 'attest');
const QUOTE = 'tdx_v5_586c2be0dc38.bin';
const QUOTE_TIME = 1_780_000_000;

export interface AttestationReport {
  /** of every message after the owner's own wallet: an active provider renews or adds a key, collateral is there */
  registrationGas: number;
  /** of a real quote's chain alone, up to Intel's root */
  chainGas: number;
  /** all fees of all parties, the owner's wallet included */
  registrationMilliTon: number;
  /** the dearest message that posts a part of Intel's published collateral */
  collateralMaxGas: number;
}

export async function measureAttestation(): Promise<AttestationReport> {
  const registration = await registrationOf();
  const gas = await postingGas();
  return {
    registrationGas: Number(sumFees(registration.slice(1)).gas), chainGas: await chainGas(),
    registrationMilliTon: Number(sumFees(registration).totalNano) / 1e6, collateralMaxGas: Math.max(...gas),
  };
}

/** Rows of bench/gas.json, on the simulated platform. */
export async function measureAttestationFees(): Promise<FeeRow[]> {
  const world = await AttestWorld.create();
  const first = sumFees((await world.attest()).transactions);
  const again = sumFees((await world.attest()).transactions);
  const recheck = sumFees((await world.key.sendRecheck(world.stranger.getSender(), { value: VALUE })).transactions);
  await world.registry.sendRevokeImage(world.governor.getSender(), { value: VALUE, imageHash: (await world.registry.getImages())[0].imageHash });
  const ended = sumFees((await world.key.sendRecheck(world.stranger.getSender(), { value: VALUE })).transactions);
  world.later(DAY);
  const posted = await world.post();
  const named: [string, TransactionFees][] = [
    ['attest-first-key', first], ['attest-key', again], ['recheck-key', recheck], ['recheck-ends-key', ended],
    ...['tcb-info', 'qe-identity', 'root-crl', 'pck-crl'].map((part, i): [string, TransactionFees] => [`post-${part}-simulated`, sumFees(posted[i].transactions)]),
  ];
  return named.map(([operation, fees]) => row(operation, fees));
}

/** The second registration: the first one also announces the provider. */
async function registrationOf(): Promise<Transaction[]> {
  const world = await AttestWorld.create();
  await world.attest();
  return (await world.attest()).transactions;
}

async function chainGas(): Promise<number> {
  const quote = parseQuote(readFileSync(`${FIXTURES}/quotes/${QUOTE}`));
  const verdict = await (await SandboxChecker.create()).verify(quoteCell(quote, INTEL_ROOT), QUOTE_TIME);
  if (!verdict.accepted) throw new Error(`the quote was refused with exit code ${verdict.exitCode}`);
  return verdict.gas;
}

async function postingGas(): Promise<number[]> {
  const gas: number[] = [];
  for (const file of readdirSync(`${FIXTURES}/collateral`).filter((name) => name !== 'manifest.json')) {
    const collateral = parseCollateral(JSON.parse(readFileSync(`${FIXTURES}/collateral/${file}`, 'utf8')));
    const { fmspc, isProcessorCa, validUntil } = summaryOf(collateral);
    const chain = await createSandbox();
    chain.now = validUntil - DAY;
    const poster = await chain.treasury('poster');
    const account = await Collateral.fromScope({ registry: poster.address, root: INTEL_ROOT, fmspc: BigInt(`0x${fmspc}`), isProcessorCa });
    const cells = collateralCells(collateral, INTEL_ROOT);
    for (const pack of Object.values(COLLATERAL_POSTS)) {
      const { transactions } = await poster.send({ to: account.address, init: account.init, value: toNano('2'), body: pack(cells) });
      gas.push(Number(sumFees(transactions.slice(1, 2)).gas));
    }
  }
  return gas;
}
