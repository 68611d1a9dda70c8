/** TCB levels as Intel's verification library matches them (Intel SGX and TDX Provisioning Certification Service API, version 4). */
import { z } from 'zod';
import type { CertifiedPlatform } from './certificates';

const STATUSES = [
  'UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded', 'OutOfDate',
  'OutOfDateConfigurationNeeded', 'Revoked',
] as const;
export type Status = (typeof STATUSES)[number];

const date = z.iso.datetime().transform((text) => Date.parse(text) / 1000);
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9A-Fa-f]{${2 * bytes}}$`)).transform((text) => Buffer.from(text, 'hex'));
const component = z.object({ svn: z.number().int().min(0).max(255) });
const status = z.enum(STATUSES);
/** Of a module or enclave: no other status has a meaning for them. */
const svnLevels = z.array(z.object({ tcb: z.object({ isvsvn: z.number().int() }), tcbStatus: z.enum(['UpToDate', 'OutOfDate', 'Revoked']) }));
const module = z.object({ mrsigner: hex(48), attributes: hex(8), attributesMask: hex(8) });

/** TDX TCB info, version 3. */
export const tcbInfoSchema = z.object({
  id: z.literal('TDX'), version: z.literal(3), issueDate: date, nextUpdate: date, fmspc: hex(6), pceId: hex(2), tcbType: z.literal(0),
  tcbEvaluationDataNumber: z.number().int().min(0),
  tdxModule: module,
  tdxModuleIdentities: z.array(module.extend({ id: z.string(), tcbLevels: svnLevels })).default([]),
  tcbLevels: z.array(z.object({
    tcb: z.object({ sgxtcbcomponents: z.array(component).length(16), pcesvn: z.number().int(), tdxtcbcomponents: z.array(component).length(16) }),
    tcbStatus: status,
  })),
});
/** Identity of the TD quoting enclave, version 2. */
export const qeIdentitySchema = z.object({
  id: z.literal('TD_QE'), version: z.literal(2), issueDate: date, nextUpdate: date, tcbEvaluationDataNumber: z.number().int().min(0), miscselect: hex(4), miscselectMask: hex(4),
  attributes: hex(16), attributesMask: hex(16), mrsigner: hex(32), isvprodid: z.number().int(), tcbLevels: svnLevels,
});
export type TcbInfo = z.output<typeof tcbInfoSchema>;
export type QeIdentity = z.output<typeof qeIdentitySchema>;

/** The TDX module, as a quote's body says it. */
export interface Module {
  /** 16 bytes; the second is the module's version, the first its SVN under that version */
  teeTcbSvn: Buffer;
  mrSignerSeam: Buffer;
  seamAttributes: Buffer;
}

/** Fields of a quoting enclave's report. */
export interface Enclave {
  miscSelect: Buffer;
  attributes: Buffer;
  mrSigner: Buffer;
  productId: number;
  svn: number;
}

/** Status of the platform; undefined when it is below every level. */
export function platformStatus(info: TcbInfo, { components, pceSvn }: CertifiedPlatform, { teeTcbSvn }: Module): Status | undefined {
  // A module with a version of its own is judged by its identity: its two bytes are no components then.
  const first = teeTcbSvn[1] > 0 ? 2 : 0;
  return info.tcbLevels.find(({ tcb }) =>
    tcb.sgxtcbcomponents.every(({ svn }, i) => components[i] >= svn) && pceSvn >= tcb.pcesvn &&
    tcb.tdxtcbcomponents.every(({ svn }, i) => i < first || teeTcbSvn[i] >= svn))?.tcbStatus;
}

/** Status of the TDX module; undefined when Intel knows none like it. */
export function moduleStatus(info: TcbInfo, { teeTcbSvn, mrSignerSeam, seamAttributes }: Module): Status | undefined {
  const [svn, version] = teeTcbSvn;
  const id = `TDX_${version.toString(16).padStart(2, '0').toUpperCase()}`;
  const identity = version === 0 ? { ...info.tdxModule, tcbLevels: undefined } : info.tdxModuleIdentities.find((known) => known.id.toUpperCase() === id);
  if (!identity || !mrSignerSeam.equals(identity.mrsigner) || !masked(seamAttributes, identity.attributesMask).equals(identity.attributes)) return undefined;
  return identity.tcbLevels ? identity.tcbLevels.find(({ tcb }) => svn >= tcb.isvsvn)?.tcbStatus : 'UpToDate';
}

/** Status of the quoting enclave; undefined when it is not the one of this identity. */
export function enclaveStatus(identity: QeIdentity, enclave: Enclave): Status | undefined {
  const isIt = masked(enclave.miscSelect, identity.miscselectMask).equals(identity.miscselect) &&
    masked(enclave.attributes, identity.attributesMask).equals(identity.attributes) &&
    enclave.mrSigner.equals(identity.mrsigner) && enclave.productId === identity.isvprodid;
  return isIt ? identity.tcbLevels.find(({ tcb }) => enclave.svn >= tcb.isvsvn)?.tcbStatus : undefined;
}

/** The status of the whole. */
export function convergedStatus(platform: Status, ...parts: Status[]): Status {
  if ([platform, ...parts].includes('Revoked')) return 'Revoked';
  if (!parts.includes('OutOfDate')) return platform;
  return platform.startsWith('Configuration') || platform === 'OutOfDateConfigurationNeeded' ? 'OutOfDateConfigurationNeeded' : 'OutOfDate';
}

const masked = (bytes: Buffer, mask: Buffer): Buffer => Buffer.from(bytes.map((byte, i) => byte & mask[i]));
