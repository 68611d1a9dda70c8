import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';
import { parseNumber } from '../numbers';
import { linesOf } from '../output';
import { collateralCommand } from './attestCollateral';
import { recheckCommand } from './attestRecheck';

/** 2049-12-31, the end of Intel's root certificate. */
const LAST_SECOND = 2524607999;

/** `cocoon attest`: quotes of trust domains, as contracts see them. */
export function attestCommand(): Command {
  return new Command('attest').description('quotes of Intel TDX trust domains').addCommand(verifyCommand()).addCommand(recheckCommand()).addCommand(collateralCommand());
}

function verifyCommand(): Command {
  return withSettings(new Command('verify'))
    .description('run a raw TDX quote through the code of the contracts in a local sandbox, up to Intel\'s root, and check it apart from them')
    .argument('<file>', 'raw quote, version 4 or 5')
    .option('--now <unix seconds>', 'time at which certificates must be valid; default: this machine\'s clock')
    .option('--chain-only', 'without collateral, image policy and registration')
    .option('--collateral <folder>', 'JSON documents with Intel\'s collateral, of which the one for the quote\'s platform is used')
    .action(async (file: string, options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const folder = options.collateral === undefined ? undefined : String(options.collateral);
      if ((options.chainOnly === true) === (folder !== undefined)) {
        throw new UsageError('usage.collateral', 'say how far the quote shall be judged', {
          expected: '--collateral <folder> or --chain-only', received: folder === undefined ? 'neither' : 'both',
          hint: 'TCB level and revocation need Intel\'s collateral; measurements and report data are shown in any case',
        });
      }
      const now = options.now === undefined ? Math.floor(Date.now() / 1000) : parseNumber('--now', String(options.now), 0, LAST_SECOND, true);
      const { verifyFile } = await import('../attest/verify');
      const { collateralFrom } = await import('../attest/collateralFolder');
      const report = await verifyFile(read(file), now, folder === undefined ? undefined : (fmspc) => collateralFrom(folder, fmspc));
      const { checks, ...said } = report;
      const seen = checks.map(({ name, result, detail }) => `  ${result.padEnd(9)} ${name.padEnd(16)} ${detail}`);
      output.result(report, [linesOf(said), '', 'checked apart from the contracts:', ...seen].join('\n'));
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
