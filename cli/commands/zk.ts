import { join } from 'node:path';
import { Command } from 'commander';
import { parseNumber, parseTon } from '../numbers';
import { contextOf, withSettings } from '../context';
import { formatTon, linesOf, type Output } from '../output';
import { buildCommand } from '../zk/build';
import { SHIPPED_ZKEY, type CircuitOptions } from '../zk/circuitFiles';
import type { Opening } from '../zk/opening';
import { proveCommand } from '../zk/prove';
import type { ZkSession } from '../zk/session';

/** `cocoon zk`: circuits of small models, and jobs that a proof answers. */
export function zkCommand(): Command {
  return new Command('zk').description('circuits of small models, and jobs that a proof answers: no worker, no stake')
    .addCommand(buildCommand()).addCommand(verifierCommand()).addCommand(jobCommand()).addCommand(verdictCommand()).addCommand(proveCommand()).addCommand(answerCommand());
}

/** A command about one circuit, which is the shipped one unless its files are given. */
const ofCircuit = (name: string): Command => withSettings(new Command(name))
  .option('--circuit <file>', 'circuit model, JSON (default: the shipped digits)')
  .option('--key <file>', 'record of its verification key (default: the DEVELOPMENT key of the shipped digits)')
  .option('--shard <n>', 'which of several verifiers of one key, 0 to 255', '0');

const verifierCommand = (): Command => ofCircuit('verifier')
  .description('deploy the verifier of a circuit, once for everybody; its first message checks the key')
  .action(async (options: CircuitOptions & Record<string, unknown>) => {
    const context = contextOf(options);
    const [{ openSession }, { deployVerifier }] = await Promise.all([import('../zk/session'), import('../zk/verifier')]);
    const report = await deployVerifier(await openSession(context, options));
    context.output.result(report, linesOf(report));
  });

const jobCommand = (): Command => ofCircuit('job')
  .description('commit to an input and pay whoever proves what the circuit says about it; waits for the verdict')
  .requiredOption('--input <file>', 'the input: a JSON list of integers. It goes by a file, since arguments are public')
  .option('--price <TON>', 'for the proof', '0.1')
  .option('--deadline <minutes>', 'from then on the money returns', '60')
  .option('--exclusive', 'provers may reserve the job for ten minutes; without it the first proof has the price')
  .option('--opening <file>', 'where the opening goes, for whoever is to prove (default: in the data folder)')
  .option('--no-wait', 'only create the job')
  .action(async (options: CircuitOptions & Record<string, unknown>) => {
    const context = contextOf(options);
    const { output, settings } = context;
    const [{ openSession }, { createJob }, { readInput }] = await Promise.all([import('../zk/session'), import('../zk/job'), import('../zk/input')]);
    const session = await openSession(context, options);
    const opening = await createJob(session, {
      values: readInput(String(options.input)), price: parseTon('--price', String(options.price)), deadlineSeconds: 60 * parseNumber('--deadline', String(options.deadline), 1, 10_080, true),
      isExclusive: options.exclusive === true, openingFile: String(options.opening ?? join(settings.dataFolder, `opening-${Date.now()}.json`)),
    });
    const { job } = opening;
    if (options.wait === false) return output.result({ job }, `job ${job}`);
    output.event({ event: 'created', job });
    await tellVerdict(session, opening, output);
  });

const verdictCommand = (): Command => ofCircuit('verdict')
  .description('wait for the verdict of a job, or for the money from its deadline on')
  .argument('<opening>', 'the file that cocoon zk job wrote')
  .action(async (path: string, options: CircuitOptions & Record<string, unknown>) => {
    const context = contextOf(options);
    const [{ openSession }, { readOpening }] = await Promise.all([import('../zk/session'), import('../zk/opening')]);
    await tellVerdict(await openSession(context, options), readOpening(path), context.output);
  });

async function tellVerdict(session: ZkSession, opening: Opening, output: Output): Promise<void> {
  const { waitForVerdict } = await import('../zk/job');
  const { verdict } = await waitForVerdict(session, opening);
  const { job, verifier } = opening;
  output.result({ job, verdict, verifier, isDevelopment: session.identity.isDevelopment },
    verdict === null ? `no proof came; the money returned\njob ${job}` : `verdict ${verdict}: proven computation, unproven input\njob ${job}`);
}

const answerCommand = (): Command => ofCircuit('answer')
  .description('prove the verdict of a job whose opening one was given, and be paid for it; an exclusive job is reserved first, with a bond of 0.1 TON that is burnt if the proof comes too late')
  .argument('<opening>', 'the file that the client wrote')
  .option('--zkey <file>', 'proving key (default: the DEVELOPMENT one of the shipped digits)', SHIPPED_ZKEY)
  .action(async (path: string, options: CircuitOptions & Record<string, unknown>) => {
    const context = contextOf(options);
    const [{ openSession }, { answerJob }, { readOpening }] = await Promise.all([import('../zk/session'), import('../zk/answer'), import('../zk/opening')]);
    const opening = readOpening(path);
    const report = await answerJob(await openSession(context, options), { opening, zkey: String(options.zkey) });
    context.output.result(report, linesOf({ ...report, paidNano: formatTon(report.paidNano) }));
  });
