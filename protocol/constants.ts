/** Networks by the id in their configuration parameter 19. */
export const MAINNET_ID = -239;
export const TESTNET_ID = -3;
export const DEVNET_ID = 2026;

/** First 32 bits of each signed object: ASCII. */
export const TAG_TERMS = 0x4f435431; // OCT1
export const TAG_WORKER_STATEMENT = 0x4f435731; // OCW1: Receipt and Decline
export const TAG_VOUCHER = 0x4f435631; // OCV1
export const TAG_ACCEPTANCE = 0x4f434131; // OCA1
export const TAG_CHALLENGE_GRANT = 0x4f434731; // OCG1
export const TAG_KEY_CLAIM = 0x4f434b31; // OCK1
export const TAG_BUILD = 0x4f434231; // OCB1
export const TAG_KEY_BINDING = 0x4f435131; // OCQ1: hashed as bytes, not as a cell
export const TAG_PROOF_CONTEXT = 0x4f435831; // OCX1: hashed, public input of a proof

/** Semantics of exact arithmetic that this version computes (docs/exact-arithmetic.md). */
export const SEMANTICS = 2;

/** First of the semantics that are no exact arithmetic: nobody can compute their answers again, bit for bit. */
const FIRST_WITHOUT_ARITHMETIC = 0x8000;
/** A server computes (vLLM, SGLang, llama.cpp), and modelRoot is that of a model card (protocol/modelCard.ts). */
export const CARD_SEMANTICS = 0x8001;
/** Whether answers have a trace, and a stake can stand for them. */
export const isExact = (semantics: number): boolean => semantics < FIRST_WITHOUT_ARITHMETIC;

/** What stands behind an answer. */
export const Tier = { bonded: 0, attested: 1, zk: 2 } as const;
export type TierValue = (typeof Tier)[keyof typeof Tier];

/** Who can read request and answer on chain. */
export const Visibility = { sealed: 0, public: 1 } as const;
export type VisibilityValue = (typeof Visibility)[keyof typeof Visibility];

/** Bits of Terms.flags. */
export const TermsFlag = {
  /** The sampling seed leaves out escrow and sequence: the same request gives the same answer again. */
  reproducibleSeed: 1,
  /** The job is a CheckedJobEscrow: it asks the stake about the worker key before it opens. */
  checkKey: 2,
  /** The escrow adds chain entropy to the seed. Not in this version. */
  chainEntropy: 4,
} as const;

/** Why an answer ended. `cancelled` never stands in a final receipt. */
export const FinishReason = { stop: 0, length: 1, cancelled: 2 } as const;
export type FinishReasonValue = (typeof FinishReason)[keyof typeof FinishReason];

/** Why a worker gave a job back. */
export const DeclineReason = {
  unreadableRequest: 1,
  termsMismatch: 2,
  unknownModel: 3,
  unsupportedTerms: 4,
  requestMismatch: 5,
  tooLong: 6,
  deadlineTooClose: 7,
  outputTooLarge: 8,
  overloaded: 9,
} as const;
export type DeclineReasonValue = (typeof DeclineReason)[keyof typeof DeclineReason];
