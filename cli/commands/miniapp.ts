import { Command } from 'commander';
import { readHostConfig } from '../../miniapp/host/config';
import { exportPage } from '../../miniapp/host/export';
import { openHost } from '../../miniapp/host/server';
import { contextOf, withSettings } from '../context';
import { Stage } from '../demo/stage';
import { describeMiniapp, playMiniapp } from '../miniapp/demo';
import { stopSignal } from './worker';

/** Beside a worker, a gateway and a relay. */
const PAGE_PORT = 8575;

/** `cocoon miniapp serve | export | demo`: the chat page, built before by `npm run build:miniapp`, for users of a browser or of Telegram. */
export function miniappCommand(): Command {
  return new Command('miniapp')
    .description('the chat page: served, written as files for a static host, or shown with all that it needs')
    .addCommand(serveCommand())
    .addCommand(exportCommand())
    .addCommand(demoCommand());
}

/** `--config` is the command line's own settings, everywhere. */
const withPage = (command: Command): Command => command.requiredOption('--page <file>', 'configuration of the page: JSON, docs/miniapp.md describes it');

function serveCommand(): Command {
  return withPage(withSettings(new Command('serve'), ['host', 'port']))
    .description(`serve the page over HTTP, behind whatever has the certificate (default port ${PAGE_PORT}); it keeps nothing and logs nothing`)
    .action(async (options: Record<string, unknown>) => {
      const { output, settings, resolved } = contextOf(options);
      const config = readHostConfig(String(options.page));
      const host = await openHost({ host: settings.host, port: resolved.port.source === 'default' ? PAGE_PORT : settings.port, config });
      output.result(
        { url: host.url, origin: config.origin, network: config.network, models: host.site.page.models.map(({ root }) => root) },
        [`page at ${host.url}, for users at ${config.origin}`, `network ${config.network}, relay ${config.relay}`, `chain as ${config.apis.map(({ name }) => name).join(' and ')} say`].join('\n'),
      );
      await stopSignal();
      await host.close();
    });
}

function exportCommand(): Command {
  return withPage(withSettings(new Command('export')))
    .description('write the page as files: with a policy in each page, _headers for hosts that read it, and integrity.json with the SHA-384 of everything')
    .requiredOption('--out <folder>', 'where to; new or empty')
    .action((options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const report = exportPage(readHostConfig(String(options.page)), String(options.out));
      output.result(report, [
        `${report.files} files, ${report.bytes} bytes in ${report.folder}`,
        `integrity.json has SHA-384 ${report.integrity}`,
        'a host that does not send what _headers says leaves the page open to frames of anybody, since a <meta> cannot say frame-ancestors',
      ].join('\n'));
    });
}

/** Devnet, provider, worker and relay as processes; page, second API and wallet in this one; until SIGTERM. */
function demoCommand(): Command {
  return withSettings(new Command('demo'), ['model', 'backend', 'host', 'port'])
    .description('the page with all that it needs: a simulated chain, a provider on a SIMULATED platform, a relay and a wallet that says yes; until it is stopped')
    .action(async (options: Record<string, unknown>) => {
      const { output, settings, resolved } = contextOf(options);
      const stage = new Stage(output);
      const ends: (() => unknown)[] = [];
      try {
        const stopped = stopSignal();
        const port = resolved.port.source === 'default' ? PAGE_PORT : settings.port;
        const scene = await playMiniapp(stage, output, { model: settings.model, backend: settings.backend, host: settings.host, port }, ends);
        output.result(scene, describeMiniapp(scene));
        await stopped;
      } catch (error) {
        throw stage.reasonOf(error);
      } finally {
        for (const end of ends.reverse()) await end();
        await stage.close(false);
      }
    });
}
