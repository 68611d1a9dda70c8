/** What a wallet's app would do with its universal link: an address that hands the link to the SIMULATED wallet and says so. */
import { createServer } from 'node:http';
import { listen } from '../../worker/http/listen';

const PATH = '/connect';

/**
 * @param take gets the whole link; what it throws is shown as text
 * @returns `link`: the universal link of the wallet
 */
export async function openWalletDoor(take: (link: string) => Promise<void>): Promise<{ link: string; close(): void }> {
  let link = '';
  const server = createServer(async (request, response) => {
    const say = (status: number, text: string): void => {
      response.writeHead(status, {
        'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', 'content-security-policy': "default-src 'none'; frame-ancestors 'none'", 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer',
      }).end(text);
    };
    const url = request.url ?? '/';
    if (request.method !== 'GET' || url.split('?')[0] !== PATH) return say(404, 'Nothing is here.\n');
    // A page asks for what a link could be before it is tapped, and after the wallet has it.
    if (!url.includes('?')) return say(200, 'SIMULATED wallet. Links of pages that ask it come here.\n');
    try {
      await take(`${link}${url.slice(PATH.length)}`);
      say(200, 'SIMULATED wallet: approved. Go back to the page.\n');
    } catch (error) {
      say(400, `SIMULATED wallet: this link cannot be taken (${error instanceof Error ? error.message : String(error)}).\n`);
    }
  });
  link = `http://${(await listen(server, '127.0.0.1', 0)).authority}${PATH}`;
  return {
    link,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
