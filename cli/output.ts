import picocolors from 'picocolors';
import { CocoonError } from '../protocol/errors';

/** Where a command writes: results to stdout, everything else to stderr. */
export interface Output {
  readonly json: boolean;
  /** One line of progress, on stderr. */
  progress(line: string): void;
  /** One intermediate JSON document (only with --json); the last line of stdout is always the result. */
  event(value: object): void;
  /** The command's result: with --json one JSON document on one line, else `text`. */
  result(value: unknown, text: string): void;
}

/** Where everything is written; tests put their own here. */
export const streams: { stdout: Pick<NodeJS.WritableStream, 'write'>; stderr: Pick<NodeJS.WritableStream, 'write'> } = {
  stdout: process.stdout,
  stderr: process.stderr,
};

/** Colours for a terminal only: picocolors by itself also colours files and pipes where the variable CI is set. */
const pc = picocolors.createColors(picocolors.isColorSupported && process.stderr.isTTY === true);

/** @param json whether the user asked for --json */
export function createOutput(json: boolean): Output {
  const { stdout, stderr } = streams;
  return {
    json,
    progress: (line) => void stderr.write(`${pc.dim('·')} ${line}\n`),
    event: (value) => void (json && stdout.write(`${toJson(value)}\n`)),
    result: (value, text) => void stdout.write(json ? `${toJson(value)}\n` : `${text.replace(/\n$/, '')}\n`),
  };
}

/** A line for each member of a report: its name, padded, and its value. */
export const linesOf = (report: object): string => {
  const width = Math.max(...Object.keys(report).map((name) => name.length));
  return Object.entries(report).map(([name, value]) => `${name.padEnd(width)}  ${value === null ? '-' : String(value)}`).join('\n');
};

/** JSON in which a bigint is a number where that is exact, and a decimal string where it is not. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item !== 'bigint') return item;
    return item <= BigInt(Number.MAX_SAFE_INTEGER) && item >= -BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(item)
      : String(item);
  });
}

/** The message that a user sees for an error: code, what was expected and received, what to do; no stack trace. */
export function formatError(error: unknown): string {
  if (!(error instanceof CocoonError)) {
    const message = error instanceof Error ? error.message : String(error);
    return `${pc.red('error')} internal: ${message}\n  hint: this is a defect; run again with --debug and report it`;
  }
  const lines = [`${pc.red('error')} ${error.code}: ${error.shortMessage}`];
  if (error.expected !== undefined) lines.push(`  expected: ${error.expected}`);
  // What came may be anybody's text: none may move a cursor or begin a line.
  if (error.received !== undefined) lines.push(`  received: ${error.received.replace(/\p{C}/gu, '\uFFFD')}`);
  if (error.hint !== undefined) lines.push(`  hint: ${error.hint}`);
  return lines.join('\n');
}

/** The same as one JSON object, printed on stderr with --json. */
export function errorToJson(error: unknown, exitCode: number): object {
  if (!(error instanceof CocoonError)) {
    return { error: { code: 'internal', message: error instanceof Error ? error.message : String(error), exitCode } };
  }
  const { code, shortMessage: message, expected, received, hint } = error;
  return { error: { code, message, expected, received, hint, exitCode } };
}

/** nanoTON as TON with all its digits, for example `0.0125 TON`. */
export function formatTon(nano: bigint): string {
  const sign = nano < 0n ? '-' : '';
  const digits = (nano < 0n ? -nano : nano).toString().padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0+$/, '');
  return `${sign}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`} TON`;
}
