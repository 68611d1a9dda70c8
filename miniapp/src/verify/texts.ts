/** Names and explanations of claims, as keys of texts. */
import type { MessageKey } from '../i18n';
import type { ClaimId, ClaimSource, ClaimStatus, VerdictLevel } from '../types';

type Pascal<T extends string> = T extends `${infer Head}-${infer Tail}` ? `${Capitalize<Head>}${Pascal<Tail>}` : Capitalize<T>;

/** `stake-active` to `StakeActive`. */
const pascal = <T extends string>(words: T): Pascal<T> => words.replace(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase()) as Pascal<T>;

/** A few words. */
export const claimName = (id: ClaimId): MessageKey => `verify.name${pascal(id)}`;
/** What it means, and why it matters. */
export const aboutClaim = (id: ClaimId): MessageKey => `verify.about${pascal(id)}`;
export const statusText = (status: ClaimStatus): MessageKey => `verify.status${pascal(status)}`;
export const sourceText = (source: ClaimSource): MessageKey => `verify.source${pascal(source)}`;
/** The badge's word, and the sentence beside it. */
export const levelText = (level: VerdictLevel): { word: MessageKey; sentence: MessageKey } =>
  ({ word: `verify.level${pascal(level)}`, sentence: `verify.aboutLevel${pascal(level)}` });

/** Unix seconds as a date and a time. */
export const dateText = (unix: number): string => `${new Date(1000 * unix).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
