/**
 * SIMULATED TDX quotes: whole, of the shape of real ones, for devnet, demo and tests. They verify under SIMULATED_ROOT and under
 * no other root; anybody can make them, so they prove nothing.
 */
import { bytesOf, sha256 } from '../p256';
import type { TdBody } from '../quote';
import {
  basicConstraints, caName, certificate, sgxExtension, sign, simulatedKey, usualExtensions, type PlatformFields,
} from './certificates';

const YEAR = 31_536_000;
const ROOT = simulatedKey('root');
const PCK = simulatedKey('PCK');
const ATTESTATION = simulatedKey('attestation key');

/** Ends every simulated chain. */
export const SIMULATED_ROOT = ROOT.key;
export const SIMULATED_FMSPC = Buffer.from('53494d554c41', 'hex'); // "SIMULA"

export interface SimulatedQuote {
  version?: 4 | 5;
  /** of version 5: 2 is TD 1.0, 3 is TD 1.5 */
  bodyType?: 2 | 3;
  /** fields of the TD body; the others are zero, but for SEPT_VE_DISABLE */
  body?: Partial<Omit<TdBody, 'rtmr'>> & { rtmr?: Buffer[] };
  /** of header and body, before they are signed */
  change?: (signed: Buffer) => void;
  /** of the QE report, before it is signed */
  changeQe?: (report: Buffer) => void;
  platform?: Partial<PlatformFields>;
  /** Unix seconds; certificates are valid for 7 years from then on */
  issuedAt?: number;
  /** of the intermediate; only Intel's names are accepted */
  intermediate?: { name?: string; isCa?: boolean; pathLength?: bigint; yearsValid?: number; serial?: bigint; keyName?: string };
}

const QE_VENDOR = Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex');
const QE_MRSIGNER = Buffer.from('dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5', 'hex');
const SEPT_VE_DISABLE = Buffer.from('0000001000000000', 'hex');
const AUTH_DATA = Buffer.from('simulated quoting enclave, 32 by');

/** The bytes of a quote. */
export function simulatedQuote(options: SimulatedQuote = {}): Buffer {
  const signed = signedPart(options);
  options.change?.(signed);
  const key = Buffer.concat([bytesOf(ATTESTATION.key.x), bytesOf(ATTESTATION.key.y)]);
  const report = qeReport(Buffer.concat([key, AUTH_DATA]));
  options.changeQe?.(report);
  const chain = Buffer.from(simulatedChain(options).map(pem).join(''));
  const certification = Buffer.concat([report, pair(report, PCK), u16(AUTH_DATA.length), AUTH_DATA, u16(5), u32(chain.length), chain]);
  const data = Buffer.concat([pair(signed, ATTESTATION), key, u16(6), u32(certification.length), certification]);
  return Buffer.concat([signed, u32(data.length), data]);
}

/** DER of PCK certificate, intermediate CA and root. */
export function simulatedChain({ platform, issuedAt = 1_735_689_600, intermediate = {} }: SimulatedQuote): Buffer[] {
  const { name = 'Intel SGX PCK Platform CA', isCa = true, pathLength = 0n, yearsValid = 15, serial = 0xca02n, keyName = 'platform CA' } = intermediate;
  const caKey = simulatedKey(keyName);
  const rootName = caName('SIMULATED Root CA');
  const ca = caName(name);
  const until = issuedAt + 7 * YEAR;
  const common = { notBefore: issuedAt, notAfter: until };
  return [
    certificate({
      ...common, serial: 0x69aan, issuer: ca, subject: caName('SIMULATED PCK Certificate'), key: PCK.key,
      extensions: [...usualExtensions(caKey.key, PCK.key, false), basicConstraints(false), sgxExtension({
        fmspc: SIMULATED_FMSPC, components: [7, 7, 2, 2, 3, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 200], pceSvn: 13, ...platform,
      })],
    }, caKey),
    certificate({
      ...common, notAfter: issuedAt + yearsValid * YEAR, serial, issuer: rootName, subject: ca, key: caKey.key,
      extensions: [...usualExtensions(ROOT.key, caKey.key, true), basicConstraints(isCa, pathLength)],
    }, ROOT),
    certificate({
      ...common, serial: 1n, issuer: rootName, subject: rootName, key: ROOT.key,
      extensions: [...usualExtensions(ROOT.key, ROOT.key, true), basicConstraints(true)],
    }, ROOT),
  ];
}

function signedPart({ version = 4, bodyType = 3, body = {} }: SimulatedQuote): Buffer {
  const zeros = (length: number) => Buffer.alloc(length);
  const isTd15 = version === 5 && bodyType === 3;
  const { rtmr = [0, 1, 2, 3].map(() => zeros(48)) } = body;
  const fields = [
    body.teeTcbSvn ?? Buffer.from('07010300000000000000000000000000', 'hex'), body.mrSeam ?? zeros(48), body.mrSignerSeam ?? zeros(48),
    body.seamAttributes ?? zeros(8), body.tdAttributes ?? SEPT_VE_DISABLE, body.xfam ?? Buffer.from('e702060000000000', 'hex'),
    body.mrTd ?? zeros(48), body.mrConfigId ?? zeros(48), body.mrOwner ?? zeros(48), body.mrOwnerConfig ?? zeros(48), ...rtmr,
    body.reportData ?? zeros(64), ...(isTd15 ? [body.teeTcbSvn2 ?? zeros(16), body.mrServiceTd ?? zeros(48)] : []),
  ];
  const header = Buffer.concat([u16(version), u16(2), u32(0x81), zeros(4), QE_VENDOR, zeros(20)]);
  const size = isTd15 ? 648 : 584;
  return Buffer.concat([header, ...(version === 5 ? [u16(bodyType), u32(size)] : []), ...fields]);
}

function qeReport(keyAndAuth: Buffer): Buffer {
  const report = Buffer.alloc(384);
  Buffer.from('11000000000000000000000000000000', 'hex').copy(report, 48); // attributes
  QE_MRSIGNER.copy(report, 128);
  report.writeUInt16LE(2, 256); // ISVPRODID of the TD quoting enclave
  report.writeUInt16LE(6, 258);
  sha256(keyAndAuth).copy(report, 320);
  return report;
}

function pair(bytes: Buffer, by: ReturnType<typeof simulatedKey>): Buffer {
  const { r, s } = sign(bytes, by);
  return Buffer.concat([bytesOf(r), bytesOf(s)]);
}

const u16 = (x: number): Buffer => Buffer.from([x & 255, x >> 8]);
const u32 = (x: number): Buffer => Buffer.concat([u16(x & 0xffff), u16(x >>> 16)]);
const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
