/** The TCB status of platforms: cases of Intel's rules, and random ones against the client's own code. */
import fc from 'fast-check';
import { beginCell } from '@ton/core';
import { storePlatformFacts } from '../../build/Suite/Suite_Collateral';
import { simulatedKey } from '../../attest/simulated/certificates';
import { convergedStatus, enclaveStatus, moduleStatus, platformStatus, qeIdentitySchema, type Status, tcbInfoSchema } from '../../attest/checks/tcb';
import { SIMULATED_SIGNER_SERIAL, simulatedCollateral, type SimulatedCollateral } from '../../attest/simulated/collateral';
import { bytesOf, numberOf, sha256 } from '../../attest/p256';
import { COLLATERAL_POSTS, type CollateralAnswer, packPostQeIdentity, packPostTcbInfo, TCB_STATUS } from '../../wrappers';
import { AttestWorld, DAY, NOW } from '../attest/attestWorld';

interface Platform { sgx: number[]; tdx: number[]; pceSvn: number; pceId?: number; qeSvn?: number; qeAttributes?: bigint; qeMisc?: number; serial?: bigint; ca?: string }
const FIT: Platform = { sgx: Array.from({ length: 16 }, () => 9), tdx: [7, 1, 3, ...Array.from({ length: 13 }, () => 0)], pceSvn: 13, qeSvn: 6 };
const SERIAL = 0x69aan;
const withLength = (serial: bigint): bigint => (BigInt(Math.ceil(serial.toString(16).length / 2) + (Number(`0x${serial.toString(16).padStart(2, '0').slice(0, 2)}`) > 127 ? 1 : 0)) << 168n) | serial;

let world: AttestWorld;
beforeEach(async () => {
  world = await AttestWorld.create();
});

const keyHash = (name: string) => {
  const { x, y } = simulatedKey(name).key;
  return numberOf(sha256(Buffer.concat([bytesOf(x), bytesOf(y)])));
};
const factsOf = (platform: Platform) => beginCell().store(storePlatformFacts({
  $$type: 'PlatformFacts', components: platform.sgx.reduce((lanes, svn) => (lanes << 16n) | BigInt(svn), 0n), pceSvn: BigInt(platform.pceSvn),
  pceId: BigInt(platform.pceId ?? 0), teeTcbSvn: platform.tdx.reduce((bytes, svn) => (bytes << 8n) | BigInt(svn), 0n),
  qeSvn: BigInt(platform.qeSvn ?? 6), qeMiscSelect: BigInt(platform.qeMisc ?? 0), qeAttributes: platform.qeAttributes ?? 0x11n << 120n,
  serial: withLength(platform.serial ?? SERIAL), caKeyHash: keyHash(platform.ca ?? 'platform CA'),
})).endCell();
const judge = (platform: Partial<Platform>): Promise<CollateralAnswer> => world.collateral.getJudged(factsOf({ ...FIT, ...platform }));
const shown = ({ reason, tcbStatus }: CollateralAnswer): string => (reason === 'fine' ? tcbStatus : reason);
const post = async (options: Partial<SimulatedCollateral>) => {
  const cells = world.collateralCells({ issuedAt: world.chain.now! - 1, ...options });
  for (const pack of Object.values(COLLATERAL_POSTS)) await world.postPart(pack(cells));
};

describe('a platform', () => {
  it('has the status of the first level that it reaches in every component', async () => {
    await post({ levels: [
      { sgx: [5, 5], tdx: [0, 0, 3], pceSvn: 13, status: 'UpToDate' }, { sgx: [5, 4], tdx: [0, 0, 3], pceSvn: 11, status: 'SWHardeningNeeded' },
      { sgx: [1], status: 'OutOfDate' }, { status: 'Revoked' },
    ] });
    const sgx = (...first: number[]) => [...first, ...Array.from({ length: 16 - first.length }, () => 0)];
    expect(shown(await judge({ sgx: sgx(5, 5) }))).toBe('UpToDate');
    expect(shown(await judge({ sgx: sgx(255, 5) }))).toBe('UpToDate');
    expect(shown(await judge({ sgx: sgx(5, 4) }))).toBe('SWHardeningNeeded');
    expect(shown(await judge({ sgx: sgx(5, 5), pceSvn: 12 }))).toBe('SWHardeningNeeded');
    expect(shown(await judge({ sgx: sgx(5, 5), tdx: [7, 1, 2, ...Array.from({ length: 13 }, () => 0)] }))).toBe('OutOfDate');
    expect(shown(await judge({ sgx: sgx(0, 255) }))).toBe('Revoked');
  });

  it('that reaches no level, has another PCE or another CA\'s certificate has none', async () => {
    await post({ levels: [{ sgx: Array.from({ length: 16 }, () => 9) }] });
    expect(shown(await judge({}))).toBe('UpToDate');
    for (let i = 0; i < 16; i++) expect(shown(await judge({ sgx: FIT.sgx.map((svn, j) => (i === j ? 8 : svn)) }))).toBe('no-level');
    expect(shown(await judge({ pceId: 1 }))).toBe('other-pce');
    expect(shown(await judge({ ca: 'root' }))).toBe('other-ca');
  });

  it('is judged by its TDX module\'s identity instead of the first two components where the module has a version', async () => {
    await post({ levels: [{ tdx: [9, 9, 3] }], modules: [{ version: 1, levels: [{ isvSvn: 5, status: 'UpToDate' }, { isvSvn: 3, status: 'OutOfDate' }, { isvSvn: 2, status: 'Revoked' }] }] });
    const tdx = (...first: number[]) => [...first, ...Array.from({ length: 16 - first.length }, () => 0)];
    expect(shown(await judge({ tdx: tdx(5, 1, 3) }))).toBe('UpToDate');
    expect(shown(await judge({ tdx: tdx(4, 1, 3) }))).toBe('OutOfDate');
    expect(shown(await judge({ tdx: tdx(2, 1, 3) }))).toBe('Revoked');
    expect(shown(await judge({ tdx: tdx(1, 1, 3) }))).toBe('no-level');
    expect(shown(await judge({ tdx: tdx(9, 2, 3) }))).toBe('no-level'); // no identity of version 2
    expect(shown(await judge({ tdx: tdx(9, 0, 3) }))).toBe('no-level'); // version 0: component 1 is below 9
  });

  it.each([
    ['UpToDate', 'OutOfDate'], ['SWHardeningNeeded', 'OutOfDate'], ['ConfigurationNeeded', 'OutOfDateConfigurationNeeded'],
    ['ConfigurationAndSWHardeningNeeded', 'OutOfDateConfigurationNeeded'], ['OutOfDate', 'OutOfDate'],
    ['OutOfDateConfigurationNeeded', 'OutOfDateConfigurationNeeded'], ['Revoked', 'Revoked'],
  ])('%s with an outdated module or quoting enclave is %s', async (status, expected) => {
    const outdated = [{ isvSvn: 1, status: 'OutOfDate' }];
    await post({ levels: [{ status }], modules: [{ version: 1, levels: outdated }] });
    expect(shown(await judge({}))).toBe(expected);
    world.later(DAY);
    await post({ levels: [{ status }], qe: { levels: outdated } });
    expect(shown(await judge({}))).toBe(expected);
    world.later(DAY);
    await post({ levels: [{ status }] });
    expect(shown(await judge({}))).toBe(status);
  });

  it('of a quoting enclave below every level, with other attributes or MISCSELECT has none; masked bits do not matter', async () => {
    await post({ qe: { levels: [{ isvSvn: 5, status: 'UpToDate' }, { isvSvn: 3, status: 'Revoked' }] } });
    expect(shown(await judge({ qeSvn: 5 }))).toBe('UpToDate');
    expect(shown(await judge({ qeSvn: 4 }))).toBe('Revoked');
    expect(shown(await judge({ qeSvn: 2 }))).toBe('no-level');
    expect(shown(await judge({ qeMisc: 1 }))).toBe('no-level');
    expect(shown(await judge({ qeAttributes: (0x11n << 120n) | 1n }))).toBe('UpToDate'); // XFRM is masked
    expect(shown(await judge({ qeAttributes: 0x15n << 120n }))).toBe('UpToDate'); // so is the bit of mode 64
    expect(shown(await judge({ qeAttributes: 0x13n << 120n }))).toBe('no-level'); // DEBUG
  });

  it('of a revoked certificate, CA or signer of collateral has none', async () => {
    await post({ revokedByCa: [0x1234n, SERIAL, 0xffn] });
    expect(shown(await judge({}))).toBe('certificate-revoked');
    expect(shown(await judge({ serial: 0x1235n }))).toBe('UpToDate');
    expect(shown(await judge({ serial: 0xffn }))).toBe('certificate-revoked');
    // What a revoked signer said is as good as expired: nothing that it says can end a key.
    for (const [serial, expected] of [[0xca02n, 'certificate-revoked'], [SIMULATED_SIGNER_SERIAL, 'collateral-expired']] as const) {
      world.later(DAY);
      await post({ revokedByRoot: [serial] });
      expect(shown(await judge({ serial: 0x1235n }))).toBe(expected);
    }
    world.later(DAY);
    await post({ revokedByRoot: [0x69aan] }); // the root's list is not about platforms
    expect(shown(await judge({}))).toBe('UpToDate');
  });

  it('has none past the next update of any part, and none before every part is there', async () => {
    const end = (await judge({})).validUntil;
    expect(end).toBe(NOW - DAY + 30 * DAY);
    world.chain.now = end - 1;
    expect(shown(await judge({}))).toBe('UpToDate');
    world.chain.now = end;
    expect(shown(await judge({}))).toBe('collateral-expired');
    const parts = Object.values(COLLATERAL_POSTS);
    for (const left of parts) { // all but one renewed
      const renewed = await AttestWorld.create();
      renewed.chain.now = end;
      const cells = renewed.collateralCells({ issuedAt: end - 10 });
      for (const pack of parts) if (pack !== left) await renewed.postPart(pack(cells));
      expect((await renewed.collateral.getJudged(factsOf(FIT))).reason).toBe('collateral-expired');
      await renewed.postPart(left(cells));
      expect((await renewed.collateral.getJudged(factsOf(FIT))).tcbStatus).toBe('UpToDate');
    }
  });

  it('of random levels has the status that the client\'s own code finds', async () => {
    const svns = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 16, maxLength: 16 });
    const level = fc.record({ sgx: svns, tdx: svns, pceSvn: fc.integer({ min: 9, max: 12 }), status: fc.constantFrom(...TCB_STATUS.slice(1)) });
    const partStatus = fc.oneof({ weight: 5, arbitrary: fc.constant('UpToDate') }, { weight: 2, arbitrary: fc.constant('OutOfDate') }, { weight: 1, arbitrary: fc.constant('Revoked') });
    const partLevels = fc.array(fc.record({ isvSvn: fc.integer({ min: 0, max: 5 }), status: partStatus }), { minLength: 1, maxLength: 3 });
    const modules = fc.array(fc.record({ version: fc.constantFrom(1, 2, 3), levels: partLevels }), { maxLength: 3 });
    const platform = fc.record({
      sgx: fc.array(fc.integer({ min: 2, max: 255 }), { minLength: 16, maxLength: 16 }), tdx: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 16, maxLength: 16 }),
      version: fc.constantFrom(0, 1, 2, 3), pceSvn: fc.integer({ min: 9, max: 12 }), qeSvn: fc.integer({ min: 1, max: 6 }),
    });
    const seen = new Set<string>();
    await fc.assert(fc.asyncProperty(
      fc.array(level, { minLength: 1, maxLength: 4 }), modules, partLevels, fc.array(platform, { minLength: 12, maxLength: 12 }),
      async (levels, known, enclave, platforms) => {
        const fresh = await AttestWorld.create();
        const options = { issuedAt: NOW - 1, levels: [...levels, { sgx: [3], status: 'UpToDate' }], modules: [...known, { version: 1, levels: [{ isvSvn: 0, status: 'UpToDate' }] }], qe: { levels: enclave } };
        const documents = simulatedCollateral(options);
        const cells = fresh.collateralCells(options);
        for (const pack of [packPostTcbInfo, packPostQeIdentity]) await fresh.postPart(pack(cells));
        const info = tcbInfoSchema.parse(JSON.parse(documents.tcbInfo.text));
        const identity = qeIdentitySchema.parse(JSON.parse(documents.qeIdentity.text));
        for (const { version, ...of } of platforms) {
          const tdx = of.tdx.map((svn, i) => (i === 1 ? version : svn));
          const module = { teeTcbSvn: Buffer.from(tdx), mrSignerSeam: Buffer.alloc(48), seamAttributes: Buffer.alloc(8) };
          const qe = {
            miscSelect: Buffer.alloc(4), attributes: Buffer.from(`11${'0'.repeat(30)}`, 'hex'), mrSigner: identity.mrsigner, productId: 2, svn: of.qeSvn,
          };
          const parts = [platformStatus(info, { fmspc: '', pceId: '', components: of.sgx, pceSvn: of.pceSvn }, module), moduleStatus(info, module), enclaveStatus(identity, qe)];
          const [whole, ...others] = parts as Status[];
          const expected = parts.includes(undefined) ? 'no-level' : convergedStatus(whole, ...others);
          seen.add(expected);
          expect(shown(await fresh.collateral.getJudged(factsOf({ ...FIT, ...of, tdx })))).toBe(expected);
        }
      },
    ), { numRuns: Number(process.env.COCOON_PROPERTY_RUNS ?? 8), seed: 51 });
    expect(seen.size).toBeGreaterThanOrEqual(5);
  });
});
