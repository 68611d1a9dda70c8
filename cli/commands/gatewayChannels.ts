import { Command } from 'commander';
import { toHex } from '../../protocol';
import { ChainClient } from '../../worker/chain/chainClient';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';
import { ClientChannels } from '../gateway/clientChannels';
import { endChannels } from '../gateway/endChannels';
import { formatTon } from '../output';

/** `cocoon gateway channels`: where the client's money is, and how it comes back without the gateway or any provider. */
export function channelsCommand(): Command {
  return withSettings(new Command('channels'))
    .description('the payment channels of this client; --end closes one from the wallet, whatever the provider does')
    .option('--end <address>', 'start the end of this channel, or of `all`; once it has ended, the same command fetches the rest')
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals();
      const { output, settings, passphrase } = contextOf(options);
      const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
      await chain.checkNetwork(settings.networkId);
      const channels = new ClientChannels({ settings, chain, passphrase: passphrase(), progress: (line) => output.progress(line) }, 0n, 0);
      const rows = [];
      for (const channel of channels.list()) {
        rows.push({ own: channel, onChain: await channels.look(channel), address: `0:${toHex(channel.address)}` });
      }
      if (options.end !== undefined) {
        const chosen = rows.filter(({ address }) => options.end === 'all' || address === String(options.end).toLowerCase());
        if (chosen.length === 0) {
          throw new UsageError('usage.channel', 'there is no such channel', { expected: rows.map(({ address }) => address).join(', ') || 'a channel of this data folder', received: String(options.end).slice(0, 80) });
        }
        await endChannels(channels, chosen, (line) => output.progress(line));
      }
      const shown = rows.map(({ own, onChain: { phase, balance, servedUntil }, address }) => (
        { address, provider: `0:${toHex(own.stake)}`, phase, balanceNano: balance, servedUntil }
      ));
      output.result(
        { channels: shown },
        shown.map((row) => `${row.address}  ${row.phase}  ${formatTon(row.balanceNano)}  provider ${row.provider}`).join('\n') || 'no channels',
      );
    });
}
