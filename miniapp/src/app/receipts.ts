/** Receipt files of anybody's, shown as messages that were not asked here. */
import { decodeFrame, decodePayload, type ReceiptFile, Tier } from '../../../protocol';
import { fromHex } from '../chain';
import { toHex } from '../../../protocol/bytes';
import { PageError } from '../pageError';
import type { HeldAnswer, PageTokenizer } from '../types';
import type { Tokenizers } from './tokenizers';

/** Of the longest prompt and answer; every piece has a signature to check, and no more of them than a moment's work fit. */
const MOST_CHARACTERS = 4 * 2 ** 20;

/**
 * What a file says, not what it proves: `messageClaims` judges it.
 * @throws PageError `app.notReceipt` where it cannot even be shown
 */
export async function heldOf(text: string, now: number, tokenizers: Tokenizers): Promise<{ held: HeldAnswer; tokenizer: PageTokenizer | null }> {
  try {
    if (text.length > MOST_CHARACTERS) throw new Error('too long');
    const file = JSON.parse(text) as ReceiptFile & { kind: 'channel-answer' };
    if (file.kind !== 'channel-answer') throw new Error(String(file.kind));
    const { asked, request } = decodePayload(fromHex(file.payload));
    const [stake, workerKey] = [file.stake, file.workerKey].map((hex) => toHex(fromHex(hex, 32)));
    if (!Array.isArray(file.tokens)) throw new Error('tokens');
    const modelRoot = toHex(asked.modelRoot);
    const tokenizer = await tokenizers.of(modelRoot).catch(() => null);
    const tier = asked.tier === Tier.attested ? 'attested' : 'bonded';
    return {
      tokenizer,
      held: {
        id: `file-${crypto.randomUUID()}`, at: now, modelName: tokenizer === null ? modelRoot.slice(0, 8) : tokenizers.nameOf(modelRoot),
        offer: {
          stake, owner: '', tier, workerKey, sealingKey: '', imageHash: toHex(asked.imageHash), modelRoot, promptPrice: asked.promptPrice,
          outputPrice: asked.outputPrice, maxTokens: asked.maxTokens, contextTokens: 0, payout: '', claimKey: '', closeDelay: 0, channelPath: '',
        },
        prompt: tokenizer?.decode(request.promptTokens) ?? '', answer: tokenizer?.decode(file.tokens) ?? '', state: 'whole', file, promptTokens: request.promptTokens.length,
        outputTokens: file.tokens.length, cost: owed(file.pieces), most: 0n,
      },
    };
  } catch (cause) {
    throw new PageError('app.notReceipt', { key: 'app.notReceipt', params: { problem: cause instanceof Error ? cause.message : '' } }, cause);
  }
}

/** nanoTON that the last piece says are due; 0 where it says nothing that can be read. Whether it is so, the receipt's own check says. */
function owed(pieces: readonly string[]): bigint {
  try {
    const frame = decodeFrame(fromHex(pieces[pieces.length - 1]));
    return frame.kind === 'piece' ? frame.dueNano : 0n;
  } catch {
    return 0n;
  }
}
