export {
  CHUNK_TOKENS, dueFor, firstPiece, payableBeyond, type Prices, type Progress, PROMPT_PIECE_TOKENS,
} from './pricing';
export { helloHash, RequestOpener, RequestSealer, SESSION_REQUESTS, type SessionBinding } from './session';
export {
  buildChannelRequest, type ChannelRequest, type CheckedPiece, isSignedFault, type MadePiece, MAX_STREAM_SKEW_SECONDS, type PieceFault, preparePiece, receiptOf,
  type SealedPiece,
  StreamChecker,
} from './pieces';
export { decodeRefusal, encodeRefusal, type Refusal, refusalHash, RefusalReason, type RefusalReasonValue } from './refusal';
export {
  type Cancel, CHANNEL_WIRE_VERSION, type ChannelFrame, decodeFrame, encodeFrame, type Hello, MAX_SEALED_BYTES, NO_VOUCHER, type Payment,
  type PieceFrame, type RefusalFrame, type RequestFrame, type SignedAmount, type Welcome,
} from './frames';
