/** The client's own checks agree with the contracts: on real quotes and collateral, on simulated ones, and on changed ones. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { quoteCell } from '../../attest/cells';
import { CHECK_NAMES, type Check, type CheckName, checkQuote, type Expectations } from '../../attest/checks';
import { parseCollateral, type CollateralDocuments } from '../../attest/collateral';
import { type CollateralCells, collateralCells } from '../../attest/collateralCells';
import { AttestationError } from '../../attest/errors';
import { parseQuote } from '../../attest/quote';
import { caName, simulatedKey } from '../../attest/simulated/certificates';
import { revocationList, SIMULATED_SIGNER_SERIAL, simulatedCollateral, type SimulatedCollateral } from '../../attest/simulated/collateral';
import { SIMULATED_ROOT, simulatedQuote, type SimulatedQuote } from '../../attest/simulated/quote';
import { SandboxChecker } from '../../cli/attest/sandboxChecker';
import { INTEL_ROOT } from '../../wrappers';

const NOW = 1_780_000_000;
const DAY = 86_400;
const FOLDER = join(__dirname, 'quotes');
const noon = (date: string): number => Date.parse(`${date}T12:00:00Z`) / 1000;
const listed = (JSON.parse(readFileSync(join(FOLDER, 'manifest.json'), 'utf8')) as { file: string; fmspc: string; pck: [string, string]; chainOk: boolean }[])
  .filter(({ file, chainOk }) => file.startsWith('tdx') && chainOk);
const bytesOf = (file: string): Buffer => readFileSync(join(FOLDER, file));

let intel: SandboxChecker;
let simulated: SandboxChecker;
beforeAll(async () => {
  [intel, simulated] = await Promise.all([SandboxChecker.create(INTEL_ROOT), SandboxChecker.create(SIMULATED_ROOT)]);
});

/** What the contracts make of a quote: whether they take it, and how a registration with the usual policy judges its platform. */
async function contractSays(bytes: Uint8Array, { root, now, collateral }: Expectations): Promise<{ accepted: boolean; why: string }> {
  const checker = root.x === INTEL_ROOT.x ? intel : simulated;
  try {
    const verdict = await checker.verify(quoteCell(parseQuote(bytes), root), now);
    if (!verdict.accepted) return { accepted: false, why: `exit ${verdict.exitCode}` };
    if (verdict.facts.hasServiceTd && collateral) return { accepted: false, why: 'service TD' };
    if (!collateral) return { accepted: true, why: '' };
    const answer = await checker.judge(cellsOf(collateral, root), verdict.facts, now);
    if ('refused' in answer) return { accepted: false, why: `${answer.refused} ${answer.exitCode}` };
    const why = answer.reason === 'fine' ? answer.tcbStatus : answer.reason;
    return { accepted: why === 'UpToDate', why };
  } catch (error) {
    if (error instanceof AttestationError) return { accepted: false, why: error.code };
    throw error;
  }
}

const made = new WeakMap<CollateralDocuments, CollateralCells>();
function cellsOf(collateral: CollateralDocuments, root: Expectations['root']): CollateralCells {
  const cells = made.get(collateral) ?? collateralCells(collateral, root);
  made.set(collateral, cells);
  return cells;
}

const refutedIn = (checks: Check[]): CheckName[] => checks.filter(({ result }) => result === 'refuted').map(({ name }) => name);

/** Which checks the client refutes, once the contracts agree that there are none, or that there are some. */
async function agreed(bytes: Uint8Array, expected: Expectations): Promise<CheckName[]> {
  const checks = await checkQuote(parseQuote(bytes), expected);
  expect(checks.map(({ name }) => name)).toEqual(CHECK_NAMES);
  const refuted = refutedIn(checks).filter((name) => expected.collateral || name !== 'service-td');
  const contract = await contractSays(bytes, expected);
  expect({ refuted, contract: contract.why, accepted: refuted.length === 0 }).toEqual({ refuted, contract: contract.why, accepted: contract.accepted });
  const unasked = ['report-data', 'image', ...(expected.collateral ? ['evaluation'] : CHECK_NAMES.slice(13))];
  const open = checks.filter(({ result }) => result === 'unknown').map(({ name }) => name);
  if (refuted.length === 0) expect(open).toEqual(unasked);
  return refuted;
}

describe('the client\'s checks of a quote', () => {
  it.each(listed)('agree with the contract on $file, now, before and after its certificate', async ({ file, pck: [from, until] }) => {
    const bytes = bytesOf(file);
    const tdAttributes = parseQuote(bytes).body.tdAttributes.toString('hex');
    const inTime = await agreed(bytes, { root: INTEL_ROOT, now: noon(from) + DAY });
    expect(inTime).toEqual(tdAttributes === '0000000000000000' ? ['td-attributes'] : []);
    expect(await agreed(bytes, { root: INTEL_ROOT, now: noon(from) - DAY })).toContain('pck-certificate');
    expect(await agreed(bytes, { root: INTEL_ROOT, now: noon(until) + DAY })).toContain('pck-certificate');
    expect(await agreed(bytes, { root: SIMULATED_ROOT, now: noon(from) + DAY })).toContain('ca-certificate');
  });

  it.each<[string, string]>([
    ['phala_tdx_quote_collateral', '2025-07-01'], ['phala_near_quote_collateral', '2025-09-15'], ['automata_90c06f000000', '2025-06-25'],
  ])('agree with it under Intel\'s collateral %s of %s', async (file, date) => {
    const collateral = parseCollateral(JSON.parse(readFileSync(join(__dirname, 'collateral', `${file}.json`), 'utf8')));
    const fmspc = (JSON.parse(collateral.tcbInfo.text) as { fmspc: string }).fmspc.toLowerCase();
    const own = listed.filter((quote) => quote.fmspc === fmspc);
    expect(own.length).toBeGreaterThan(1);
    const now = noon(date);
    for (const quote of own) {
      const refuted = await agreed(bytesOf(quote.file), { root: INTEL_ROOT, now, collateral });
      if (noon(quote.pck[0]) > now) expect(refuted).toContain('pck-certificate');
    }
    expect(await agreed(bytesOf(own[0].file), { root: INTEL_ROOT, now: now + 40 * DAY, collateral })).toContain('tcb-info');
    const other = listed.find((quote) => quote.fmspc !== fmspc && noon(quote.pck[0]) < noon(date))!;
    const checks = await checkQuote(parseQuote(bytesOf(other.file)), { root: INTEL_ROOT, now: noon(date), collateral });
    expect(refutedIn(checks)).toContain('platform');
  });

  const body = (of: SimulatedQuote['body']): SimulatedQuote => ({ body: of });
  const signedAt = (offset: number, value: number): SimulatedQuote => ({ change: (signed) => void (signed[offset] = value) });
  const reportAt = (offset: number, value: number): SimulatedQuote => ({ changeQe: (report) => void (report[offset] = value) });
  const attributes = (hex: string) => body({ tdAttributes: Buffer.from(hex, 'hex') });
  it.each<[string, SimulatedQuote, CheckName[]]>([
    ['nothing', {}, []], ['a TD 1.0 in version 5', { version: 5, bodyType: 2 }, []], ['a TD 1.5', { version: 5, bodyType: 3 }, []],
    ['DEBUG', attributes('0100001000000000'), ['debug']], ['a reserved bit', attributes('0200001000000000'), ['td-attributes']],
    ['DEBUG alone', attributes('0100000000000000'), ['debug', 'td-attributes']], ['MIGRATABLE', attributes('0000003000000000'), ['td-attributes']],
    ['PKS, KL and PERFMON', attributes('000000d000000080'), []], ['another module', body({ mrSignerSeam: Buffer.alloc(48, 1) }), ['tdx-module']],
    ['SEAM attributes', body({ seamAttributes: Buffer.from('0000000000000001', 'hex') }), ['tdx-module']], ['another vendor', signedAt(12, 0), ['header']],
    ['another QE signer', reportAt(159, 0), ['quoting-enclave']], ['another QE product', reportAt(257, 1), ['quoting-enclave']],
    ['another key in the QE report', reportAt(351, 0), ['key-binding']], ['bytes behind it', reportAt(383, 1), ['key-binding']],
    ['a processor CA', { intermediate: { name: 'Intel SGX PCK Processor CA' } }, []],
    ['another CA', { intermediate: { name: 'Intel SGX PCK Plattform CA' } }, ['pck-certificate', 'ca-certificate']],
    ['an intermediate that is no CA', { intermediate: { isCa: false } }, ['ca-certificate']],
    ['an intermediate with CAs below it', { intermediate: { pathLength: 1n } }, ['ca-certificate']],
    ['a component beyond a byte', { platform: { components: [256, ...Array.from({ length: 15 }, () => 0)] } }, ['pck-certificate']],
    ['a PCESVN beyond 16 bits', { platform: { pceSvn: 65536 } }, ['pck-certificate']],
  ])('agree on a simulated quote with %s', async (_, options, expected) => {
    expect(await agreed(simulatedQuote(options), { root: SIMULATED_ROOT, now: NOW })).toEqual(expected);
  });

  it('agree to the second on the validity of certificates', async () => {
    const issuedAt = 1_751_328_000;
    const at = (now: number, options: SimulatedQuote = {}) => agreed(simulatedQuote({ issuedAt, ...options }), { root: SIMULATED_ROOT, now });
    for (const [now, expected] of [[issuedAt - 1, ['pck-certificate', 'ca-certificate']], [issuedAt, []], [issuedAt + 7 * 365 * DAY, []], [issuedAt + 7 * 365 * DAY + 1, ['pck-certificate']]] as const) {
      expect(await at(now)).toEqual(expected);
    }
    expect(await at(issuedAt + 365 * DAY + 1, { intermediate: { yearsValid: 1 } })).toEqual(['ca-certificate']);
  });

  it.each<[string, (quote: ReturnType<typeof parseQuote>) => Buffer, CheckName[]]>([
    ['MRTD', ({ body: { mrTd } }) => mrTd, ['quote-signature']], ['the signature of the quote', ({ signature }) => signature, ['quote-signature']],
    ['the attestation key', ({ attestationKey }) => attestationKey, ['quote-signature', 'key-binding']], ['the auth data', ({ qeAuthData }) => qeAuthData, ['key-binding']],
    ['CPUSVN of the QE report', ({ qeReport }) => qeReport, ['qe-signature']], ['the signature of the QE report', ({ qeSignature }) => qeSignature, ['qe-signature']],
  ])('name what is wrong when a byte of %s is changed in a real quote', async (_, partOf, expected) => {
    const raw = bytesOf('tdx_v4_0c699dd4533f.bin');
    const bytes = Buffer.from(raw);
    bytes[raw.indexOf(partOf(parseQuote(raw))) + 5] ^= 4;
    expect(await agreed(bytes, { root: INTEL_ROOT, now: NOW })).toEqual(expected);
  });

  it('of any byte that is changed in a real quote agree: nothing else is taken than what was signed', async () => {
    const [file, raw] = ['tdx_v5_d0010db6f7b8.bin', bytesOf('tdx_v5_d0010db6f7b8.bin')];
    const now = noon(listed.find((quote) => quote.file === file)!.pck[0]) + DAY;
    const rootAt = raw.lastIndexOf('-----BEGIN CERTIFICATE-----'); // the root that a quote brings along is not looked at
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: rootAt - 1 }), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const bytes = Buffer.from(raw);
      bytes[at] ^= change;
      const { accepted } = await contractSays(bytes, { root: INTEL_ROOT, now });
      if (parsed(bytes) === null) {
        expect([at, accepted]).toEqual([at, false]);
        return;
      }
      const refuted = refutedIn(await checkQuote(parseQuote(bytes), { root: INTEL_ROOT, now }));
      if (refuted.length === 0) expect([at, accepted]).toEqual([at, true]);
      // White space of PEM, or what is around the signed part of a certificate: a contract does not see it.
      if (accepted) expect(quoteCell(parseQuote(bytes), INTEL_ROOT).equals(quoteCell(parseQuote(raw), INTEL_ROOT))).toBe(true);
    }), { numRuns: Number(process.env.COCOON_PROPERTY_RUNS ?? 40), seed: 5 });
  });
});

describe('the client\'s checks under collateral', () => {
  const root = SIMULATED_ROOT;
  const check = (options: Partial<SimulatedCollateral> = {}, quote: SimulatedQuote = {}, now = NOW) =>
    agreed(simulatedQuote(quote), { root, now, collateral: simulatedCollateral({ issuedAt: NOW - DAY, ...options }) });
  const outdated = [{ isvSvn: 1, status: 'OutOfDate' }];

  it.each<[string, Partial<SimulatedCollateral>, SimulatedQuote, CheckName[]]>([
    ['nothing', {}, {}, []], ['a platform below every level', { levels: [{ pceSvn: 14 }] }, {}, ['tcb-status']],
    ['a platform that is out of date', { levels: [{ pceSvn: 14 }, { status: 'OutOfDate' }] }, {}, ['tcb-status']],
    ['an outdated module', { modules: [{ version: 1, levels: outdated }] }, {}, ['tcb-status']],
    ['a module that nobody knows', { modules: [{ version: 2, levels: outdated }] }, {}, ['tcb-status']],
    ['an outdated quoting enclave', { qe: { levels: outdated } }, {}, ['tcb-status']], ['another MISCSELECT', { qe: { miscSelect: '00000001' } }, {}, ['tcb-status']],
    ['other attributes of the enclave', { qe: { attributes: `13${'0'.repeat(30)}` } }, {}, ['tcb-status']],
    ['a revoked certificate', { revokedByCa: [1n, 0x69aan] }, {}, ['revocation']], ['a revoked CA', { revokedByRoot: [0xca02n] }, {}, ['revocation']],
    ['a revoked signer', { revokedByRoot: [SIMULATED_SIGNER_SERIAL] }, {}, ['revocation']], ['a serial number on the other list', { revokedByRoot: [0x69aan] }, {}, []],
    ['another PCE', { pceId: '0001' }, {}, ['platform']], ['another signer', { signer: { name: 'Intel SGX TCB Singing' } }, {}, ['tcb-info', 'qe-identity']],
    ['a signer that is a CA', { signer: { isCa: true } }, {}, ['tcb-info', 'qe-identity']], ['a signer past its end', { signer: { notAfter: NOW - 1 } }, {}, ['tcb-info', 'qe-identity']],
    ['a list of another CA', { intermediate: { name: 'Intel SGX PCK Plattform CA' } }, {}, ['pck-crl']],
    ['a changed number of version', { change: (text) => text.replace('"version":3', '"version":2') }, {}, ['tcb-info']],
    ['the identity of another enclave', { changeQe: (text) => text.replace('TD_QE', 'QE') }, {}, ['qe-identity']],
    ['a status that modules do not have', { modules: [{ version: 1, levels: [{ isvSvn: 2, status: 'SWHardeningNeeded' }] }] }, {}, ['tcb-info']],
    ['a status that enclaves do not have', { qe: { levels: [{ isvSvn: 2, status: 'ConfigurationNeeded' }] } }, {}, ['qe-identity']],
    ['a service TD', {}, { version: 5, bodyType: 3, body: { mrServiceTd: Buffer.alloc(48, 1) } }, ['service-td']],
  ])('agree with the contract on %s', async (_, options, quote, expected) => {
    expect(await check(options, quote)).toEqual(expected);
  });

  it('agree to the second on when it begins and ends', async () => {
    const month = 30 * DAY;
    for (const [now, isIn] of [[NOW - DAY - 1, false], [NOW - DAY, true], [NOW - DAY + month - 1, true], [NOW - DAY + month, false]] as const) {
      expect(await check({}, {}, now)).toEqual(isIn ? [] : ['tcb-info', 'qe-identity', 'root-crl', 'pck-crl']);
    }
  });

  it('of any byte that is changed in it agree: nothing else is taken than what Intel signed', async () => {
    const whole = simulatedCollateral({ issuedAt: NOW - DAY, revokedByCa: [5n] });
    const quote = simulatedQuote();
    const part = fc.constantFrom('tcbInfo', 'qeIdentity', 'tcbSigner', 'rootCrl', 'pckCrl', 'intermediate');
    await fc.assert(fc.asyncProperty(part as fc.Arbitrary<keyof CollateralDocuments>, fc.nat(), fc.integer({ min: 1, max: 127 }), async (name, where, change) => {
      const collateral = changed(whole, name, where, change);
      let refuted: CheckName[] | null;
      try {
        refuted = refutedIn(await checkQuote(parseQuote(quote), { root, now: NOW, collateral }));
      } catch (error) {
        if (!(error instanceof AttestationError)) throw error;
        refuted = null; // signed text that is no JSON
      }
      const { accepted, why } = await contractSays(quote, { root, now: NOW, collateral }).catch(() => ({ accepted: false, why: 'unreadable' }));
      const isUnasked = /^attest\.(certificate|collateral)\./.test(why); // our writer of cells reads no other DER than Intel's
      if (refuted?.length === 0 && !isUnasked) expect([name, where, why, accepted]).toEqual([name, where, why, true]);
      // A contract sees what is signed, and neither the head nor the algorithm around it, which a library reads.
      if (accepted) expect(hashesOf(cellsOf(collateral, root))).toEqual(hashesOf(cellsOf(whole, root)));
    }), { numRuns: Number(process.env.COCOON_PROPERTY_RUNS ?? 40), seed: 7 });
  });
});

describe('the client\'s checks, stricter than a contract needs to be,', () => {
  const root = SIMULATED_ROOT;
  const refute = async (collateral?: Partial<CollateralDocuments>, quote: SimulatedQuote = {}) => refutedIn(await checkQuote(parseQuote(simulatedQuote(quote)), {
    root, now: NOW, ...(collateral && { collateral: { ...simulatedCollateral({ issuedAt: NOW - DAY }), ...collateral } }),
  }));

  it('take no list of another issuer, and none that says that it is not whole', async () => {
    const list = (issuer: string, extra?: string) => revocationList(caName(issuer), NOW - DAY, [], simulatedKey('root'), extra);
    expect(await refute({ rootCrl: list('SIMULATED Root CA') })).toEqual([]);
    expect(await refute({ rootCrl: list('Somebody') })).toEqual(['root-crl']);
    for (const extension of ['551d1b', '551d1c']) expect(await refute({ rootCrl: list('SIMULATED Root CA', extension) })).toEqual(['root-crl']); // delta, part
  });

  it('look up the CA of the collateral too', async () => {
    const { intermediate } = simulatedCollateral({ issuedAt: NOW - DAY, intermediate: { serial: 7n } });
    const { rootCrl } = simulatedCollateral({ issuedAt: NOW - DAY, revokedByRoot: [7n] });
    expect(await refute({ intermediate, rootCrl })).toEqual(['revocation']);
  });

  it('take no quoting enclave that can be debugged, with collateral or without', async () => {
    expect(await refute(undefined, { changeQe: (report) => void (report[48] |= 2) })).toEqual(['quoting-enclave']);
  });

  it('compare evaluation numbers with the least that counts', async () => {
    const collateral = simulatedCollateral({ issuedAt: NOW - DAY, number: 18, qeNumber: 17 });
    for (const [leastEvaluation, expected] of [[undefined, 'unknown'], [17, 'asserted'], [18, 'refuted']] as const) {
      const checks = await checkQuote(parseQuote(simulatedQuote()), { root, now: NOW, collateral, leastEvaluation });
      expect(checks.at(-1)).toMatchObject({ name: 'evaluation', result: expected });
    }
  });

  it('show names of certificates without what moves a cursor or begins a line', async () => {
    const name = '\u001b[2J\u001b[Haccepted  true\n  asserted  pck-certificate  fine\u009b8m\u202e';
    const checks = await checkQuote(parseQuote(simulatedQuote({ intermediate: { name } })), { root, now: NOW });
    expect(refutedIn(checks)).toEqual(['pck-certificate', 'ca-certificate']);
    for (const { detail } of checks) expect(detail).not.toMatch(/\p{C}/u);
  });

  it('read nothing but whole DER: neither text, on which a library may take forever, nor bytes behind it', async () => {
    const text = Buffer.from(`-----BEGIN A-----\na: b\n${' a: b\n'.repeat(60)}!`);
    const whole = simulatedCollateral({ issuedAt: NOW - DAY });
    for (const bytes of [text, Buffer.alloc(0), Buffer.from(whole.tcbSigner.toString('hex')), Buffer.concat([whole.tcbSigner, Buffer.alloc(1)])]) {
      expect(await refute({ tcbSigner: bytes })).toEqual(['tcb-info', 'qe-identity']);
      expect(await refute({ rootCrl: bytes })).toEqual(['root-crl']);
    }
    const quote = parseQuote(simulatedQuote());
    const checks = await checkQuote({ ...quote, certificates: [text, text, text] }, { root, now: NOW });
    expect(refutedIn(checks)).toEqual(['qe-signature', 'pck-certificate', 'ca-certificate']);
  });

  it('ask for a time', async () => {
    for (const now of [NaN, Infinity, 1.5]) await expect(checkQuote(parseQuote(simulatedQuote()), { root, now })).rejects.toMatchObject({ code: 'attest.checks.now' });
  });
});

describe('what the client wants of a quote', () => {
  const reportData = Buffer.alloc(64, 7);
  const quote = () => parseQuote(simulatedQuote({ body: { reportData, mrTd: Buffer.alloc(48, 3) } }));
  const result = async (wanted: Partial<Expectations>, name: CheckName) =>
    (await checkQuote(quote(), { root: SIMULATED_ROOT, now: NOW, ...wanted })).find((check) => check.name === name)!;

  it('is unknown until it is given, then asserted or refuted: report data and image', async () => {
    expect((await result({}, 'report-data')).result).toBe('unknown');
    expect((await result({ reportData }, 'report-data')).result).toBe('asserted');
    expect((await result({ reportData: Buffer.alloc(64) }, 'report-data')).result).toBe('refuted');
    const { result: open, detail } = await result({}, 'image');
    expect(open).toBe('unknown');
    const imageHash = Buffer.from(detail.slice(0, 64), 'hex');
    const verdict = await simulated.verify(quoteCell(quote(), SIMULATED_ROOT), NOW);
    expect(verdict.accepted && verdict.facts.imageHash).toBe(BigInt(`0x${imageHash.toString('hex')}`));
    expect((await result({ imageHash }, 'image')).result).toBe('asserted');
    expect((await result({ imageHash: Buffer.alloc(32) }, 'image')).result).toBe('refuted');
  });
});

const hashesOf = (cells: CollateralCells): string[] =>
  Object.values(cells).map((part: CollateralCells['intermediate'] | CollateralCells['tcbInfo']) => ('cell' in part ? part.cell : part).hash().toString('hex'));

function parsed(bytes: Buffer): ReturnType<typeof parseQuote> | null {
  try {
    return parseQuote(bytes);
  } catch (error) {
    if (error instanceof AttestationError) return null;
    throw error;
  }
}

function changed(documents: CollateralDocuments, name: keyof CollateralDocuments, where: number, change: number): CollateralDocuments {
  const part = documents[name];
  if (Buffer.isBuffer(part)) {
    const bytes = Buffer.from(part);
    bytes[where % bytes.length] ^= change;
    return { ...documents, [name]: bytes };
  }
  const text = Buffer.from((part as { text: string }).text);
  text[where % text.length] ^= change & 31 || 1;
  return { ...documents, [name]: { ...part, text: text.toString('latin1') } };
}
