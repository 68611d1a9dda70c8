import { main } from '../../cli/main';
import { streams } from '../../cli/output';

export interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command line in this process and catches what it writes. */
export async function cocoon(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const written = { stdout: '', stderr: '' };
  const saved = { ...streams };
  for (const name of ['stdout', 'stderr'] as const) {
    streams[name] = { write: (text: string | Uint8Array) => ((written[name] += String(text)), true) };
  }
  Object.assign(process.env, env);
  try {
    return { status: await main(args), ...written };
  } finally {
    Object.assign(streams, saved);
    Object.keys(env).forEach((name) => delete process.env[name]);
  }
}

/** Code of the error that a command printed with --json. */
export const codeOf = ({ stderr }: Run): string =>
  (JSON.parse(stderr.trim().split('\n').pop()!) as { error: { code: string } }).error.code;
