import { X509Certificate } from 'node:crypto';
import { quoteCell } from '../../attest/cells';
import { parseQuote } from '../../attest/quote';
import { SIMULATED_FMSPC, SIMULATED_ROOT, simulatedChain, simulatedQuote, type SimulatedQuote } from '../../attest/simulated/quote';
import { SandboxChecker, type Verdict } from '../../cli/attest/sandboxChecker';
import { toNano } from '@ton/core';
import { INTEL_ROOT, QUOTE_ERRORS, QuoteChecker } from '../../wrappers';
import { createSandbox } from '../support/sandbox';

const NOW = 1_780_000_000;
const DAY = 86_400;

describe('simulated quotes, which real ones cannot replace in showing what is refused', () => {
  let checker: SandboxChecker;
  beforeAll(async () => {
    checker = await SandboxChecker.create(SIMULATED_ROOT);
  });
  const verify = (options: SimulatedQuote = {}, now = NOW): Promise<Verdict> =>
    checker.verify(quoteCell(parseQuote(simulatedQuote(options)), SIMULATED_ROOT), now);
  const refused = (exitCode: number) => ({ accepted: false, exitCode });

  it.each([[4, 2], [5, 2], [5, 3]] as const)('of version %d, body type %d are accepted under the simulated root', async (version, bodyType) => {
    const reportData = Buffer.from(Array.from({ length: 64 }, (_, i) => i));
    const verdict = await verify({ version, bodyType, body: { reportData } });
    if (!verdict.accepted) throw new Error(`exit code ${verdict.exitCode}`);
    const { facts } = verdict;
    expect(facts.reportData).toBe(BigInt(`0x${reportData.subarray(0, 32).toString('hex')}`));
    expect(facts.platform).toMatchObject({ fmspc: BigInt(`0x${SIMULATED_FMSPC.toString('hex')}`), pceSvn: 13n });
    expect(facts.platform.components & 255n).toBe(200n);
    expect(facts.hasServiceTd).toBe(false);
  });

  it('prove nothing under Intel\'s root', async () => {
    expect(() => quoteCell(parseQuote(simulatedQuote()), INTEL_ROOT)).toThrow(/not valid/);
    const intel = await SandboxChecker.create(INTEL_ROOT);
    const cell = quoteCell(parseQuote(simulatedQuote()), SIMULATED_ROOT);
    expect(await intel.verify(cell, NOW)).toEqual(refused(QUOTE_ERRORS.p256Point));
  });

  it('are named simulated by the getter of whoever checks them, and by no checker of Intel\'s', async () => {
    const chain = await createSandbox();
    chain.now = NOW;
    const deployer = await chain.treasury('deployer');
    for (const [root, expected] of [[SIMULATED_ROOT, true], [INTEL_ROOT, false]] as const) {
      const { address, init } = await QuoteChecker.fromRoot(root);
      await deployer.send({ to: address, value: toNano('0.1'), init });
      const opened = chain.openContract(await QuoteChecker.fromRoot(root));
      expect(await opened.getIsSimulated()).toBe(expected);
      const facts = opened.getFacts(quoteCell(parseQuote(simulatedQuote()), SIMULATED_ROOT), NOW);
      if (expected) expect((await facts).version).toBe(4n);
      else await expect(facts).rejects.toMatchObject({ exitCode: QUOTE_ERRORS.p256Point });
    }
  });

  it('have certificates that an independent library reads and verifies', () => {
    const [pck, ca, root] = simulatedChain({}).map((der) => new X509Certificate(der));
    expect(pck.verify(ca.publicKey) && ca.verify(root.publicKey) && root.verify(root.publicKey)).toBe(true);
    expect([ca.ca, pck.ca]).toEqual([true, false]);
    expect(root.subject).toMatch(/SIMULATED/);
    expect(pck.subject).toMatch(/SIMULATED/);
  });

  const attributes = (hex: string): SimulatedQuote => ({ body: { tdAttributes: Buffer.from(hex, 'hex') } });
  const at = (offset: number, value: number): SimulatedQuote => ({ change: (signed) => void (signed[offset] = value) });
  const qeAt = (offset: number, value: number): SimulatedQuote => ({ changeQe: (report) => void (report[offset] = value) });
  const { debug, tdAttributes, seam, notATdxQuote, qeIdentity, keyBinding, issuer, certificate, extension } = QUOTE_ERRORS;
  const cases: [string, SimulatedQuote, number][] = [
    ['a TD that can be debugged', attributes('0100001000000000'), debug],
    ['a reserved bit beside DEBUG', attributes('0200001000000000'), tdAttributes],
    ['a reserved bit of SEC', attributes('0000011000000000'), tdAttributes],
    ['a reserved bit of OTHER', attributes('0000001001000000'), tdAttributes],
    ['no SEPT_VE_DISABLE', attributes('0000004000000000'), tdAttributes],
    ['another signer of the TDX module', { body: { mrSignerSeam: Buffer.alloc(48, 1) } }, seam],
    ['one bit at the end of MRSIGNERSEAM', { body: { mrSignerSeam: Buffer.concat([Buffer.alloc(47), Buffer.from([1])]) } }, seam],
    ['SEAM attributes', { body: { seamAttributes: Buffer.from('0100000000000000', 'hex') } }, seam],
    ['another vendor of the quoting enclave', at(12, 0), notATdxQuote],
    ['another QE signer', qeAt(128, 0), qeIdentity],
    ['another QE product', qeAt(256, 1), qeIdentity],
    ['a QE report about another key', qeAt(320, 0), keyBinding],
    ['bytes behind the hash in the QE report', qeAt(352, 1), keyBinding],
    ['an intermediate of another name', { intermediate: { name: 'Intel SGX PCK Plattform CA' } }, issuer],
    ['Intel\'s signer of collateral as intermediate', { intermediate: { name: 'Intel SGX TCB Signing' } }, issuer],
    ['an intermediate that is no CA', { intermediate: { isCa: false } }, certificate],
    ['an intermediate with CAs below it', { intermediate: { pathLength: 1n } }, certificate],
  ];
  it.each(cases)('with %s are refused', async (_, options, code) => expect(await verify(options)).toEqual(refused(code)));

  it('take what the policy allows: PKS, key locker, PERFMON', async () => {
    for (const allowed of ['0000005000000000', '0000009000000000', '0000001000000080']) {
      expect((await verify(attributes(allowed))).accepted).toBe(true);
    }
  });

  it('of a processor CA are accepted, and a service TD is shown', async () => {
    expect((await verify({ intermediate: { name: 'Intel SGX PCK Processor CA' } })).accepted).toBe(true);
    const verdict = await verify({ version: 5, bodyType: 3, body: { mrServiceTd: Buffer.concat([Buffer.alloc(47), Buffer.from([1])]) } });
    expect(verdict.accepted && verdict.facts.hasServiceTd).toBe(true);
  });

  it('hold to the second: from the first of the validity of both certificates to the last', async () => {
    const issuedAt = 1_751_328_000; // 2025-07-01
    const last = issuedAt + 7 * 365 * DAY;
    expect(await verify({ issuedAt }, issuedAt - 1)).toEqual(refused(QUOTE_ERRORS.notYetValid));
    for (const now of [issuedAt, last]) expect((await verify({ issuedAt }, now)).accepted).toBe(true);
    expect(await verify({ issuedAt }, last + 1)).toEqual(refused(QUOTE_ERRORS.noLongerValid));
    const short = { issuedAt, intermediate: { yearsValid: 1 } };
    expect((await verify(short, issuedAt + 365 * DAY)).accepted).toBe(true);
    expect(await verify(short, issuedAt + 365 * DAY + 1)).toEqual(refused(QUOTE_ERRORS.noLongerValid));
  });

  it('are dated as calendars say, over leap years and century', async () => {
    for (const day of ['2024-02-29', '2027-03-01', '2028-12-31', '2030-01-01']) {
      const issuedAt = Date.parse(`${day}T23:59:59Z`) / 1000;
      expect((await verify({ issuedAt }, issuedAt)).accepted).toBe(true);
      expect(await verify({ issuedAt }, issuedAt - 1)).toEqual(refused(QUOTE_ERRORS.notYetValid));
    }
  });

  it('with an SGX extension out of range or order are refused', async () => {
    expect((await verify({ platform: { components: Array.from({ length: 16 }, () => 255), pceSvn: 65535 } })).accepted).toBe(true);
    expect(await verify({ platform: { components: [256, ...Array.from({ length: 15 }, () => 0)] } })).toEqual(refused(extension));
    expect(await verify({ platform: { pceSvn: 65536 } })).toEqual(refused(extension));
  });
});
