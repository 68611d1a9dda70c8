import { Command } from 'commander';
import { CocoonError } from '../../protocol/errors';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NETWORKS } from '../config/settings';
import { withSettings, contextOf } from '../context';
import { deployWallet, loadWallet } from '../client/wallet';
import { ChainClient } from '../../worker/chain/chainClient';
import type { JobReport } from '../client/finish';
import { requestFaucet } from './devnet';
import { Subprocess } from '../processes';
import { PROMPT_LIMIT_TEXT, readPrompt } from '../prompt';
import { describeReport } from './job';
import { parseSampling, type SamplingOptions } from './exact';

const DEFAULT_PROMPT = 'swiftly';

/** `cocoon demo`: devnet, worker and client as separate processes over HTTP, and one paid, checked answer. */
export function demoCommand(): Command {
  return withSettings(new Command('demo'), ['model', 'backend', 'maxTokens'])
    .description('one paid job from request to checked answer, on a simulated chain, in separate processes')
    .option('--prompt <text>', `prompt (${PROMPT_LIMIT_TEXT}; default: ${DEFAULT_PROMPT})`)
    .option('--prompt-file <file>', 'file with the prompt, UTF-8')
    .option('--price <TON>', 'what the worker gets', '0.05')
    .option('--seed <n>', 'sample the answer instead of taking the likeliest')
    .option('--temperature <t>', 'temperature (default: 0.8 with --seed, else 0)')
    .option('--keep', 'keep the data folders of the demo')
    .action(runDemo);
}

async function runDemo(options: Record<string, unknown>): Promise<void> {
  const { output, settings } = contextOf(options);
  const prompt = readPrompt(options as { prompt?: string; promptFile?: string }, DEFAULT_PROMPT);
  parseSampling(options as SamplingOptions);
  const folder = mkdtempSync(join(tmpdir(), 'open-cocoon-demo-'));
  const processes: Subprocess[] = [];
  // The user's own settings must not reach into the demo: it has its own chain, folders and keys.
  const env: NodeJS.ProcessEnv = Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => name.startsWith('COCOON_') && !/^COCOON_(GPU|NO_WEBGPU)$/.test(name))
      .map((name) => [name, undefined]),
  );
  const run = (name: string, args: string[], onStderr?: (line: string) => void): Subprocess => {
    const process = Subprocess.start(name, args, { env, onStderr });
    processes.push(process);
    return process;
  };
  const common = (name: string): string[] => ['--json', '--network', 'devnet', '--data-folder', join(folder, name)];
  const model = settings.model === undefined ? [] : ['--model', settings.model];
  let interrupted = false;
  const onInterrupt = (): void => {
    interrupted = true;
    processes.forEach(({ child }) => child.kill('SIGKILL'));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  signals.forEach((signal) => process.once(signal, onInterrupt));
  try {
    output.progress('devnet (simulated chain) starts as a process of its own');
    const devnet = run('devnet', ['devnet', '--port', '0', ...common('devnet')]);
    const { url: api } = await devnet.next<{ url: string }>();
    output.progress(`devnet (simulated chain) answers at ${api}`);

    output.progress('worker starts as a process of its own');
    const worker = run('worker', [
      'worker',
      '--api',
      api,
      '--port',
      '0',
      '--backend',
      settings.backend,
      ...model,
      ...common('worker'),
    ]);
    const wallet = loadWallet(join(folder, 'client'), NETWORKS.devnet);
    await requestFaucet(api, wallet.address, 2_000_000_000n);
    await deployWallet(new ChainClient({ endpoint: api }), wallet, 0xffffffff);
    output.progress(`client wallet ${wallet.address.toString({ bounceable: false })} got 2 TON of the simulated chain`);
    const started = await worker.next<{ url: string; backend: string; adapter: string }>();
    output.progress(`worker answers at ${started.url}, computes with ${started.backend} on ${started.adapter}`);

    const promptFile = join(folder, 'prompt.txt');
    writeFileSync(promptFile, prompt, { mode: 0o600 });
    const client = run(
      'client',
      [
        ...[
          'job',
          'create',
          '--api',
          api,
          '--worker-url',
          started.url,
          '--prompt-file',
          promptFile,
          '--price',
          String(options.price),
        ],
        ...['--max-tokens', String(settings.maxTokens), ...model, ...common('client')],
        ...['seed', 'temperature'].flatMap((name) =>
          options[name] === undefined ? [] : [`--${name}`, String(options[name])],
        ),
      ],
      (line) => line.startsWith('{') || output.progress(`client: ${line.replace(/^[^\w]+\s?/, '')}`),
    );
    const report = await client.result<JobReport>();
    const amounts = { paidNano: report.paidNano, feesNano: report.feesNano, refundNano: report.refundNano };
    const { fees, ...rest } = report;
    output.result(
      { ...rest, ...amounts, slashedNano: 0, fees },
      `\n${describeReport(toBigints(report))}\n\nAll money is of a simulated chain.`,
    );
  } catch (error) {
    throw interrupted ? new CocoonError('interrupted', 'the demo was stopped') : error;
  } finally {
    signals.forEach((signal) => process.removeListener(signal, onInterrupt));
    await Promise.all(processes.map((process) => process.stop()));
    if (options.keep !== true) rmSync(folder, { recursive: true, force: true });
    else output.progress(`kept ${folder}`);
  }
}

/** Amounts of a report that went through JSON. */
function toBigints(report: JobReport): JobReport {
  return {
    ...report,
    paidNano: BigInt(report.paidNano),
    feesNano: report.feesNano === null ? null : BigInt(report.feesNano),
    refundNano: BigInt(report.refundNano),
    fees: report.fees.map((line) => ({ ...line, feeNano: BigInt(line.feeNano) })),
  };
}
