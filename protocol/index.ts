export { CocoonError, type ErrorDetails } from './errors';
export { ProtocolError } from './protocolError';
export * from './constants';
export { concatBytes, equalBytes, toHex, uintBytes } from './bytes';
export { cellDepth, cellHash, CellReader, CellWriter, type PlainCell } from './cells';
export { decodeBoc, encodeBoc, MAX_BOC_BYTES } from './boc';
export {
  CHAIN_CELL_BYTES,
  chainCells,
  decodeByteChain,
  encodeByteChain,
  OUTPUT_INLINE_BYTES,
  REQUEST_INLINE_BYTES,
} from './byteChain';
export { decodeTerms, encodeTerms, type Terms, termsHash } from './terms';
export {
  type Decline,
  declineHash,
  decodeDecline,
  decodeReceipt,
  encodeDecline,
  encodeReceipt,
  encodeReceiptClaims,
  type Receipt,
  receiptHash,
  receiptsConflict,
  type StatementHeader,
} from './receipt';
export {
  type Acceptance,
  acceptanceHash,
  type ChallengeGrant,
  challengeGrantHash,
  decodeAcceptance,
  decodeChallengeGrant,
  decodeVoucher,
  encodeAcceptance,
  encodeChallengeGrant,
  encodeVoucher,
  type Voucher,
  voucherHash,
} from './payments';
export { type Build, buildHash, decodeBuild, encodeBuild } from './build';
export { cardRoot } from './modelCard';
export { decodeKeyClaim, encodeKeyClaim, type KeyClaim, keyClaimHash } from './keyClaim';
export {
  commit,
  type CommitmentLabel,
  GREEDY_SAMPLING,
  type InferenceRequest,
  opens,
  labelSalt,
  requestLeaves,
  requestRoot,
  responseLeaves,
  treeSiblings,
  responseRoot,
  ROW_TOKENS,
  samplingSeed,
  type SamplingTerms,
  treeRoot,
} from './commitments';
export { decodeResponse, encodeResponse, RESPONSE_HEADER_BYTES, type ResponsePlaintext } from './response';
export {
  type AskedTerms,
  buildTerms,
  decodePayload,
  encodePayload,
  type JobContext,
  requestCommitment,
  type RequestPayload,
} from './payload';
export {
  MAX_ENVELOPE_BYTES,
  openRequest,
  openResponse,
  type OpenedEnvelope,
  PADDING_BLOCK,
  publicRequest,
  type ResponsePiece,
  type SealBinding,
  sealingPublicKey,
  sealRequest,
  sealResponse,
} from './sealing';
export { type Ed25519, portableEd25519 } from './signing';
export {
  type AnswerFault,
  checkAnswer,
  type CheckedAnswer,
  type ComputedAnswer,
  MAX_RECEIPT_SKEW_SECONDS,
  outputHash,
  prepareAnswer,
  type SignedAnswer,
} from './answer';
export { type KeyBinding, reportDataOf } from './keyBinding';
export * from './channel';
export { exportChannelAnswer, exportJobAnswer, type ReceiptFile, type VerifiedReceipt, verifyReceiptFile } from './receiptFile';
