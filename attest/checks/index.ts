/**
 * A client's own look at a quote and at Intel's collateral, apart from the contracts': other code for certificates, signatures,
 * lists and TCB levels, each check with its own result. tests/attest/checks.spec.ts holds both against each other.
 */
import type { CollateralDocuments } from '../collateral';
import { refuse } from '../errors';
import type { Quote } from '../quote';
import { checkCollateral } from './collateral';
import { checkOwnChain, type Wanted } from './quote';
import { type Check, unknown } from './result';
import type { Status } from './tcb';

export { CHECK_NAMES, type Check, type CheckName, type CheckResult } from './result';
export { imageHashOf } from './quote';

export interface Expectations extends Wanted {
  collateral?: CollateralDocuments;
  /** TCB statuses that are taken; default: UpToDate */
  tcbStatuses?: readonly Status[];
  /** least evaluation number of Intel's, as a registry's governing set has it */
  leastEvaluation?: number;
}

/**
 * Every check, in the order of CHECK_NAMES. What was not given to check by is `unknown`; nothing stands that has a `refuted`
 * check, and a caller decides which `unknown` ones it can bear.
 * @param quote of `parseQuote`
 * @throws AttestationError `attest.checks.now`; `attest.collateral.text` for signed collateral that is no JSON
 */
export async function checkQuote(quote: Quote, { collateral, tcbStatuses = ['UpToDate'], leastEvaluation, ...wanted }: Expectations): Promise<Check[]> {
  if (!Number.isSafeInteger(wanted.now)) refuse('checks.now', 'the time of the checks is none', 'Unix seconds', String(wanted.now));
  const { checks, facts } = await checkOwnChain(quote, wanted);
  const rest = collateral
    ? await checkCollateral(collateral, facts, { ...wanted, accepted: tcbStatuses, leastEvaluation })
    : (['tcb-info', 'qe-identity', 'root-crl', 'pck-crl', 'revocation', 'platform', 'tcb-status', 'evaluation'] as const).map((name) => unknown(name, 'no collateral was given'));
  return [...checks, ...rest];
}
