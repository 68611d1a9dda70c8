import { Command, CommanderError } from 'commander';
import { attestCommand } from './commands/attest';
import { benchCommand } from './commands/bench';
import { challengeCommand } from './commands/challenge';
import { configCommand } from './commands/config';
import { demoCommand } from './commands/demo';
import { devnetCommand } from './commands/devnet';
import { exactCommand } from './commands/exact';
import { gatewayCommand } from './commands/gateway';
import { jobCommand } from './commands/job';
import { miniappCommand } from './commands/miniapp';
import { modelCommand } from './commands/model';
import { providerCommand } from './commands/provider';
import { receiptCommand } from './commands/receipt';
import { watchtowerCommand } from './commands/watchtower';
import { workerCommand } from './commands/worker';
import { zkCommand } from './commands/zk';
import { UsageError } from './errors';
import { EXIT_CODES, exitCodeOf } from './exitCodes';
import { errorToJson, formatError, streams, toJson } from './output';

/** The whole command line; exported so that tests can read its help. */
export function createProgram(): Command {
  return new Command('cocoon')
    .description('Open Cocoon: confidential AI compute, paid in TON')
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 2 usage, 3 configuration, 4 network, 5 chain, 6 verification, 7 engine, 8 storage, 70 bug',
    )
    .addCommand(demoCommand())
    .addCommand(devnetCommand())
    .addCommand(workerCommand())
    .addCommand(providerCommand())
    .addCommand(jobCommand())
    .addCommand(gatewayCommand())
    .addCommand(miniappCommand())
    .addCommand(receiptCommand())
    .addCommand(challengeCommand())
    .addCommand(watchtowerCommand())
    .addCommand(exactCommand())
    .addCommand(modelCommand())
    .addCommand(zkCommand())
    .addCommand(attestCommand())
    .addCommand(benchCommand())
    .addCommand(configCommand());
}

/** Runs one command line (without `node` and script) and returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const json = args.includes('--json');
  const program = createProgram();
  overrideExit(program, json);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return EXIT_CODES.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.ok;
    if (error instanceof CommanderError && !json) return EXIT_CODES.usage;
    return report(error instanceof CommanderError ? commandLineError(error) : error, args);
  }
}

/** Prints an error on stderr, as the user asked for it, and returns its exit code. */
function report(error: unknown, args: readonly string[]): number {
  const exitCode = exitCodeOf(error);
  streams.stderr.write(`${args.includes('--json') ? toJson(errorToJson(error, exitCode)) : formatError(error)}\n`);
  if (args.includes('--debug') && error instanceof Error) streams.stderr.write(`${describeStack(error)}\n`);
  return exitCode;
}

const commandLineError = (error: CommanderError): UsageError =>
  new UsageError('usage.command-line', error.message.replace(/^error: /, ''), { hint: 'see --help' });

/** Stack of an error and of its causes. */
function describeStack(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${describeStack(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}

/** Commander throws instead of exiting, in every nested command. */
function overrideExit(command: Command, json: boolean): void {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => void streams.stdout.write(text),
    writeErr: (text) => void (json || streams.stderr.write(text)),
  });
  command.commands.forEach((child) => overrideExit(child, json));
}
