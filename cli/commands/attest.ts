import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';
import { parseNumber } from '../numbers';
import { linesOf } from '../output';

/** 2049-12-31, the end of Intel's root certificate. */
const LAST_SECOND = 2524607999;

/** `cocoon attest`: quotes of trust domains, as contracts see them. */
export function attestCommand(): Command {
  return new Command('attest').description('quotes of Intel TDX trust domains').addCommand(verifyCommand());
}

function verifyCommand(): Command {
  return withSettings(new Command('verify'))
    .description('run a raw TDX quote through the code of the contracts in a local sandbox, up to Intel\'s root')
    .argument('<file>', 'raw quote, version 4 or 5')
    .option('--now <unix seconds>', 'time at which certificates must be valid; default: this machine\'s clock')
    .option('--chain-only', 'without collateral, image policy and registration')
    .action(async (file: string, options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      if (options.chainOnly !== true) {
        throw new UsageError('usage.chain-only', 'collateral cannot be judged yet', {
          expected: '--chain-only', received: 'nothing', hint: 'measurements, TCB level and revocation are then shown or left out, not judged',
        });
      }
      const now = options.now === undefined ? Math.floor(Date.now() / 1000) : parseNumber('--now', String(options.now), 0, LAST_SECOND, true);
      const { verifyChain } = await import('../attest/verify');
      const report = await verifyChain(read(file), now);
      output.result(report, linesOf(report));
    });
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new UsageError('usage.quote', 'the quote cannot be read', {
      expected: 'a file', received: (cause as NodeJS.ErrnoException).code ?? 'an error', cause,
    });
  }
}
