import { Command } from 'commander';
import { toHex } from '../../protocol';
import { ChainClient } from '../../worker/chain/chainClient';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';
import { ClientChannels } from '../gateway/clientChannels';
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
        const { phase, balance, servedUntil } = await channels.look(channel);
        rows.push({ own: channel, address: `0:${toHex(channel.address)}`, provider: `0:${toHex(channel.stake)}`, phase, balanceNano: balance, servedUntil });
      }
      if (options.end !== undefined) {
        const chosen = rows.filter(({ address }) => options.end === 'all' || address === String(options.end).toLowerCase());
        if (chosen.length === 0) {
          throw new UsageError('usage.channel', 'there is no such channel', { expected: rows.map(({ address }) => address).join(', ') || 'a channel of this data folder', received: String(options.end).slice(0, 80) });
        }
        for (const { own, phase, balanceNano, address } of chosen) {
          if (phase === 'absent' || phase === 'closing' || balanceNano === 0n) continue;
          if (own.finishedAt === null) channels.retire(own);
          await channels.close(own);
          output.progress(phase === 'ended' ? `fetched what was left in ${address}` : `the end of ${address} has begun; run this again when it has come`);
        }
      }
      const shown = rows.map(({ own: _own, ...row }) => row);
      output.result(
        { channels: shown },
        shown.map((row) => `${row.address}  ${row.phase}  ${formatTon(row.balanceNano)}  provider ${row.provider}`).join('\n') || 'no channels',
      );
    });
}
