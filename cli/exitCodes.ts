import { CocoonError } from '../protocol/errors';

/** Exit codes of `cocoon`; docs/cli.md shows the same table and a test compares the two. */
export const EXIT_CODES = {
  ok: 0,
  usage: 2,
  configuration: 3,
  network: 4,
  chain: 5,
  verification: 6,
  engine: 7,
  storage: 8,
  internal: 70,
  interrupted: 130,
} as const;

/** The first part of an error's code decides; the first match counts. */
const BY_PREFIX: readonly [RegExp, number][] = [
  [/^(usage|input|request|codec|prompt|tokeni[sz]er)\b/, EXIT_CODES.usage],
  [/^(config|devnet-network-id)\b/, EXIT_CODES.configuration],
  [/^network\b/, EXIT_CODES.network],
  [/^(chain|channel|escrow|gateway|job)\b/, EXIT_CODES.chain],
  [/^(verification|seal|receipt|attest|dispute|circuit|zkey)\b/, EXIT_CODES.verification],
  [/^(engine|webgpu|gpu|exact|model|prover)\b/, EXIT_CODES.engine],
  [/^storage\b/, EXIT_CODES.storage],
  [/^interrupted$/, EXIT_CODES.interrupted],
  // protocol/, wrappers/ and devnet/ name the rule that was broken.
  [/^((request|endpoint|frame)-too-long|bad-governance|wrong-length|address-not-basechain|cell-overflow)$/, EXIT_CODES.usage],
  [/^(stop-set|.*out-of-range)$/, EXIT_CODES.usage],
  [/^(not-a|bad|malformed|unreadable|unknown-version|unknown-frame|unexpected-frame|hello-first|other-channel|session-over|sequence-used|wrong-tag|reserved-bits)\b/, EXIT_CODES.verification],
];

/** Exit code for any thrown value; what is not one of ours is a defect (70). */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof CocoonError)) return EXIT_CODES.internal;
  const code = error.code.toLowerCase().replace(/_/g, '-');
  return BY_PREFIX.find(([pattern]) => pattern.test(code))?.[1] ?? EXIT_CODES.internal;
}
