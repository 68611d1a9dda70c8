/** What each thread runs: steps, one after the other, as the host posts them. The first one tells when all are done. */
import { parentPort, workerData } from 'node:worker_threads';
import { instantiate } from './kernels';
import { CONTROL, type Plan } from './plan';
import { Program } from './program';

export interface ThreadData {
  plan: Plan;
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  thread: number;
}

const { plan, module, memory, thread } = workerData as ThreadData;
const program = new Program(plan, instantiate(module, memory), memory.buffer, thread);
const control = new Int32Array(memory.buffer, plan.control, CONTROL.slots + plan.stepsAhead);

for (let done = 0; ; done = (done + 1) | 0) {
  while (Atomics.load(control, CONTROL.posted) === done) Atomics.wait(control, CONTROL.posted, done);
  if (Atomics.load(control, CONTROL.closing) === 1) break;
  program.run(control[CONTROL.slots + ((done >>> 0) % plan.stepsAhead)]);
  if (thread === 0) parentPort?.postMessage(done);
}
