/** A raw quote through the code of the contracts, in words, beside a client's own checks of it. */
import { quoteCell } from '../../attest/cells';
import { type Check, checkQuote } from '../../attest/checks';
import type { CollateralDocuments } from '../../attest/collateral';
import { collateralCells } from '../../attest/collateralCells';
import { AttestationError } from '../../attest/errors';
import { parseQuote, type Quote } from '../../attest/quote';
import { INTEL_ROOT, type QuoteFacts, type TcbStatus } from '../../wrappers';
import { ATTEST_WORDS, exitReason } from './reasons';
import { SandboxChecker } from './sandboxChecker';

export interface QuoteReport {
  accepted: boolean;
  /** why not; null when accepted */
  reason: string | null;
  /** of the contract; null when accepted, or when it answered with a reason instead */
  exitCode: number | null;
  /** of the quote's chain */
  gas: number | null;
  /** SHA-256 of MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG and RTMR0 to RTMR3 */
  imageHash: string | null;
  fmspc: string | null;
  /** null without collateral, or when no level fits */
  tcbStatus: TcbStatus | null;
  debug: boolean;
  /** MRSERVICETD is not zero; judged with collateral, as a registration does */
  serviceTd: boolean;
  reportData: string;
  /** a client's own look, with other code than the contracts'; `accepted` is the contracts' word alone */
  checks: Check[];
}

/**
 * Up to Intel's root; with collateral also what a registration with the usual policy says of platform and service TD. Image,
 * report data and freshness are shown, not judged: nobody registers here.
 * @param collateralOf the collateral for an FMSPC, 12 hexadecimal digits; unset for the chain only
 * @throws AttestationError `attest.quote.<reason>` for what is no TDX quote
 */
export async function verifyFile(bytes: Uint8Array, now: number, collateralOf?: (fmspc: string) => CollateralDocuments): Promise<QuoteReport> {
  const quote = parseQuote(bytes);
  let collateral: CollateralDocuments | undefined;
  const report = await contractsSay(quote, now, collateralOf && ((fmspc) => (collateral = collateralOf(fmspc))));
  return { ...report, checks: await checkQuote(quote, { root: INTEL_ROOT, now, collateral }) };
}

async function contractsSay(quote: Quote, now: number, collateralOf?: (fmspc: string) => CollateralDocuments): Promise<Omit<QuoteReport, 'checks'>> {
  const { tdAttributes, reportData, mrServiceTd } = quote.body;
  const report = {
    accepted: false, reason: null, exitCode: null, gas: null, imageHash: null, fmspc: null, tcbStatus: null,
    debug: (tdAttributes[0] & 1) === 1, serviceTd: mrServiceTd?.some((byte) => byte !== 0) ?? false, reportData: reportData.toString('hex'),
  };
  const cell = orReason(() => quoteCell(quote, INTEL_ROOT));
  if (typeof cell === 'string') return { ...report, reason: cell };
  const checker = await SandboxChecker.create(INTEL_ROOT);
  const verdict = await checker.verify(cell, now);
  if (!verdict.accepted) return { ...report, reason: exitReason(verdict.exitCode), exitCode: verdict.exitCode };
  const { imageHash, platform: { fmspc } } = verdict.facts;
  const shown = { ...report, gas: verdict.gas, imageHash: hex(imageHash, 32), fmspc: hex(fmspc, 6) };
  if (!collateralOf) return { ...shown, accepted: true };
  return { ...shown, ...(await judged(checker, verdict.facts, now, collateralOf(shown.fmspc))) };
}

async function judged(checker: SandboxChecker, facts: QuoteFacts, now: number, collateral: CollateralDocuments): Promise<Partial<QuoteReport>> {
  const cells = orReason(() => collateralCells(collateral, INTEL_ROOT));
  if (typeof cells === 'string') return { reason: `collateral: ${cells}` };
  const answer = await checker.judge(cells, facts, now);
  if ('refused' in answer) return { reason: `collateral, ${answer.refused}: ${exitReason(answer.exitCode)}`, exitCode: answer.exitCode };
  if (answer.reason !== 'fine') return { reason: ATTEST_WORDS[answer.reason] };
  const { tcbStatus } = answer;
  if (tcbStatus !== 'UpToDate') return { tcbStatus, reason: `the TCB status is ${tcbStatus}; only UpToDate is taken unless a registry's policy says more` };
  if (facts.hasServiceTd) return { tcbStatus, reason: 'a service TD could migrate the TD: MRSERVICETD is not zero' };
  return { tcbStatus, accepted: true };
}

const hex = (x: bigint, length: number): string => x.toString(16).padStart(2 * length, '0');

/** The cells with their proofs, or why there are none. */
function orReason<T>(make: () => T): T | string {
  try {
    return make();
  } catch (error) {
    if (error instanceof AttestationError) return error.message;
    throw error;
  }
}
