import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { CocoonError } from '../protocol/errors';

/** What `npm run build` makes of bin.ts. */
export const BUILT_CLI = join(__dirname, '../build/cli.cjs');

/**
 * What Node is told for a gateway, by `npm run cocoon` as well: requests that run together outlive V8's usual young generation of 16 MB and are
 * copied again and again, a fifth of its CPU time. It grows only where much survives.
 */
export const GATEWAY_NODE_FLAGS = ['--max-semi-space-size=64'];

/** A `cocoon` subcommand that runs as an operating-system process of its own. */
export class Subprocess {
  private readonly lines: string[] = [];
  private readonly waiters: (() => void)[] = [];
  private readonly exited: Promise<number>;
  private stderr = '';
  private done = false;

  private constructor(
    readonly name: string,
    readonly child: ChildProcess,
    onStderr?: (line: string) => void,
  ) {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.lines.push(line);
      this.wake();
    });
    createInterface({ input: child.stderr! }).on('line', (line) => {
      this.stderr = `${this.stderr}${line}\n`.slice(-8_000);
      onStderr?.(line);
    });
    this.exited = new Promise((resolve) => {
      child.once('close', (code) => {
        this.done = true;
        this.wake();
        resolve(code ?? 128);
      });
    });
  }

  /** @param args subcommand and flags; secrets never go here, they are read from files or the environment */
  static start(
    name: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; onStderr?: (line: string) => void } = {},
  ): Subprocess {
    const child = spawn(process.execPath, [BUILT_CLI, ...args], {
      cwd: join(__dirname, '..'),
      env: { ...process.env, ...options.env, COCOON_PARENT: String(process.pid) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Subprocess(name, child, options.onStderr);
  }

  /** The next line of stdout as JSON. @throws CocoonError of the subprocess when it ends before. */
  async next<T>(): Promise<T> {
    while (this.lines.length === 0) {
      if (this.done) throw await this.failure();
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
    return JSON.parse(this.lines.shift()!) as T;
  }

  /** Waits for the end and returns the last line of stdout as JSON. */
  async result<T>(): Promise<T> {
    const code = await this.exited;
    if (code !== 0 || this.lines.length === 0) throw await this.failure();
    return JSON.parse(this.lines[this.lines.length - 1]) as T;
  }

  /** Exit code; 128 when a signal ended it. */
  get exitCode(): Promise<number> {
    return this.exited;
  }

  get errorText(): string {
    return this.stderr;
  }

  /** Asks it to stop, and kills it when it does not within `millis`. */
  async stop(millis = 5_000): Promise<void> {
    if (this.done) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), millis);
    await this.exited;
    clearTimeout(timer);
  }

  private wake(): void {
    this.waiters.splice(0).forEach((resolve) => resolve());
  }

  /** The error that the subprocess printed, so that its code decides our exit code too. */
  private async failure(): Promise<CocoonError> {
    const code = await this.exited;
    for (const line of this.stderr.trim().split('\n').reverse()) {
      try {
        const { error } = JSON.parse(line) as {
          error?: { code: string; message: string; expected?: string; received?: string; hint?: string };
        };
        if (error !== undefined) return new CocoonError(error.code, `${this.name}: ${error.message}`, error);
      } catch {
        // Not the error's line.
      }
    }
    return new CocoonError('internal.subprocess', `${this.name} ended`, {
      received: `exit code ${code}: ${this.stderr.slice(-500)}`,
    });
  }
}
