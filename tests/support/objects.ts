import fc from 'fast-check';
import type { Acceptance, Build, ChallengeGrant, Decline, KeyClaim, Receipt, Refusal, Terms, Voucher } from '../../protocol';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const uint = (bits: number) => (bits <= 32 ? fc.integer({ min: 0, max: 2 ** bits - 1 }) : fc.nat());
const hash = bytes(32);
const network = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
export const coins = fc.oneof(
  fc.constant(0n),
  fc.bigInt({ min: 0n, max: (1n << 120n) - 1n }),
  fc.bigInt({ min: 0n, max: 1_000_000n }),
);
const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

/** Random objects of every signed kind, extremes included. */
export const arbitraryTerms: fc.Arbitrary<Terms> = fc.record({
  networkId: network,
  tier: uint(3),
  visibility: uint(1),
  flags: uint(4),
  semantics: uint(16),
  client: hash,
  stake: hash,
  workerKey: hash,
  salt: bytes(16),
  modelRoot: hash,
  requestCommit: hash,
  responseKeyHash: hash,
  maxTokens: uint(32),
  expiresAt: uint(32),
  promptPrice: coins,
  outputPrice: coins,
  fixedPrice: coins,
  coverage: coins,
  imageHash: hash,
});
export const arbitraryReceipt: fc.Arbitrary<Receipt> = fc.record({
  networkId: network,
  termsHash: hash,
  escrow: hash,
  seq: uint(32),
  index: uint(32),
  final: fc.boolean(),
  finishReason: uint(3),
  issuedAt: uint(32),
  dueNano: uint64,
  sealedHash: hash,
  responseCommit: hash,
  traceCommit: hash,
  promptTokens: uint(32),
  outputTokens: uint(32),
});
export const arbitraryDecline: fc.Arbitrary<Decline> = fc.record({
  networkId: network,
  termsHash: hash,
  escrow: hash,
  reason: uint(8),
});
export const arbitraryRefusal: fc.Arbitrary<Refusal> = fc.record({
  networkId: network,
  termsHash: hash,
  escrow: hash,
  seq: uint(32),
  reason: uint(8),
  retryAfter: uint(32),
});
export const arbitraryVoucher: fc.Arbitrary<Voucher> = fc.record({
  networkId: network,
  channel: hash,
  final: fc.boolean(),
  amount: coins,
});
export const arbitraryAcceptance: fc.Arbitrary<Acceptance> = fc.record({
  networkId: network,
  escrow: hash,
  stake: hash,
  termsHash: hash,
  acceptBy: uint(32),
  coverage: coins,
});
export const arbitraryGrant: fc.Arbitrary<ChallengeGrant> = fc.record({
  networkId: network,
  stake: hash,
  receiptHash: hash,
  challenger: hash,
  expires: uint(32),
});
export const arbitraryKeyClaim: fc.Arbitrary<KeyClaim> = fc.record({
  networkId: network,
  stake: hash,
  sealingKey: hash,
  endUnix: uint(32),
});
export const arbitraryBuild: fc.Arbitrary<Build> = fc.record({
  networkId: network,
  registry: hash,
  imageHash: hash,
  claims: uint(8),
  validUntil: uint(32),
});
