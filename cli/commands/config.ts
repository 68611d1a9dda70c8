import { Command } from 'commander';
import { SETTINGS, SETTING_NAMES } from '../config/settings';
import { GLOBAL_SETTINGS, contextOf, withSettings } from '../context';

/** `cocoon config print`: each setting, its value and where it came from; never a secret. */
export function configCommand(): Command {
  const print = withSettings(
    new Command('print'),
    SETTING_NAMES.filter((name) => !GLOBAL_SETTINGS.includes(name)),
  )
    .description('print each setting and where it came from (flags > environment > file > defaults)')
    .action((options: Record<string, unknown>) => {
      const { output, resolved } = contextOf(options);
      const shown = Object.fromEntries(
        SETTING_NAMES.map((name) => {
          const { value, source } = resolved[name];
          const secret = 'secret' in SETTINGS[name] && value !== undefined;
          return [name, { value: secret ? '(set)' : (value ?? null), source }];
        }),
      );
      const lines = SETTING_NAMES.map(
        (name) => `${name.padEnd(16)} ${String(shown[name].value ?? '(unset)').padEnd(44)} ${shown[name].source}`,
      );
      output.result(shown, lines.join('\n'));
    });
  return new Command('config').description('show the configuration').addCommand(print);
}
