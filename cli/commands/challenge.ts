import { Command } from 'commander';
import { localJudge } from '../../disputes/localJudge';
import { CocoonError } from '../../protocol';
import { ChainClient, sleep } from '../../worker/chain/chainClient';
import { openModel } from '../../worker/engine';
import { accusedOf, listEvidence } from '../challenge/accused';
import { Challenge, type ChallengeOptions, type ChallengeReport, playChallenge, stepSafely } from '../challenge/challenge';
import { loadChallenge, runningChallenges } from '../challenge/record';
import { loadWallet, payerOf } from '../client/wallet';
import { contextOf, withSettings, type Context } from '../context';
import { UsageError } from '../errors';
import { formatTon } from '../output';
import { stopSignal } from './worker';

/** What the chain sees of a dispute (docs/slashing.md). */
const REVEALED = [
  'A dispute makes public, for ever:',
  '- terms and receipt of the answer: who bought it, from whom, when, for how much, how many tokens;',
  '- hashes of the prompt\'s rows of 256 tokens, the root of the trace and hashes below it, fewer where the worker answers without the chain: whoever guesses the prompt can check the guess;',
  '- one leaf of one position of the computation, and what it follows from: it may give away a token, and 256 tokens of the prompt at once.',
  '- instead of all that, where the answer\'s bytes are not what was signed for: its response key and those bytes.',
  'docs/slashing.md says more. Take a sealed prompt as shown once there is a case.',
];

/** `cocoon challenge`: has a wrong answer slashed. */
export function challengeCommand(): Command {
  return withSettings(new Command('challenge'), ['model'])
    .description('have a wrong answer slashed: the job is computed again, and the chain computes the step that is wrong; goes on after a restart')
    .argument('[receipt]', 'a file with evidence, the reference of an audited answer, or the address of a job of this data folder')
    .option('--watch', 'challenge all that this gateway\'s audits found and will find, until it is stopped')
    .option('--on-chain-only', 'do not ask the worker for what it holds: play every move on chain')
    .option('--yes', 'reveal what a dispute reveals; without it the command only says what that is')
    .action(async (name: string | undefined, options: Record<string, unknown>) => {
      const context = contextOf(options);
      if ((name === undefined) !== (options.watch === true)) {
        throw new UsageError('usage.receipt', 'say what to challenge', { expected: 'one receipt, or --watch', received: name === undefined ? 'neither' : 'both' });
      }
      if (options.yes !== true) throw new UsageError('usage.consent', `nothing was sent.\n${REVEALED.join('\n')}`, { hint: 'give --yes to go on' });
      const onChainOnly = options.onChainOnly === true;
      if (name === undefined) return watch(context, onChainOnly);
      const accused = await accusedOf(context.settings.dataFolder, name);
      const report = await playChallenge({ ...(await sharedOptions(context)), onChainOnly, accused });
      context.output.result(report, describe(report));
    });
}

/** What all challenges of a run have in common: the model is read once. */
async function sharedOptions({ settings, output, passphrase }: Context): Promise<Omit<ChallengeOptions, 'accused'>> {
  const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
  await chain.checkNetwork(settings.networkId);
  return {
    dataFolder: settings.dataFolder, chain, wallet: payerOf(chain, loadWallet(settings.dataFolder, settings.networkId, passphrase())), loaded: openModel(settings.model),
    judge: await localJudge(), pollMillis: settings.network === 'devnet' ? 50 : 10_000, progress: (line) => output.progress(line),
  };
}

/** All evidence that has no verdict yet, now and as it comes; several cases at a time, one move after another. */
async function watch(context: Context, onChainOnly: boolean): Promise<void> {
  const { settings, output } = context;
  let isStopped = false;
  void stopSignal().then(() => (isStopped = true));
  const shared = { ...(await sharedOptions(context)), onChainOnly };
  const games = new Map<string, { challenge: Challenge; options: ChallengeOptions }>();
  const refused = new Set<string>();
  const verdicts: ChallengeReport[] = [];
  output.event({ event: 'watching', dataFolder: settings.dataFolder });
  while (!isStopped) {
    const names = [...runningChallenges(settings.dataFolder).map((record) => record.name), ...listEvidence(settings.dataFolder).map(({ reference }) => reference)];
    for (const name of new Set(names)) {
      if (games.has(name) || refused.has(name)) continue;
      try {
        const accused = await accusedOf(settings.dataFolder, name);
        if (loadChallenge(settings.dataFolder, accused.receiptHash)?.verdict != null) {
          refused.add(name);
          continue;
        }
        const options = { ...shared, accused };
        games.set(name, { challenge: await Challenge.open(options), options });
      } catch (error) {
        if (!(error instanceof CocoonError)) throw error;
        // What only the network refused may go better the next time.
        if (!error.code.startsWith('network')) refused.add(name);
        output.progress(`${name}: ${error.message}`);
      }
    }
    for (const [name, { challenge, options }] of games) {
      const came = await stepSafely(challenge, options).catch((error: unknown) => {
        if (!(error instanceof CocoonError)) throw error;
        output.progress(`${name}: ${error.message}`);
        return 'waits' as const;
      });
      if (came !== 'over') continue;
      const report = await challenge.report();
      verdicts.push(report);
      output.event({ event: 'verdict', ...report });
      output.progress(describe(report));
      games.delete(name);
      refused.add(name);
    }
    await sleep(settings.network === 'devnet' ? 300 : 10_000);
  }
  for (const { challenge } of games.values()) challenge.stop();
  output.result({ verdicts }, `${verdicts.length} verdicts`);
}

function describe({ name, verdict, moves, check, proofGas, slashedNano, burntNano, clientNano, challengerNano }: ChallengeReport): string {
  const lines = [`${name}: ${verdict ?? 'running'} after ${moves} moves of this side`];
  if (check !== null && proofGas !== null) lines.push(`decided by ${check}: the chain computed one element again with ${proofGas} gas`);
  if (verdict === 'convicted') {
    lines.push(`slashed ${formatTon(slashedNano)}: ${formatTon(burntNano)} burnt, ${formatTon(clientNano)} to the client, ${formatTon(challengerNano)} to the challenger, bond included`);
  }
  return lines.join('\n');
}
