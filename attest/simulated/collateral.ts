/**
 * SIMULATED collateral for simulated quotes, in the form of Intel's: TCB info, identity of the quoting enclave and revocation
 * lists under SIMULATED_ROOT. Nothing that it says is true.
 */
import type { CollateralDocuments, SignedText } from '../collateral';
import { basicConstraints, ECDSA_SHA256, caName, certificate, sign, simulatedKey, usualExtensions, type KeyPair } from './certificates';
import { bits, element, integer, octets, oid, sequence, utcTime } from './derWriter';
import { SIMULATED_FMSPC, simulatedChain, type SimulatedQuote } from './quote';

const ROOT = simulatedKey('root');
const TCB_SIGNER = simulatedKey('TCB signer');
const YEAR = 31_536_000;
const MONTH = 2_592_000;
const ZERO_48 = '00'.repeat(48);

export interface SimulatedLevel {
  /** 16 of each; zero when unset */
  sgx?: number[];
  tdx?: number[];
  pceSvn?: number;
  status?: string;
  advisoryIds?: string[];
}

export interface SimulatedCollateral {
  /** Unix seconds; good for a month */
  issuedAt: number;
  number?: number;
  qeNumber?: number;
  /** one that every platform reaches, up to date, when unset */
  levels?: SimulatedLevel[];
  modules?: { version: number; levels: { isvSvn: number; status: string }[] }[];
  qe?: { levels?: { isvSvn: number; status: string }[]; attributes?: string; attributesMask?: string; miscSelect?: string };
  fmspc?: Buffer;
  pceId?: string;
  /** serial numbers that the lists revoke */
  revokedByRoot?: bigint[];
  revokedByCa?: bigint[];
  /** of the two texts, before they are signed */
  change?: (text: string) => string;
  changeQe?: (text: string) => string;
  intermediate?: SimulatedQuote['intermediate'];
  signer?: { name?: string; isCa?: boolean; key?: KeyPair; notAfter?: number; serial?: bigint };
}

export const SIMULATED_SIGNER_SERIAL = 0x7c85n;

export function simulatedCollateral(options: SimulatedCollateral): CollateralDocuments {
  const { issuedAt, change = (text) => text, changeQe = (text) => text, intermediate, signer = {} } = options;
  const { name = 'Intel SGX TCB Signing', isCa = false, key = ROOT, notAfter = issuedAt + 7 * YEAR, serial = SIMULATED_SIGNER_SERIAL } = signer;
  const caCertificate = simulatedChain({ intermediate })[1];
  const rootName = caName('SIMULATED Root CA');
  const tcbSigner = certificate({
    serial, issuer: rootName, subject: caName(name), notBefore: issuedAt - YEAR, notAfter, key: TCB_SIGNER.key,
    extensions: [...usualExtensions(ROOT.key, TCB_SIGNER.key, false), basicConstraints(isCa)],
  }, key);
  return {
    tcbInfo: signed(change(tcbInfoText(options))), qeIdentity: signed(changeQe(qeIdentityText(options))), tcbSigner,
    rootCrl: revocationList(rootName, issuedAt, options.revokedByRoot ?? [], ROOT),
    pckCrl: revocationList(caName(intermediate?.name ?? 'Intel SGX PCK Platform CA'), issuedAt, options.revokedByCa ?? [], simulatedKey(intermediate?.keyName ?? 'platform CA')),
    intermediate: caCertificate,
  };
}

const signed = (text: string): SignedText => ({ text, signature: sign(Buffer.from(text), TCB_SIGNER) });
const time = (unix: number): string => new Date(1000 * unix).toISOString().replace('.000', '');

function tcbInfoText({ issuedAt, number = 17, levels = [{}], modules, fmspc = SIMULATED_FMSPC, pceId = '0000' }: SimulatedCollateral): string {
  const components = (values: number[] = []) => Array.from({ length: 16 }, (_, i) => (
    i === 0 ? { svn: values[i] ?? 0, category: 'BIOS', type: 'Simulated Update' } : i === 1 ? { svn: values[i] ?? 0, category: 'OS/VMM' }
      : i === 2 ? { svn: values[i] ?? 0, category: 'Simulated', type: 'Update' } : { svn: values[i] ?? 0 }
  ));
  const module = { mrsigner: ZERO_48, attributes: '0'.repeat(16), attributesMask: 'F'.repeat(16) };
  return JSON.stringify({
    id: 'TDX', version: 3, issueDate: time(issuedAt), nextUpdate: time(issuedAt + MONTH), fmspc: fmspc.toString('hex').toUpperCase(),
    pceId, tcbType: 0, tcbEvaluationDataNumber: number, tdxModule: module,
    tdxModuleIdentities: (modules ?? [{ version: 1, levels: [{ isvSvn: 2, status: 'UpToDate' }] }]).map(({ version, levels: of }) => ({
      id: `TDX_${version.toString(16).padStart(2, '0').toUpperCase()}`, ...module, tcbLevels: of.map(levelOf),
    })),
    tcbLevels: levels.map(({ sgx, tdx, pceSvn = 0, status = 'UpToDate', advisoryIds }) => ({
      tcb: { sgxtcbcomponents: components(sgx), pcesvn: pceSvn, tdxtcbcomponents: components(tdx) },
      tcbDate: time(issuedAt - YEAR), tcbStatus: status, ...(advisoryIds && { advisoryIDs: advisoryIds }),
    })),
  });
}

function qeIdentityText({ issuedAt, qeNumber = 17, qe = {} }: SimulatedCollateral): string {
  return JSON.stringify({
    id: 'TD_QE', version: 2, issueDate: time(issuedAt), nextUpdate: time(issuedAt + MONTH), tcbEvaluationDataNumber: qeNumber,
    miscselect: qe.miscSelect ?? '0'.repeat(8), miscselectMask: 'F'.repeat(8),
    attributes: qe.attributes ?? `11${'0'.repeat(30)}`, attributesMask: qe.attributesMask ?? `FBFFFFFFFFFFFFFF${'0'.repeat(16)}`,
    mrsigner: 'DC9E2A7C6F948F17474E34A7FC43ED030F7C1563F1BABDDF6340C82E0E54A8C5', isvprodid: 2,
    tcbLevels: (qe.levels ?? [{ isvSvn: 4, status: 'UpToDate' }]).map(levelOf),
  });
}

const levelOf = ({ isvSvn, status }: { isvSvn: number; status: string }) =>
  ({ tcb: { isvsvn: isvSvn }, tcbDate: '2024-03-13T00:00:00Z', tcbStatus: status });

/** RFC 5280 section 5, as Intel writes it. @param another OID of an extension that Intel's have not */
export function revocationList(issuer: Buffer, issuedAt: number, serials: bigint[], by: KeyPair, another?: string): Buffer {
  const reason = sequence(sequence(oid('551d15'), octets(element(0x0a, Buffer.from([1])))));
  const entries = serials.map((serial) => sequence(integer(serial), utcTime(issuedAt), reason));
  const extensions = sequence(
    sequence(oid('551d14'), octets(integer(1n))), sequence(oid('551d23'), octets(sequence(element(0x80, Buffer.alloc(20, 0x5a))))),
    ...(another ? [sequence(oid(another), octets(integer(1n)))] : []),
  );
  const tbs = sequence(
    integer(1n), ECDSA_SHA256, issuer, utcTime(issuedAt), utcTime(issuedAt + MONTH), ...(entries.length ? [sequence(...entries)] : []),
    element(0xa0, extensions),
  );
  const { r, s } = sign(tbs, by);
  return sequence(tbs, ECDSA_SHA256, bits(sequence(integer(r), integer(s))));
}
