/** The prover as a process of its own, so that neither its memory nor its work is that of whoever wants a proof. */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ProverError } from './errors';
import type { Proven, ProverOptions } from './prover';

/** Written by `npm run build`. */
const CHILD_FILE = join(__dirname, '../../build/zk/child.cjs');

export type Question = { kind: 'key'; key: string | Uint8Array; threads: number } | { kind: 'prove'; witness: Uint8Array };
export type Answer =
  | { kind: 'ready' }
  | ({ kind: 'proven'; peakRssMb: number } & Proven)
  | { kind: 'refused'; code: string; shortMessage: string; expected?: string; received?: string; hint?: string };

/** A proof, and the most memory that the process has had so far. */
export type ProvenInChild = Proven & { peakRssMb: number };

const THREADS = 2;

/** A warm prover. Nothing of a witness is written anywhere: it goes through a pipe, and is wiped. */
export class ProverProcess {
  private readonly waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = [];
  private failure: Error | undefined;

  private constructor(private readonly child: ChildProcess) {
    const fail = (received: string): void => {
      this.failure ??= new ProverError('prover.process', 'the process of the prover ended', { received });
      this.waiting.splice(0).forEach(({ reject }) => reject(this.failure!));
    };
    child.on('message', (answer: Answer) => this.waiting.shift()?.resolve(answer));
    child.on('error', (error) => fail(error.message));
    child.on('exit', (code, signal) => fail(signal ?? `exit code ${code}`));
  }

  /**
   * @param key a .zkey file: its path or its bytes
   * @throws ProverError `prover.not-built`, `prover.process`, and whatever refuses the key, by its code
   */
  static async start(key: string | Uint8Array, { threads = THREADS }: Partial<ProverOptions> = {}): Promise<ProverProcess> {
    if (!existsSync(CHILD_FILE)) throw new ProverError('prover.not-built', 'the program of the prover is not built', { hint: 'npm run build' });
    const started = new ProverProcess(fork(CHILD_FILE, [], { execArgv: [], serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
    try {
      await started.ask({ kind: 'key', key, threads });
      return started;
    } catch (error) {
      await started.close();
      throw error;
    }
  }

  /**
   * A proof that verifies.
   * @param witness as a .wtns file
   * @throws ProverError `prover.witness`, `prover.unsatisfied`, `prover.process`, `prover.thread`, `circuit.file`
   */
  async prove(witness: Uint8Array): Promise<ProvenInChild> {
    const { proof, publicSignals, millis, peakRssMb } = (await this.ask({ kind: 'prove', witness })) as ProvenInChild;
    return { proof, publicSignals, millis, peakRssMb };
  }

  /** Proofs under way reject. */
  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await ended;
  }

  private async ask(question: Question): Promise<Answer> {
    if (this.failure) throw this.failure;
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.send(question);
    });
    if (answer.kind !== 'refused') return answer;
    const { code, shortMessage, expected, received, hint } = answer;
    throw new ProverError(code, shortMessage, { expected, received, hint });
  }
}

/** One proof by a process of its own. @throws as `ProverProcess` */
export async function proveInChild(key: string | Uint8Array, witness: Uint8Array, options: Partial<ProverOptions> = {}): Promise<ProvenInChild> {
  const prover = await ProverProcess.start(key, options);
  try {
    return await prover.prove(witness);
  } finally {
    await prover.close();
  }
}
