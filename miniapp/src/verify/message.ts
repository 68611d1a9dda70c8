/** What a message's receipt proves about the very bytes that the screen shows. */
import { toHex } from '../../../protocol/bytes';
import { TokenTextDecoder } from '../../../gateway/text/textDecoder';
import { Tier } from '../../../protocol/constants';
import type { VerifiedReceipt } from '../../../protocol/receiptFile';
import type { MessageKey } from '../i18n';
import { tonText } from '../tonText';
import { type Claim, type ClaimId, type ClaimStatus, type HeldAnswer, MESSAGE_CLAIMS, type PageTokenizer, type Text, type TierName, type Verdict } from '../types';
import { claim } from './claims';

/** What is shown now. */
export interface Shown {
  prompt: string;
  answer: string;
}

/** What was known of the provider when the message was sent: to which key, and that it could be sent. */
export interface Then {
  workerKey: string;
  tier: TierName;
  /** Zero for a bonded key. */
  imageHash: string;
  verdict: Verdict;
}

export interface MessageContext {
  /** null for a receipt that somebody else brought. */
  then: Then | null;
  /** `laterClaims` of the newest look at the provider; none yet: what was known then counts. */
  later?: readonly Claim[];
}

/**
 * Every claim of MESSAGE_CLAIMS. The receipt is verified anew: nothing that was found while the answer streamed is believed.
 * @param tokenizer of the model that was asked; null while it is not loaded
 */
export async function messageClaims(held: HeldAnswer, shown: Shown, tokenizer: PageTokenizer | null, { then, later }: MessageContext): Promise<Claim[]> {
  const recomputed = derived('recomputed', 'unknown', held.offer.tier === 'bonded' ? 'verify.recomputeBonded' : 'verify.recomputeAttested');
  if (held.file === null) return [...others(['recomputed'], held.state === 'streaming' ? 'verify.streaming' : 'verify.noReceipt'), recomputed];
  const { verifyReceiptFile } = await import('../../../protocol/receiptFile');
  let verified: VerifiedReceipt;
  try {
    verified = verifyReceiptFile(held.file);
  } catch (error) {
    return [...refusedReceipt(error), ...otherClaims(later, then), recomputed];
  }
  const own = tokenizer?.modelRoot === held.offer.modelRoot ? tokenizer : null;
  return [
    requestBound(held, shown, own, verified), derived('receipt-signed', 'asserted', 'verify.receiptSigned', { key: toHex(verified.terms.workerKey) }),
    answerBound(shown, own, verified), streamWhole(held, verified), amountDue(held, verified), keyThen(verified, then), ...unslashed(later, then), recomputed,
  ];
}

function refusedReceipt(error: unknown): Claim[] {
  const code = String((error as { code?: unknown }).code ?? error);
  const isAnswer = code === 'RECEIPT_OTHER_TOKENS';
  const bad: ClaimId = isAnswer ? 'answer-bound' : 'receipt-signed';
  const refuted = derived(bad, 'refuted', isAnswer ? 'verify.answerOther' : 'verify.receiptBad', { fault: code.replace(/^RECEIPT_/, '').toLowerCase().replace(/_/g, ' ') });
  return [refuted, ...others([bad, 'key-then', 'provider-unslashed', 'recomputed'], 'verify.receiptNotRead')];
}

const otherClaims = (later: MessageContext['later'], then: Then | null): Claim[] => [derived('key-then', 'unknown', 'verify.receiptNotRead'), ...unslashed(later, then)];

function requestBound({ offer }: HeldAnswer, { prompt }: Shown, tokenizer: PageTokenizer | null, { terms, promptTokens }: VerifiedReceipt): Claim {
  const id = 'request-bound';
  const named: [Uint8Array, string, string][] = [[terms.stake, offer.stake, 'stake'], [terms.workerKey, offer.workerKey, 'key'], [terms.modelRoot, offer.modelRoot, 'model']];
  const other = named.find(([bytes, hex]) => toHex(bytes) !== hex);
  if (other !== undefined) return derived(id, 'refuted', 'verify.requestOther', { what: other[2] });
  if (tokenizer === null) return derived(id, 'unknown', 'verify.noTokenizer');
  const tokens = encoded(tokenizer, prompt);
  const isSame = tokens?.length === promptTokens.length && tokens.every((token, index) => token === promptTokens[index]);
  return isSame ? derived(id, 'asserted', 'verify.requestBound') : derived(id, 'refuted', 'verify.promptOther');
}

/** null for a prompt that the model does not take: no request was made of it. */
function encoded(tokenizer: PageTokenizer, prompt: string): number[] | null {
  try {
    return tokenizer.encode(prompt);
  } catch {
    return null;
  }
}

function answerBound(shown: Shown, tokenizer: PageTokenizer | null, { tokens, receipt }: VerifiedReceipt): Claim {
  const id = 'answer-bound';
  if (tokenizer === null) return derived(id, 'unknown', 'verify.noTokenizer');
  const decoder = new TokenTextDecoder(tokenizer);
  const text = tokens.map((token) => decoder.push(token)).join('') + (receipt.final ? decoder.end() : '');
  return text === shown.answer ? derived(id, 'asserted', 'verify.answerBound') : derived(id, 'refuted', 'verify.answerOther');
}

const streamWhole = ({ state }: HeldAnswer, { receipt }: VerifiedReceipt): Claim =>
  (receipt.final ? derived('stream-whole', 'asserted', 'verify.streamWhole') : derived('stream-whole', 'unknown', state === 'streaming' ? 'verify.streaming' : 'verify.incomplete'));

/** That the amount follows from terms and tokens, the receipt's own check says; here, that these are the prices that were offered, and what is shown. */
function amountDue({ offer, cost }: HeldAnswer, { terms, receipt }: VerifiedReceipt): Claim {
  const isOffered = terms.promptPrice === offer.promptPrice && terms.outputPrice === offer.outputPrice && terms.fixedPrice === 0n;
  const params = { ton: tonText(receipt.dueNano) };
  if (!isOffered) return derived('amount-due', 'refuted', 'verify.pricesOther', params);
  return receipt.dueNano === cost ? derived('amount-due', 'asserted', 'verify.amountDue', params) : derived('amount-due', 'refuted', 'verify.amountOther', params);
}

function keyThen({ terms }: VerifiedReceipt, then: Then | null): Claim {
  const id = 'key-then';
  if (then === null) return derived(id, 'unknown', 'verify.keyNotSeen');
  if (toHex(terms.workerKey) !== then.workerKey || terms.tier !== Tier[then.tier] || toHex(terms.imageHash) !== then.imageHash) return derived(id, 'refuted', 'verify.keyOther');
  return then.verdict.canSend ? derived(id, 'asserted', 'verify.keyThen') : derived(id, 'unknown', 'verify.keyNotProven');
}

function unslashed(later: MessageContext['later'], then: Then | null): Claim[] {
  if (later !== undefined && later.length > 0) return [...later];
  const id = 'provider-unslashed';
  return [then?.verdict.canSend ? claim(id, 'asserted', 'chain-agreed', { key: 'verify.unslashedThen' }) : claim(id, 'unknown', 'chain-agreed', { key: 'verify.notLooked' })];
}

const derived = (id: ClaimId, status: ClaimStatus, key: MessageKey, params?: Text['params']): Claim => claim(id, status, 'verifier-derived', { key, params });
const others = (but: readonly ClaimId[], key: MessageKey): Claim[] => MESSAGE_CLAIMS.filter((id) => !but.includes(id)).map((id) => derived(id, 'unknown', key));
