import { Command, Option } from 'commander';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChainClient } from '../../worker/chain/chainClient';
import { requestFaucet } from '../client/devnetApi';
import type { JobReport } from '../client/finish';
import { deployWallet, loadWallet } from '../client/wallet';
import { NETWORKS } from '../config/settings';
import { contextOf, withSettings } from '../context';
import { describeCheat, playCheat } from '../demo/cheatScene';
import { type GatewayScene, playGateway } from '../demo/gatewayScene';
import { Stage, type WorkerReady } from '../demo/stage';
import { describeZk, playZk } from '../demo/zkScene';
import { parseTon } from '../numbers';
import { formatTon, type Output } from '../output';
import { PROMPT_LIMIT_TEXT, readPrompt } from '../prompt';
import { describeReport } from './job';
import { parseSampling, type SamplingOptions } from '../inference';

const DEFAULT_PROMPT = 'swiftly';
/** TON per million tokens; a thousand times what is usual, so that a few chats come to something that one can see. */
const TOKEN_PRICE = '1000';
/** Twice the devnet's least stake. */
const FIRST_STAKE = 2_000_000_000n;
/** Jobs, a channel, and the bond of a challenge. */
const CLIENT_NANO = 5_000_000_000n;
/** The second provider has more to lose and asks for less, so the client chooses it. */
const SECOND_STAKE = 3_000_000_000n;

/** `cocoon demo`: devnet, two workers and clients as separate processes over HTTP; checked answers, and a cheat. */
export function demoCommand(): Command {
  return withSettings(new Command('demo'), ['model', 'backend', 'maxTokens'])
    .description('a market on a simulated chain, in separate processes: an answer paid and checked, a wrong one slashed')
    .option('--prompt <text>', `prompt (${PROMPT_LIMIT_TEXT}; default: ${DEFAULT_PROMPT})`)
    .option('--prompt-file <file>', 'file with the prompt, UTF-8')
    .option('--price <TON>', 'what the worker gets', '0.05')
    .option('--seed <n>', 'sample the answer instead of taking the likeliest')
    .option('--temperature <t>', 'temperature (default: 0.8 with --seed, else 0)')
    .addOption(new Option('--tier <tier>', 'all: the market, a cheat and its slashing, an attested job; zk: a job that a proof answers').choices(['all', 'zk']).default('all'))
    .option('--no-cheat', 'the second provider is honest too')
    .option('--keep', 'keep the data folders of the demo')
    // Not the setting of this name, which says what a worker's keys promise.
    .action(({ tier, ...options }: Record<string, unknown>) => (tier === 'zk' ? runZkDemo : runDemo)(options));
}

async function runDemo(options: Record<string, unknown>): Promise<void> {
  const { output, settings } = contextOf(options);
  const prompt = readPrompt(options as { prompt?: string; promptFile?: string }, DEFAULT_PROMPT);
  parseSampling(options as SamplingOptions);
  const price = parseTon('--price', String(options.price));
  const lower = formatTon((price * 2n) / 5n).replace(' TON', '');
  const cheats = options.cheat !== false;
  const stage = new Stage(output);
  try {
    output.progress('devnet (simulated chain) starts as a process of its own');
    await stage.startDevnet();
    const engine = [
      '--backend',
      settings.backend,
      ...(settings.model === undefined ? [] : ['--model', settings.model]),
    ];
    output.progress('two workers start as processes of their own');
    const first = await stage.startProvider('provider 1', [...engine, '--min-price', String(options.price), '--output-price', TOKEN_PRICE]);
    const cheat = cheats ? ['--simulate-cheat', 'flipped-bit'] : [];
    const second = await stage.startProvider('provider 2', [...engine, '--min-price', lower, ...cheat]);
    await fundClient(stage, output);

    const ready = await first.process.next<WorkerReady>();
    output.progress(`worker 1 answers at ${ready.url}, computes with ${ready.backend} on ${ready.adapter}`);
    await stage.join(first, ready.url, FIRST_STAKE);
    const asked = writePrompt(stage, prompt, options, settings.maxTokens, engine.slice(2));
    const report = await runClient(stage, output, [...asked, '--price', String(options.price)]);

    output.progress('an OpenAI client streams three chats through a gateway, paid per chunk over a payment channel');
    const chats = { prompts: [prompt, 'happy', 'run'], maxTokens: settings.maxTokens, model: engine.slice(2) };
    const scene = await playGateway(stage, output, ready.url, chats);

    const { url } = await second.process.next<WorkerReady>();
    output.progress(
      cheats
        ? 'a cheaper provider joins; its worker was started with --simulate-cheat flipped-bit'
        : 'a cheaper provider joins',
    );
    await stage.join(second, url, SECOND_STAKE);
    const other = await playCheat(stage, output, { job: [...asked, '--price', lower], model: engine.slice(2), simulated: cheats });

    output.progress('a third provider joins; its worker runs on a SIMULATED platform: no hardware attests anything in this demo');
    const third = await stage.startProvider('provider 3', [...engine, '--min-price', lower, '--tier', 'attested']);
    const attestedUrl = (await third.process.next<WorkerReady>()).url;
    await stage.join(third, attestedUrl, FIRST_STAKE, 'simulated');
    const attested = await runClient(stage, output, [...asked, '--price', lower, '--tier', 'attested', '--no-rerun']);

    const { fees, ...rest } = report;
    const { slashedNano, burntNano, clientShareNano, reporterShareNano } = other;
    const slash = { slashedNano, burntNano, clientShareNano, reporterShareNano };
    output.result(
      {
        ...rest, ...slash, second: other,
        gateway: scene, attested: { jobAddress: attested.jobAddress, stake: attested.stake, paidNano: attested.paidNano, simulated: true }, fees,
      },
      `\n${describeReport(report)}\n\n${describeGateway(scene)}\n\n${describeCheat(other)}\n\n${describeAttestedRun(attested)}\n\nAll money is of a simulated chain.`,
    );
  } catch (error) {
    throw stage.reasonOf(error);
  } finally {
    await stage.close(options.keep === true);
  }
}

/** The zk tier alone: no worker runs. */
async function runZkDemo(options: Record<string, unknown>): Promise<void> {
  const { output } = contextOf(options);
  const price = parseTon('--price', String(options.price));
  const stage = new Stage(output);
  try {
    output.progress('devnet (simulated chain) starts as a process of its own');
    await stage.startDevnet();
    const scene = await playZk(stage, output, { price: formatTon(price).replace(' TON', '') });
    output.result(scene, `\n${describeZk(scene)}\n\nAll money is of a simulated chain.`);
  } catch (error) {
    throw stage.reasonOf(error);
  } finally {
    await stage.close(options.keep === true);
  }
}

async function fundClient(stage: Stage, output: Output): Promise<void> {
  const wallet = loadWallet(stage.folderOf('client'), NETWORKS.devnet);
  await requestFaucet(stage.endpoint, wallet.address, CLIENT_NANO);
  await deployWallet(new ChainClient({ endpoint: stage.endpoint }), wallet, 0xffffffff);
  output.progress(`client wallet ${wallet.address.toString({ bounceable: false })} got ${formatTon(CLIENT_NANO)} of the simulated chain`);
}

/** Arguments of a client that asks for `prompt`, which goes by a file: arguments are public. */
function writePrompt(
  stage: Stage,
  prompt: string,
  options: Record<string, unknown>,
  maxTokens: number,
  model: readonly string[],
): string[] {
  const file = join(stage.folder, 'prompt.txt');
  writeFileSync(file, prompt, { mode: 0o600 });
  const sampling = ['seed', 'temperature'].flatMap((name) =>
    options[name] === undefined ? [] : [`--${name}`, String(options[name])],
  );
  return ['job', 'create', '--prompt-file', file, '--max-tokens', String(maxTokens), ...model, ...sampling];
}

/** One client process that finds a provider on chain, pays and checks. */
async function runClient(stage: Stage, output: Output, args: string[]): Promise<JobReport> {
  const onLine = (line: string): void => {
    if (!line.startsWith('{')) output.progress(`client: ${line.replace(/^[^\w]+\s?/, '')}`);
  };
  return toBigints(await stage.start('client', args, onLine).result<JobReport>());
}

const describeGateway = ({ channel, answers, settledNano }: GatewayScene): string => [
  `gateway          ${answers.length} chats streamed by an OpenAI client over channel ${channel}`,
  `costs            ${answers.map(({ costNano }) => formatTon(costNano)).join(', ')}, paid chunk by chunk with vouchers`,
  `settlement       all of them by one transaction: ${formatTon(settledNano)}, the rest of the deposit came back with it`,
].join('\n');

const describeAttestedRun = (report: JobReport): string => [
  `third provider   ${report.stake}, whose key a contract took as ATTESTED by a SIMULATED platform: it shows the path and proves nothing`,
  `answer           paid ${formatTon(report.paidNano)}; the request was sealed to the key that the quote named`,
].join('\n');

/** Amounts of a report that went through JSON. */
function toBigints(report: JobReport): JobReport {
  const { paidNano, feesNano, refundNano, coverageNano } = report;
  const { slashedNano, burntNano, clientShareNano, reporterShareNano } = report;
  return {
    ...report,
    paidNano: BigInt(paidNano),
    feesNano: feesNano === null ? null : BigInt(feesNano),
    refundNano: BigInt(refundNano),
    coverageNano: BigInt(coverageNano),
    slashedNano: BigInt(slashedNano),
    burntNano: BigInt(burntNano),
    clientShareNano: BigInt(clientShareNano),
    reporterShareNano: BigInt(reporterShareNano),
    fees: report.fees.map((line) => ({ ...line, feeNano: BigInt(line.feeNano) })),
  };
}
