import type { ChannelRequest, PieceFault, PieceFrame } from '../../protocol';
import type { TokenRequest } from '../backend';

/** What was asked, without the signals of whoever asked. */
export type AskedTokens = Omit<TokenRequest, 'abort' | 'enough'>;

/** An answer that is over, whole or not, as the client holds it: nothing that it needs to prove what it got is missing. */
export interface DeliveredAnswer {
  /** Terms and payload, with the salts and the response key; channel and number. */
  request: ChannelRequest;
  asked: AskedTokens;
  /** All tokens that were accepted. */
  tokens: readonly number[];
  /** Every piece that was accepted, in order, as it came. The last one is final where the answer is whole. */
  pieces: readonly PieceFrame[];
  /** Set where the worker did not end what it began (it refused, went silent, or its connection is gone), or said other tokens than this machine computed. */
  isDoubtful?: true;
  /** The piece that was not accepted, and why; it ended the answer. */
  rejected?: { piece: PieceFrame; fault: PieceFault };
}

/** Hears of each answer when nothing more of it is said to the worker. It must not throw, and returns at once. */
export type AnswerObserver = (answer: DeliveredAnswer) => void;
