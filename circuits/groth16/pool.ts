/** Threads that run kernels over one memory, first come, first served. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ProverError } from './errors';
import type { KernelName } from './kernels';
import type { ThreadData } from './thread';

/** Written by `npm run build`. */
const THREAD_FILE = join(__dirname, '../../build/zk/thread.cjs');

/** Stands for the address of the thread's own scratch memory among a kernel's parameters. */
export const SCRATCH = -1;

export interface Task { kernel: KernelName; parameters: number[] }
export interface TaskResult { result: number; millis: number }

interface Waiting {
  task: Task;
  resolve(result: TaskResult): void;
  reject(error: Error): void;
}

export class Pool {
  private readonly workers: Worker[] = [];
  private readonly idle: Worker[] = [];
  private readonly running = new Map<Worker, Waiting>();
  private readonly queue: Waiting[] = [];
  private failure: Error | undefined;

  /** @throws ProverError `prover.not-built` */
  constructor(threads: readonly ThreadData[]) {
    if (!existsSync(THREAD_FILE)) throw new ProverError('prover.not-built', 'the program of the threads is not built', { hint: 'npm run build' });
    for (const workerData of threads) {
      const worker = new Worker(THREAD_FILE, { workerData, execArgv: [] });
      worker.on('message', (result: TaskResult) => this.done(worker, result));
      worker.on('error', (error) => this.fail(error));
      worker.on('exit', () => this.fail(new Error('a thread ended')));
      worker.unref();
      this.workers.push(worker);
      this.idle.push(worker);
    }
  }

  get threads(): number {
    return this.workers.length;
  }

  /** @throws ProverError `prover.thread` */
  run(kernel: KernelName, ...parameters: number[]): Promise<TaskResult> {
    return new Promise((resolve, reject) => {
      this.queue.push({ task: { kernel, parameters }, resolve, reject });
      this.next();
    });
  }

  /** Tasks under way reject. */
  async close(): Promise<void> {
    this.fail(new Error('the threads were stopped'));
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private next(): void {
    if (this.failure) return this.queue.splice(0).forEach(({ reject }) => reject(this.failure!));
    while (this.queue.length > 0 && this.idle.length > 0) {
      const worker = this.idle.pop()!;
      const waiting = this.queue.shift()!;
      this.running.set(worker, waiting);
      worker.ref();
      worker.postMessage(waiting.task);
    }
  }

  private done(worker: Worker, result: TaskResult): void {
    const waiting = this.running.get(worker);
    this.running.delete(worker);
    worker.unref();
    this.idle.push(worker);
    waiting?.resolve(result);
    this.next();
  }

  private fail(cause: Error): void {
    this.failure ??= new ProverError('prover.thread', 'a thread of the prover ended', { received: cause.message, cause });
    for (const { reject } of this.running.values()) reject(this.failure);
    this.running.clear();
    this.next();
  }
}
