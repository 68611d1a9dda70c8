import { Command, Option } from 'commander';
import { createOutput, type Output } from './output';
import { readPassphrase, resolveSettings, toSettings, type Resolved, type Settings } from './config/resolve';
import { SETTINGS, flagOf, type SettingDefinition, type SettingName } from './config/settings';

/** What every command gets: its output, the checked settings, and a lazy passphrase. */
export interface Context {
  output: Output;
  settings: Settings;
  resolved: Resolved;
  passphrase(): string | undefined;
}

/** Settings that every command has. */
export const GLOBAL_SETTINGS: readonly SettingName[] = ['network', 'api', 'dataFolder', 'passphraseFile'];

/** Adds the flags of `names` and the global ones to a command; defaults come from {@link resolveSettings}. */
export function withSettings(command: Command, names: readonly SettingName[] = []): Command {
  for (const name of [...GLOBAL_SETTINGS, ...names]) {
    const definition: SettingDefinition = SETTINGS[name];
    // Arguments are visible to other users of the machine, so secrets come from environment or file only.
    if (definition.secret) continue;
    const shown = definition.default === undefined ? '' : ` (default: ${definition.default})`;
    command.addOption(new Option(`${flagOf(name)} <${definition.placeholder}>`, definition.help + shown));
  }
  return command
    .option('--config <file>', 'configuration file (default: config.json in the data folder)')
    .option('--json', 'print one JSON document on stdout; progress and errors go to stderr')
    .option('--debug', 'print stack traces of errors');
}

/** Builds the context of a command from its parsed options. */
export function contextOf(options: Record<string, unknown>): Context {
  const resolved = resolveSettings({
    flags: options as Partial<Record<SettingName, unknown>>,
    configFile: options.config as string | undefined,
    env: process.env,
  });
  const settings = toSettings(resolved);
  return {
    output: createOutput(options.json === true),
    settings,
    resolved,
    passphrase: () => readPassphrase(settings, process.env),
  };
}
