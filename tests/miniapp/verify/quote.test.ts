/** The page's verifier of quotes against attest/checks, which shares no code with it: on real quotes, simulated ones and changed bytes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CHECK_NAMES, checkQuote as nodeCheckQuote } from '../../../attest/checks';
import { AttestationError } from '../../../attest/errors';
import { parseQuote as nodeParseQuote, type Quote } from '../../../attest/quote';
import { basicConstraints, caName, certificate, sgxExtension, simulatedKey, usualExtensions } from '../../../attest/simulated/certificates';
import { SIMULATED_ROOT, simulatedQuote, type SimulatedQuote } from '../../../attest/simulated/quote';
import { checkQuote, QUOTE_CHECKS, type QuoteCheck, type QuoteRoot, type WantedQuote } from '../../../miniapp/src/verify/quote';
import { INTEL_ROOT } from '../../../wrappers';

const NOW = 1_780_000_000;
const DAY = 86_400;
const FOLDER = join(__dirname, '../../attest/quotes');
const noon = (date: string): number => Date.parse(`${date}T12:00:00Z`) / 1000;
const all = JSON.parse(readFileSync(join(FOLDER, 'manifest.json'), 'utf8')) as { file: string; pck: [string, string]; chainOk: boolean }[];
const real = all.filter(({ file, chainOk }) => file.startsWith('tdx') && chainOk);
const bytesOf = (file: string): Buffer => readFileSync(join(FOLDER, file));
const ROOTS = { intel: INTEL_ROOT, simulated: SIMULATED_ROOT };

const refutedIn = (page: QuoteCheck[] | null): string[] => (page ?? []).filter(({ result }) => result === 'refuted').map(({ name }) => name);

interface Both { page: QuoteCheck[] | null; node: Map<string, string> | null }

/**
 * What both say, and common to every test: what stands for the page stands for Node's verifier, and each check that the page asserts Node's
 * asserts too. By design they differ in a quote that both refuse: of a changed certificate the page reads no more than it needs, so it can find a
 * good signature by a key of it, or under it, where Node's library reads nothing of it.
 */
async function look(bytes: Uint8Array, wanted: WantedQuote): Promise<Both> {
  const page = await checkQuote(new Uint8Array(bytes), wanted);
  let node: Both['node'] = null;
  let isUnread = false;
  try {
    const checks = await nodeCheckQuote(nodeParseQuote(bytes), { ...wanted, root: ROOTS[wanted.root] });
    node = new Map(checks.map(({ name, result }) => [name, result]));
    isUnread = checks.some(({ detail }) => detail === 'the certificate cannot be read');
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
  }
  for (const { name, result } of page ?? []) {
    if (isUnread && (name === 'qe-signature' || name === 'pck-certificate')) continue;
    if (result === 'asserted') assert.equal(node?.get(name), 'asserted', `${name} is asserted by the page alone`);
  }
  if (page !== null && refutedIn(page).length === 0) assert.ok(node && ![...node.values()].includes('refuted'), 'the page alone takes it');
  return { page, node };
}

/** What the page refutes, once both say the same of each check. */
async function agreed(bytes: Uint8Array, wanted: WantedQuote): Promise<string[]> {
  const { page, node } = await look(bytes, wanted);
  assert.deepEqual(page?.map(({ name, result }) => [name, result]), node && QUOTE_CHECKS.map((name) => [name, node.get(name)]));
  return refutedIn(page);
}

describe('a quote in the page', () => {
  test('is looked at by the checks of Node\'s verifier that need no collateral, in their order', () => {
    assert.deepEqual([...QUOTE_CHECKS], CHECK_NAMES.slice(0, QUOTE_CHECKS.length));
  });

  test('of real hardware is judged alike in and out of its time, under either root, also what it is about', async () => {
    assert.equal(real.length, 25);
    for (const { file, pck: [from, until] } of real) {
      const bytes = bytesOf(file);
      const { body } = nodeParseQuote(bytes);
      const expected = body.tdAttributes.toString('hex') === '0000000000000000' ? ['td-attributes'] : [];
      if (body.mrServiceTd) expected.push('service-td');
      const at = (now: number, root: QuoteRoot = 'intel') => agreed(bytes, { root, now });
      assert.deepEqual(await at(noon(from) + DAY), expected, file);
      assert.ok((await at(noon(from) - DAY)).includes('pck-certificate'), file);
      assert.ok((await at(noon(until) + DAY)).includes('pck-certificate'), file);
      assert.deepEqual(await at(noon(from) + DAY, 'simulated'), ['ca-certificate', ...expected], file);
      const about = { reportData: new Uint8Array(body.reportData), imageHash: new Uint8Array(32) };
      assert.deepEqual(await agreed(bytes, { root: 'intel', now: noon(from) + DAY, ...about }), [...expected, 'image'], file);
    }
  });

  test('of SGX, without its chain, cut short or garbage is none for either', async () => {
    const others = all.filter(({ file }) => !real.some((of) => of.file === file)).map(({ file }) => bytesOf(file));
    const whole = bytesOf(real[0].file);
    for (const bytes of [...others, whole.subarray(0, 700), whole.subarray(0, -2_000), Buffer.from('garbage'), Buffer.alloc(5_000, 7), Buffer.alloc(0), Buffer.concat([whole, Buffer.alloc(65_536)])]) {
      assert.deepEqual(await look(bytes, { root: 'intel', now: NOW }), { page: null, node: null });
    }
  });

  const body = (of: SimulatedQuote['body']): SimulatedQuote => ({ body: of });
  const signedAt = (offset: number, value: number): SimulatedQuote => ({ change: (signed) => void (signed[offset] = value) });
  const reportAt = (offset: number, value: number): SimulatedQuote => ({ changeQe: (report) => void (report[offset] = value) });
  const attributes = (hex: string) => body({ tdAttributes: Buffer.from(hex, 'hex') });
  const cases: [string, SimulatedQuote, string[]][] = [
    ['nothing', {}, []], ['a TD 1.0 in version 5', { version: 5, bodyType: 2 }, []], ['a TD 1.5', { version: 5, bodyType: 3 }, []],
    ['DEBUG', attributes('0100001000000000'), ['debug']], ['a reserved bit', attributes('0200001000000000'), ['td-attributes']],
    ['DEBUG alone', attributes('0100000000000000'), ['debug', 'td-attributes']], ['MIGRATABLE', attributes('0000003000000000'), ['td-attributes']],
    ['PKS, KL and PERFMON', attributes('000000d000000080'), []], ['another module', body({ mrSignerSeam: Buffer.alloc(48, 1) }), ['tdx-module']],
    ['SEAM attributes', body({ seamAttributes: Buffer.from('0000000000000001', 'hex') }), ['tdx-module']], ['another vendor', signedAt(12, 0), ['header']],
    ['another QE signer', reportAt(159, 0), ['quoting-enclave']], ['another QE product', reportAt(257, 1), ['quoting-enclave']],
    ['a quoting enclave that can be debugged', { changeQe: (report) => void (report[48] |= 2) }, ['quoting-enclave']],
    ['another key in the QE report', reportAt(351, 0), ['key-binding']], ['bytes behind it', reportAt(383, 1), ['key-binding']],
    ['a processor CA', { intermediate: { name: 'Intel SGX PCK Processor CA' } }, []],
    ['another CA', { intermediate: { name: 'Intel SGX PCK Plattform CA' } }, ['pck-certificate', 'ca-certificate']],
    ['a CA whose name holds Intel\'s', { intermediate: { name: 'Intel SGX PCK Platform CA, O=Intel Corporation' } }, ['pck-certificate', 'ca-certificate']],
    ['an intermediate that is no CA', { intermediate: { isCa: false } }, ['ca-certificate']],
    ['an intermediate with CAs below it', { intermediate: { pathLength: 1n } }, ['ca-certificate']],
    ['a component beyond a byte', { platform: { components: [256, ...Array.from({ length: 15 }, () => 0)] } }, ['pck-certificate']],
    ['a PCESVN beyond 16 bits', { platform: { pceSvn: 65536 } }, ['pck-certificate']],
    ['a service TD', { version: 5, bodyType: 3, body: { mrServiceTd: Buffer.alloc(48, 1) } }, ['service-td']],
  ];
  for (const [name, options, expected] of cases) {
    test(`that is simulated, with ${name}, is judged alike`, async () => {
      assert.deepEqual(await agreed(simulatedQuote(options), { root: 'simulated', now: NOW }), expected);
    });
  }

  test('that is simulated never stands under Intel\'s root', async () => {
    assert.deepEqual(await agreed(simulatedQuote(), { root: 'intel', now: NOW }), ['ca-certificate']);
  });

  test('is judged alike to the second of its certificates\' validity', async () => {
    const issuedAt = 1_751_328_000;
    const at = (now: number, options: SimulatedQuote = {}) => agreed(simulatedQuote({ issuedAt, ...options }), { root: 'simulated', now });
    const end = issuedAt + 7 * 365 * DAY;
    assert.deepEqual(await at(issuedAt - 1), ['pck-certificate', 'ca-certificate']);
    assert.deepEqual([await at(issuedAt), await at(end), await at(end + 1)], [[], [], ['pck-certificate']]);
    assert.deepEqual(await at(issuedAt + 365 * DAY + 1, { intermediate: { yearsValid: 1 } }), ['ca-certificate']);
  });

  test('names what is wrong when one byte of a signed or signing part is changed', async () => {
    const raw = bytesOf('tdx_v4_0c699dd4533f.bin');
    const parts: [(quote: Quote) => Buffer, string[]][] = [
      [({ body: { mrTd } }) => mrTd, ['quote-signature']], [({ signature }) => signature, ['quote-signature']],
      [({ attestationKey }) => attestationKey, ['quote-signature', 'key-binding']], [({ qeAuthData }) => qeAuthData, ['key-binding']],
      [({ qeReport }) => qeReport, ['qe-signature']], [({ qeSignature }) => qeSignature, ['qe-signature']],
    ];
    for (const [partOf, expected] of parts) {
      const bytes = Buffer.from(raw);
      bytes[raw.indexOf(partOf(nodeParseQuote(raw))) + 5] ^= 4;
      assert.deepEqual(await agreed(bytes, { root: 'intel', now: NOW }), expected);
    }
  });

  const numRuns = Number(process.env.COCOON_PROPERTY_RUNS ?? 60);
  const change = fc.integer({ min: 1, max: 255 });

  test('with any byte changed is never taken unless Node\'s verifier takes it', async () => {
    for (const file of ['tdx_v4_0c699dd4533f.bin', 'tdx_v5_d0010db6f7b8.bin']) {
      const raw = bytesOf(file);
      const wanted = { root: 'intel' as const, now: noon(real.find((of) => of.file === file)!.pck[0]) + DAY };
      await fc.assert(fc.asyncProperty(fc.nat(raw.length - 1), change, async (at, bits) => {
        const bytes = Buffer.from(raw);
        bytes[at] ^= bits;
        const { page, node } = await look(bytes, wanted);
                // White space of PEM, and what is behind the two certificates, says nothing.
        if (page === null || refutedIn(page).some((name) => name !== 'service-td')) return;
        assert.deepEqual(node && nodeParseQuote(bytes).certificates.slice(0, 2), nodeParseQuote(raw).certificates.slice(0, 2));
      }), { numRuns, seed: 20261128 });
    }
  });

  test('with any byte of its certificates changed is refused, where Node\'s library takes another spelling of what was signed too', async () => {
    const raw = bytesOf('tdx_v4_0c699dd4533f.bin');
    const { certificates } = nodeParseQuote(raw);
    const stricter: number[] = [];
    await fc.assert(fc.asyncProperty(fc.nat(1), fc.nat(), change, async (which, place, bits) => {
      const changed = certificates.map((der) => Buffer.from(der));
      const at = place % changed[which].length;
      changed[which][at] ^= bits;
      const { page, node } = await look(withChain(raw, changed), { root: 'intel', now: NOW });
      assert.notDeepEqual(refutedIn(page), []);
      if (node !== null && [...node.values()].every((result) => result !== 'refuted')) stricter.push(at);
    }), { numRuns: 2 * numRuns, seed: 20261129 });
    // The head and the algorithm around what is signed: at most a few bytes of a thousand.
    assert.ok(stricter.length <= numRuns / 20, `${stricter.join(' ')}`);
  });

  /** What the page makes of the PCK certificate of a simulated quote once it is changed. */
  async function pckFault(change: (der: Buffer) => Buffer): Promise<{ fault?: string; node: string | undefined }> {
    const raw = simulatedQuote();
    const certificates = nodeParseQuote(raw).certificates.map((der, index) => (index === 0 ? change(der) : der));
    const { page, node } = await look(withChain(raw, certificates), { root: 'simulated', now: NOW });
    return { fault: page?.find(({ name }) => name === 'pck-certificate')?.fault, node: node?.get('pck-certificate') };
  }
  const replaced = (from: string, to: string) => (der: Buffer): Buffer => Buffer.from(der.toString('hex').replace(from, to), 'hex');

  test('stricter by design: of a certificate whose signed part names another algorithm, or is of another version, the page takes nothing', async () => {
    for (const [from, to] of [['a003020102', 'a003020101'], ['300a06082a8648ce3d040302', '300a06082a8648ce3d040303']]) assert.equal((await pckFault(replaced(from, to))).fault, 'unreadable');
  });

  test('stricter by design: a certificate in another spelling than DER\'s only one is not read, though a library reads it', async () => {
    assert.deepEqual(await pckFault((der) => Buffer.concat([Buffer.from('308300', 'hex'), der.subarray(2)])), { fault: 'unreadable', node: 'asserted' });
    assert.deepEqual(await pckFault((der) => Buffer.concat([der, Buffer.alloc(1)])), { fault: 'unreadable', node: 'refuted' });
  });

  test('with an extension twice in a certificate, well signed, is judged alike: its certificate cannot be read', async () => {
    const again = (name: string, extensions: Buffer[]) => certificate({
      serial: 1n, issuer: caName('Intel SGX PCK Platform CA'), subject: caName(name), notBefore: NOW - DAY, notAfter: NOW + DAY, key: simulatedKey('PCK').key, extensions,
    }, simulatedKey('platform CA'));
    const usual = [...usualExtensions(simulatedKey('platform CA').key, simulatedKey('PCK').key, false), basicConstraints(false), sgxExtension({ fmspc: Buffer.alloc(6), components: Array.from({ length: 16 }, () => 1), pceSvn: 1 })];
    assert.deepEqual(await pckFault(() => again('SIMULATED', usual)), { fault: undefined, node: 'asserted' });
    for (const extensions of [[...usual, usual[4]], [...usual, usual[0]], [...usual, usual[5]]]) assert.deepEqual(await pckFault(() => again('SIMULATED', extensions)), { fault: 'unreadable', node: 'refuted' });
    assert.deepEqual(await pckFault(() => again('SIMULATED', usual.slice(0, 5))), { fault: 'platform', node: 'refuted' });
    assert.deepEqual(await pckFault(() => again('SIMULATED', [...usual.slice(0, 4), usual[5]])), { fault: 'constraints', node: 'refuted' });
  });
});

/** The same quote with other certificates. */
function withChain(raw: Buffer, certificates: readonly Buffer[]): Buffer {
  const { qeAuthData, headerBytes, signed } = nodeParseQuote(raw);
  const chain = Buffer.from(certificates.map((der) => `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`).join(''));
  assert.ok(headerBytes >= 48);
  const outer = signed.length + 4 + 128;
  const chainHead = outer + 6 + 384 + 64 + 2 + qeAuthData.length;
  const bytes = Buffer.concat([raw.subarray(0, chainHead + 6), chain]);
  bytes.writeUInt32LE(chain.length, chainHead + 2);
  bytes.writeUInt32LE(bytes.length - outer - 6, outer + 2);
  bytes.writeUInt32LE(bytes.length - signed.length - 4, signed.length);
  return bytes;
}
