/** Why contracts refuse a quote or its collateral, in words. */
import { COLLATERAL_ERRORS, QUOTE_ERRORS, type AttestReason } from '../../wrappers';

const EXIT_REASONS: Record<number, string> = {
  [QUOTE_ERRORS.p256Proof]: 'a proof of a signature has another form',
  [QUOTE_ERRORS.p256Point]: 'a point of a proof is not what it should be',
  [QUOTE_ERRORS.p256Signature]: 'a signature does not verify',
  [QUOTE_ERRORS.certificate]: 'a certificate has another form than Intel\'s',
  [QUOTE_ERRORS.notYetValid]: 'a certificate is not valid yet at this time',
  [QUOTE_ERRORS.noLongerValid]: 'a certificate is no longer valid at this time',
  [QUOTE_ERRORS.issuer]: 'a certificate is not of the CA or signer of Intel\'s that it should be of',
  [QUOTE_ERRORS.extension]: 'the SGX extension has another form',
  [QUOTE_ERRORS.notATdxQuote]: 'not a TDX quote with a P-256 key by Intel\'s quoting enclave',
  [QUOTE_ERRORS.quoteLength]: 'a part has another length',
  [QUOTE_ERRORS.debug]: 'the TD can be debugged',
  [QUOTE_ERRORS.tdAttributes]: 'the TD attributes have reserved bits, or lack SEPT_VE_DISABLE',
  [QUOTE_ERRORS.seam]: 'the TDX module is not Intel\'s own',
  [QUOTE_ERRORS.keyBinding]: 'the QE report is not about the attestation key',
  [QUOTE_ERRORS.qeIdentity]: 'the report is not of Intel\'s TD quoting enclave',
  [COLLATERAL_ERRORS.date]: 'a date of the collateral is none',
  [COLLATERAL_ERRORS.json]: 'the collateral has another form than Intel gives it',
  [COLLATERAL_ERRORS.otherPlatform]: 'the TCB info is of another FMSPC',
  [COLLATERAL_ERRORS.tooManyLevels]: 'the collateral has more TCB levels than a contract keeps',
  [COLLATERAL_ERRORS.crl]: 'a revocation list has another form than Intel\'s',
  [COLLATERAL_ERRORS.crlFull]: 'a revocation list has more entries than a contract keeps',
  [COLLATERAL_ERRORS.revokedIssuer]: 'the collateral is signed by a certificate that the root revoked',
  [COLLATERAL_ERRORS.outOfTime]: 'the collateral was issued later than this time, or is past its next update',
};

export const exitReason = (exitCode: number): string => EXIT_REASONS[exitCode] ?? `the contract refused it with exit code ${exitCode}`;

/** Reasons of the star of messages; the last ones only a registration can give. */
export const ATTEST_WORDS: Record<AttestReason, string> = {
  fine: 'nothing speaks against it',
  'collateral-missing': 'there is no collateral for this platform',
  'collateral-expired': 'the collateral is past its next update',
  'certificate-revoked': 'a certificate of the chain is revoked',
  'other-pce': 'the collateral is about another PCE',
  'no-level': 'the platform is below every TCB level that Intel lists, or its module or quoting enclave is unknown',
  image: 'the image is not in force',
  'tcb-status': 'the TCB status is not one that the policy takes',
  'other-root': 'the registry trusts another root',
  'stake-refused': 'the stake refused the key: stake too low, slots full, or another sealing key',
  'no-answer': 'an account did not answer',
  'old-evaluation': 'the collateral is of an older evaluation number of Intel\'s than the registry takes: newer one helps',
  'other-ca': 'the PCK certificate was signed by another key than the CA\'s of the collateral',
};
