import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { BUILT_CLI, GATEWAY_NODE_FLAGS } from '../../cli/processes';

/** What a part of the bench has used so far. */
export interface PartUsage {
  cpuSeconds: number;
  rssMb: number;
}

/** What a part is told to be. */
export interface PartRole {
  kind: 'worker' | 'gateway';
  folder: string;
  clients: number;
  millisPerToken: number;
  workerUrl: string;
}

/** A part of the bench that runs as a process of its own. */
export class Part {
  private constructor(private readonly child: ChildProcess, readonly url: string) {}

  static async start(role: PartRole): Promise<Part> {
    const child = fork(BUILT_CLI, ['bench', 'protocol-part'], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: role.kind === 'gateway' ? GATEWAY_NODE_FLAGS : [],
    });
    child.send(role);
    const [{ url }] = (await once(child, 'message')) as [{ url: string }];
    return new Part(child, url);
  }

  async usage(): Promise<PartUsage> {
    this.child.send('usage');
    return ((await once(this.child, 'message')) as [PartUsage])[0];
  }

  async stop(): Promise<void> {
    this.child.send('stop');
    await once(this.child, 'exit');
  }
}

/** The other end: runs one part until it is told to stop. */
export async function runPart(): Promise<void> {
  const [role] = (await once(process, 'message')) as [PartRole];
  const { folder, clients, millisPerToken, workerUrl } = role;
  const part = role.kind === 'worker'
    ? await (await import('./echoWorker')).startEchoWorker(folder, clients, millisPerToken)
    : await (await import('./benchGateway')).startBenchGateway(folder, clients, workerUrl);
  const ended = new Promise<void>((resolve) => {
    process.once('disconnect', resolve);
    process.on('message', (message) => {
      if (message === 'stop') return resolve();
      const { user, system } = process.cpuUsage();
      const usage: PartUsage = { cpuSeconds: (user + system) / 1e6, rssMb: process.memoryUsage().rss / 1e6 };
      process.send!(usage);
    });
  });
  process.send!({ url: part.url });
  await ended;
  await part.stop();
  process.disconnect?.();
}
