import { Address } from '@ton/core';
import { Command } from 'commander';
import { ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import { createJob, type CreatedJob } from '../client/create';
import { finishJob, type JobReport } from '../client/finish';
import { listJobs, loadJob } from '../client/jobFile';
import { expireMessage, findEnd } from '../client/wait';
import { WorkerApi } from '../client/workerApi';
import { tierOf } from '../client/tier';
import { contextOf, withSettings, type Context } from '../context';
import { UsageError } from '../errors';
import { parseNumber, parseTon } from '../numbers';
import { formatTon, linesOf } from '../output';
import { PROMPT_LIMIT_TEXT, readPrompt } from '../prompt';
import { parseSampling, type SamplingOptions } from '../inference';

/** `cocoon job create | resume | status | expire | list`: the client side of a job. */
export function jobCommand(): Command {
  return new Command('job')
    .description('buy an answer: post a request with money, open and check the answer')
    .addCommand(createCommand())
    .addCommand(resumeCommand())
    .addCommand(statusCommand())
    .addCommand(expireCommand())
    .addCommand(listCommand());
}

function createCommand(): Command {
  return withSettings(new Command('create'), ['workerUrl', 'registry', 'model', 'maxTokens'])
    .description('create a job, wait for its answer and check it by computing it again')
    .option('--prompt <text>', `prompt (${PROMPT_LIMIT_TEXT})`)
    .option('--prompt-file <file>', 'file with the prompt, UTF-8')
    .option('--price <TON>', "what the worker gets (default: the worker's lowest price)")
    .option('--deadline <seconds>', 'seconds until the money comes back without an answer, 60 to 86400', '600')
    .option('--seed <n>', 'sample the answer instead of taking the likeliest; the number goes into the request')
    .option('--temperature <t>', 'temperature, 0 (greedy) or 0.05 to 100 (default: 0.8 with --seed, else 0)')
    .option('--top-k <k>', 'keep the k best tokens, 1 to 256')
    .option('--top-p <p>', 'keep the best tokens up to this share')
    .option('--public', 'request and answer are readable by the whole world')
    .option('--checked', 'a job that asks the stake about the worker key before it opens')
    .option('--tier <tier>', 'bonded, or attested: only a key whose trust domain a contract verified answers', 'bonded')
    .option('--coverage <TON>', 'so much of the stake stands behind this answer alone, and the worker promises to deliver')
    .option('--provider <address>', 'stake or owner; without it and without --worker-url the best one is chosen')
    .option('--without-stake', 'take the worker of --worker-url even if it has nothing to lose')
    .option('--report', 'send evidence of two different receipts, if there is any, to the stake')
    .option('--no-rerun', 'do not compute the answer again')
    .option('--no-wait', 'return when the job is created; `cocoon job resume` goes on')
    .action(async (options: Record<string, unknown>) => {
      const context = contextOf(options);
      const prompt = readPrompt(options as { prompt?: string; promptFile?: string });
      const created = await createJob({
        ...clientOf(context),
        prompt,
        sampling: parseSampling(options as SamplingOptions),
        maxTokens: context.settings.maxTokens,
        price: options.price === undefined ? undefined : parseTon('--price', options.price as string),
        deadlineSeconds: parseNumber('--deadline', options.deadline as string, 60, 86_400, true),
        isPublic: options.public === true,
        tier: tierOf(String(options.tier)),
        isChecked: options.checked === true || options.coverage !== undefined,
        coverage: options.coverage === undefined ? undefined : parseTon('--coverage', options.coverage as string),
        provider: options.provider as string | undefined,
        withoutStake: options.withoutStake === true,
      });
      context.output.event({ event: 'created', jobAddress: created.job.address });
      if (options.wait === false) {
        context.output.result({ jobAddress: created.job.address, state: 'created' }, `created ${created.job.address}`);
        return;
      }
      await finish(context, created, options);
    });
}

function resumeCommand(): Command {
  return withSettings(new Command('resume'), ['model'])
    .description('go on with a job of this data folder: create it if it is not on chain yet, wait, open, check')
    .argument('<address>', 'address of the job')
    .option('--report', 'send evidence of two different receipts, if there is any, to the stake')
    .option('--no-rerun', 'do not compute the answer again')
    .action(async (address: string, options: Record<string, unknown>) => {
      const context = contextOf(options);
      const job = loadJob(context.settings.dataFolder, parseJobAddress(address).toRawString());
      await finish(context, { job, worker: new WorkerApi(job.workerUrl) }, options);
    });
}

function statusCommand(): Command {
  return withSettings(new Command('status'))
    .description('what chain and worker say about a job; the answer stays where it is')
    .argument('<address>', 'address of the job')
    .action(async (text: string, options: Record<string, unknown>) => {
      const { output, settings } = contextOf(options);
      const address = parseJobAddress(text);
      const chain = chainOf(settings);
      await chain.checkNetwork(settings.networkId);
      const account = await chain.getAccount(address);
      const known = listJobs(settings.dataFolder).includes(address.toRawString());
      const job = known ? loadJob(settings.dataFolder, address.toRawString()) : null;
      const end = job === null ? null : await findEnd(chain, job);
      const worker = job === null ? null : await new WorkerApi(job.workerUrl).status(job.address).catch(() => null);
      const report = {
        jobAddress: address.toRawString(),
        account: account.state,
        balanceNano: account.balance,
        known,
        deadline: job?.escrow.deadline ?? null,
        end: end === null ? null : end.callback.kind === 'answered' ? 'answered' : end.callback.reason,
        worker: worker?.state ?? null,
      };
      output.result(report, linesOf(report));
    });
}

function expireCommand(): Command {
  return withSettings(new Command('expire'))
    .description('after the deadline: make the job return all its money to its client (anyone may)')
    .argument('<address>', 'address of the job')
    .action(async (text: string, options: Record<string, unknown>) => {
      const { output, settings } = contextOf(options);
      const address = parseJobAddress(text);
      const chain = chainOf(settings);
      await chain.checkNetwork(settings.networkId);
      const account = await chain.getAccount(address);
      if (account.state !== 'active') {
        throw new ChainStateError('chain.no-job', 'there is no open job at this address', {
          received: `an ${account.state} account`,
          hint: 'it has ended, or it was never created on this network',
        });
      }
      await chain.sendExternal(expireMessage(address));
      output.result(
        { jobAddress: address.toRawString(), state: 'expired', balanceNano: account.balance },
        `expired; ${formatTon(account.balance)} less fees return to the client`,
      );
    });
}

function listCommand(): Command {
  return withSettings(new Command('list'))
    .description('jobs of this data folder')
    .action((options: Record<string, unknown>) => {
      const { output, settings } = contextOf(options);
      const jobs = listJobs(settings.dataFolder).map((address) => {
        const { state, createdAt } = loadJob(settings.dataFolder, address);
        return { jobAddress: address, state, createdAt };
      });
      output.result(jobs, jobs.map((job) => `${job.jobAddress} ${job.state}`).join('\n') || 'no jobs');
    });
}

async function finish(context: Context, created: CreatedJob, options: Record<string, unknown>): Promise<void> {
  const checks = { rerun: options.rerun !== false, report: options.report === true };
  const report = await finishJob({ ...clientOf(context), ...created, ...checks });
  context.output.result(report, describeReport(report));
}

/** What a person wants to know of a finished job. */
export function describeReport(report: JobReport): string {
  const lines = [
    `prompt   ${report.prompt}`,
    `answer   ${report.answer.trimEnd()}`,
    '',
    `paid     ${formatTon(report.paidNano)} to the worker, ${formatTon(report.refundNano)} back to the client`,
    `fees     ${report.feesNano === null ? 'not known' : `${formatTon(report.feesNano)} in all`}`,
    ...report.fees.map(({ step, feeNano }) => `           ${step.padEnd(44)} ${formatTon(feeNano)}`),
    `worker   ${report.backend} on ${report.adapter}`,
    `receipt  ${report.receiptHash}, signature and commitments hold`,
    `stake    ${report.stake ?? 'NONE: this worker loses nothing if it lies'}`,
    ...(report.coverageNano === 0n
      ? []
      : [`coverage ${formatTon(report.coverageNano)} of it stand behind this answer alone for 5 days`]),
  ];
  if (report.rerunBackend !== null) {
    lines.push(
      `re-run   ${report.rerunBackend} on ${report.rerunAdapter}: ` +
        (report.rerunEqual ? 'equal, bit for bit' : 'DIFFERENT') +
        (report.rerunBackend === report.backend ? ' (the same back end: no other runs on this machine)' : ''),
    );
  }
  lines.push(`worker's ${RECEIPT_TEXTS[report.workerReceipt]}`);
  if (report.evidence !== null) {
    lines.push(`evidence two receipts for one job contradict each other; ${describeSlash(report)}`);
  }
  return lines.join('\n');
}

/** What the receipt is that the worker shows over HTTP. */
export const RECEIPT_TEXTS: Record<JobReport['workerReceipt'], string> = {
  agrees: 'own receipt is the one that was paid',
  contradicts: 'own receipt CONTRADICTS the one that was paid',
  'not-shown': 'own receipt is not shown',
  unusable: 'own receipt cannot be used: not its signed receipt of this job',
};

/** Where a slash went. */
export function describeSlash(report: JobReport): string {
  if (BigInt(report.slashedNano) === 0n) return 'kept in the job file, nothing was slashed';
  return (
    `slashed ${formatTon(report.slashedNano)}: ${formatTon(report.burntNano)} burnt, ` +
    `${formatTon(report.clientShareNano)} to the client, ${formatTon(report.reporterShareNano)} to the reporter`
  );
}

function clientOf(context: Context) {
  const { settings, output } = context;
  return {
    settings,
    chain: chainOf(settings),
    passphrase: context.passphrase(),
    progress: (line: string) => output.progress(line),
  };
}

function chainOf(settings: Context['settings']): ChainClient {
  return new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
}

function parseJobAddress(text: string): Address {
  try {
    return Address.parse(text);
  } catch {
    throw new UsageError('usage.address', 'this is not an address', {
      expected: 'a TON address',
      received: text.slice(0, 80),
    });
  }
}
