/** What a client can say of one fact: it holds, it does not, or nothing was given to tell by. */
export type CheckResult = 'asserted' | 'refuted' | 'unknown';

/** In the order in which they are made. docs/attestation.md says what each one means. */
export const CHECK_NAMES = [
  'header', 'quote-signature', 'key-binding', 'quoting-enclave', 'qe-signature', 'pck-certificate', 'ca-certificate', 'debug',
  'td-attributes', 'tdx-module', 'service-td', 'report-data', 'image', 'tcb-info', 'qe-identity', 'root-crl', 'pck-crl', 'revocation',
  'platform', 'tcb-status', 'evaluation',
] as const;
export type CheckName = (typeof CHECK_NAMES)[number];

export interface Check {
  name: CheckName;
  result: CheckResult;
  /** what was found, or what is missing */
  detail: string;
}

export const asserted = (name: CheckName, detail: string): Check => ({ name, result: 'asserted', detail: printable(detail) });
export const refuted = (name: CheckName, detail: string): Check => ({ name, result: 'refuted', detail: printable(detail) });
export const unknown = (name: CheckName, detail: string): Check => ({ name, result: 'unknown', detail: printable(detail) });

/** Names in certificates are anybody's text until they are checked: none may move a cursor or begin a line. */
const printable = (text: string): string => text.replace(/\p{C}/gu, '\uFFFD');

/** Asserted when there is no fault. */
export const faultless = (name: CheckName, fault: string | null, detail: string): Check =>
  fault === null ? asserted(name, detail) : refuted(name, fault);
export const holds = (name: CheckName, isSo: boolean, detail: string, otherwise: string): Check =>
  faultless(name, isSo ? null : otherwise, detail);
