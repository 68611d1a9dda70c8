/** A model's chat template as far as this page needs it: it asks single messages of the user alone, and has no room for Jinja. */

/**
 * What the template writes around the message. Its host finds it by rendering (miniapp/host/chatFrame.ts). The template itself is in the tokenizer section, but nothing here
 * proves that the frame is what it writes: this comes from the page's own origin like its code, and whoever serves a false frame could as well serve false code.
 */
export interface ChatFrame {
  before: string;
  after: string;
  /** At which ends of the message the template takes white space away, as String.trim does. */
  trims: keyof typeof TRIMS;
}

const TRIMS = {
  none: (text: string): string => text,
  start: (text: string): string => text.trimStart(),
  end: (text: string): string => text.trimEnd(),
  both: (text: string): string => text.trim(),
};

export const TRIM_NAMES = Object.keys(TRIMS) as (keyof typeof TRIMS)[];

/** What the template writes for a chat with this message alone. */
export const framed = ({ before, after, trims }: ChatFrame, message: string): string => `${before}${TRIMS[trims](message)}${after}`;

export function isFrame(value: unknown): value is ChatFrame {
  const { before, after, trims } = (value ?? {}) as Partial<ChatFrame>;
  return typeof before === 'string' && typeof after === 'string' && TRIM_NAMES.some((name) => name === trims);
}
