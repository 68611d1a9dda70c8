/** A raw quote through the code of the contracts, and what it makes of it in words. */
import { quoteCell } from '../../attest/cells';
import { AttestationError } from '../../attest/errors';
import { parseQuote, type Quote } from '../../attest/quote';
import { INTEL_ROOT, QUOTE_ERRORS } from '../../wrappers';
import { SandboxChecker } from './sandboxChecker';

export interface QuoteReport {
  accepted: boolean;
  /** why not; null when accepted */
  reason: string | null;
  /** of the contract; null when accepted, or when no proof could be made for it */
  exitCode: number | null;
  gas: number | null;
  /** SHA-256 of MRTD and RTMR0 to RTMR3 */
  imageHash: string | null;
  fmspc: string | null;
  /** needs collateral, which --chain-only leaves out */
  tcbStatus: null;
  debug: boolean;
  /** MRSERVICETD is not zero; shown, not judged */
  serviceTd: boolean;
  reportData: string;
}

const REASONS: Record<number, string> = {
  [QUOTE_ERRORS.p256Proof]: 'a proof of a signature has another form',
  [QUOTE_ERRORS.p256Point]: 'a point of a proof is not what it should be',
  [QUOTE_ERRORS.p256Signature]: 'a signature does not verify',
  [QUOTE_ERRORS.certificate]: 'a certificate has another form than Intel\'s',
  [QUOTE_ERRORS.notYetValid]: 'a certificate is not valid yet at this time',
  [QUOTE_ERRORS.noLongerValid]: 'a certificate is no longer valid at this time',
  [QUOTE_ERRORS.issuer]: 'a certificate was not issued by Intel\'s PCK Platform or Processor CA',
  [QUOTE_ERRORS.extension]: 'the SGX extension has another form',
  [QUOTE_ERRORS.notATdxQuote]: 'not a TDX quote with a P-256 key by Intel\'s quoting enclave',
  [QUOTE_ERRORS.quoteLength]: 'a part has another length',
  [QUOTE_ERRORS.debug]: 'the TD can be debugged',
  [QUOTE_ERRORS.tdAttributes]: 'the TD attributes have reserved bits, or lack SEPT_VE_DISABLE',
  [QUOTE_ERRORS.seam]: 'the TDX module is not Intel\'s own',
  [QUOTE_ERRORS.keyBinding]: 'the QE report is not about the attestation key',
  [QUOTE_ERRORS.qeIdentity]: 'the report is not of Intel\'s TD quoting enclave',
};

/**
 * Up to Intel's root, without collateral, image policy and registration.
 * @throws AttestationError `attest.quote.<reason>` for what is no TDX quote
 */
export async function verifyChain(bytes: Uint8Array, now: number): Promise<QuoteReport> {
  const quote = parseQuote(bytes);
  const { tdAttributes, reportData, mrServiceTd } = quote.body;
  const shown = {
    tcbStatus: null, debug: (tdAttributes[0] & 1) === 1, serviceTd: mrServiceTd?.some((byte) => byte !== 0) ?? false,
    reportData: reportData.toString('hex'),
  };
  const cell = cellOf(quote);
  if (typeof cell === 'string') {
    return { accepted: false, reason: cell, exitCode: null, gas: null, imageHash: null, fmspc: null, ...shown };
  }
  const verdict = await (await SandboxChecker.create(INTEL_ROOT)).verify(cell, now);
  if (!verdict.accepted) {
    const { exitCode } = verdict;
    const reason = REASONS[exitCode] ?? `the contract refused it with exit code ${exitCode}`;
    return { accepted: false, reason, exitCode, gas: null, imageHash: null, fmspc: null, ...shown };
  }
  const { facts: { imageHash, platform: { fmspc } }, gas } = verdict;
  const hex = (x: bigint, length: number) => x.toString(16).padStart(2 * length, '0');
  return { accepted: true, reason: null, exitCode: null, gas, imageHash: hex(imageHash, 32), fmspc: hex(fmspc, 6), ...shown };
}

/** The cells with their proofs, or why there are none. */
function cellOf(quote: Quote): ReturnType<typeof quoteCell> | string {
  try {
    return quoteCell(quote, INTEL_ROOT);
  } catch (error) {
    if (error instanceof AttestationError) return error.message;
    throw error;
  }
}
