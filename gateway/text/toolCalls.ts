/**
 * Tool calls in an answer, as models trained on the Hermes format write them (NousResearch/Hermes-Function-Calling; Qwen 2.5
 * and 3 likewise): `<tool_call>{"name": "f", "arguments": {...}}</tool_call>`, any number, blanks anywhere between.
 */
import { randomBytes } from 'node:crypto';

export type ToolCallEvent =
  | { kind: 'text'; text: string }
  /** a call begins; its arguments follow in pieces */
  | { kind: 'call'; index: number; id: string; name: string }
  | { kind: 'arguments'; index: number; text: string }
  | { kind: 'callEnd'; index: number };

export const CALL_OPEN = '<tool_call>';
export const CALL_CLOSE = '</tool_call>';
/** Name first, as the format has it; then arguments can go out while they come. */
const CALL_HEAD = /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(?=\{)/;

/** Splits an answer into text and calls while it comes. What is no call stays text, nothing is lost. */
export class ToolCallParser {
  private held = '';
  private state: 'text' | 'call' | 'arguments' | 'tail' = 'text';
  private calls = 0;
  private scan = new ObjectScan();

  push(piece: string): ToolCallEvent[] {
    this.held += piece;
    const events: ToolCallEvent[] = [];
    while (this.step(events));
    return events;
  }

  /** No more text comes: a whole call without its closing tag is still a call. */
  end(): ToolCallEvent[] {
    const { state, held } = this;
    this.held = '';
    if (state === 'text') return this.textEvents(held);
    if (state === 'call') return this.wholeCall(held) ?? this.textEvents(`${CALL_OPEN}${held}`);
    return state === 'tail' ? [{ kind: 'callEnd', index: this.calls - 1 }] : [];
  }

  /** Whether it came further. */
  private step(events: ToolCallEvent[]): boolean {
    if (this.state === 'text') return this.readText(events);
    if (this.state === 'call') return this.readCall(events);
    if (this.state === 'arguments') return this.readArguments(events);
    // Whatever else stands between the arguments and the closing tag is left out.
    const close = this.held.indexOf(CALL_CLOSE);
    if (close < 0) return false;
    this.held = this.held.slice(close + CALL_CLOSE.length);
    events.push({ kind: 'callEnd', index: this.calls - 1 });
    this.state = 'text';
    return true;
  }

  private readText(events: ToolCallEvent[]): boolean {
    const open = this.held.indexOf(CALL_OPEN);
    if (open >= 0) {
      events.push(...this.textEvents(this.held.slice(0, open), true));
      this.held = this.held.slice(open + CALL_OPEN.length);
      this.state = 'call';
      return true;
    }
    // The beginning of a tag waits, and the blanks in front of it, which are no content if a call follows.
    const certain = withoutBeginning(this.held, CALL_OPEN).trimEnd();
    events.push(...this.textEvents(certain));
    this.held = this.held.slice(certain.length);
    return false;
  }

  private readCall(events: ToolCallEvent[]): boolean {
    const head = CALL_HEAD.exec(this.held);
    const name = head ? jsonText(head[1]) : undefined;
    if (head && name !== undefined) {
      this.held = this.held.slice(head[0].length);
      events.push({ kind: 'call', index: this.calls++, id: callId(), name });
      this.scan = new ObjectScan();
      this.state = 'arguments';
      return true;
    }
    const close = this.held.indexOf(CALL_CLOSE);
    if (close < 0) return false;
    const inside = this.held.slice(0, close);
    this.held = this.held.slice(close + CALL_CLOSE.length);
    events.push(...this.wholeCall(inside) ?? this.textEvents(`${CALL_OPEN}${inside}${CALL_CLOSE}`));
    this.state = 'text';
    return true;
  }

  private readArguments(events: ToolCallEvent[]): boolean {
    const length = this.scan.push(this.held);
    const text = this.held.slice(0, length);
    this.held = this.held.slice(length);
    if (text !== '') events.push({ kind: 'arguments', index: this.calls - 1, text });
    if (!this.scan.done) return false;
    this.state = 'tail';
    return true;
  }

  /** A call in other than the usual order of members; undefined if it is none. */
  private wholeCall(json: string): ToolCallEvent[] | undefined {
    let value: unknown;
    try {
      value = JSON.parse(json);
    } catch {
      return undefined;
    }
    const { name, arguments: given = {} } = (value ?? {}) as { name?: unknown; arguments?: unknown };
    if (typeof name !== 'string') return undefined;
    const index = this.calls++;
    const text = typeof given === 'string' ? given : JSON.stringify(given);
    return [{ kind: 'call', index, id: callId(), name }, { kind: 'arguments', index, text }, { kind: 'callEnd', index }];
  }

  /** Blanks between calls are no content, nor are those in front of one. */
  private textEvents(text: string, isBeforeCall = false): ToolCallEvent[] {
    const kept = isBeforeCall ? text.trimEnd() : text;
    if (kept === '' || (this.calls > 0 && kept.trim() === '')) return [];
    return [{ kind: 'text', text: kept }];
  }
}

/** A text without the tail that could be the beginning of a tag. */
function withoutBeginning(text: string, tag: string): string {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(tag.slice(0, length))) return text.slice(0, -length);
  }
  return text;
}

/** Finds where a JSON object ends. */
class ObjectScan {
  done = false;
  private depth = 0;
  private inString = false;
  private escaped = false;

  /** How much of this piece still belongs to the object. */
  push(piece: string): number {
    for (let at = 0; at < piece.length; at++) {
      const character = piece[at];
      if (this.escaped) this.escaped = false;
      else if (this.inString) {
        if (character === '\\') this.escaped = true;
        else if (character === '"') this.inString = false;
      } else if (character === '"') this.inString = true;
      else if (character === '{' || character === '[') this.depth++;
      else if ((character === '}' || character === ']') && --this.depth === 0) {
        this.done = true;
        return at + 1;
      }
    }
    return piece.length;
  }
}

function jsonText(json: string): string | undefined {
  try {
    return JSON.parse(json) as string;
  } catch {
    return undefined;
  }
}

const callId = (): string => `call_${randomBytes(12).toString('hex')}`;
