/** What each thread runs: kernels, as the host asks for them. */
import { parentPort, workerData } from 'node:worker_threads';
import { instantiate } from './kernels';
import { SCRATCH, type Task, type TaskResult } from './pool';

export interface ThreadData {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Addresses of what is this thread's alone. */
  workspace: number;
  scratch: number;
}

const { module, memory, workspace, scratch } = workerData as ThreadData;
const kernels = instantiate(module, memory);
kernels.prepare(workspace);

parentPort!.on('message', ({ kernel, parameters }: Task) => {
  const started = performance.now();
  const result = kernels[kernel](...parameters.map((parameter) => (parameter === SCRATCH ? scratch : parameter)));
  parentPort!.postMessage({ result, millis: performance.now() - started } satisfies TaskResult);
});
