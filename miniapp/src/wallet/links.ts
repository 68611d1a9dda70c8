/** Links that open a wallet, with the way back. */

/** Where the wallet goes when it has answered: back to where it came from, or a link into the Mini App. */
const strategyOf = (returnUrl: string | undefined): string => returnUrl ?? 'back';

const isTelegram = ({ protocol, hostname }: URL): boolean => protocol === 'tg:' || hostname === 't.me';

/** Parameters inside a start parameter of Telegram, as TON Connect escapes them. */
const telegramText = (parameters: string): string =>
  parameters.replaceAll('.', '%2E').replaceAll('-', '%2D').replaceAll('_', '%5F').replaceAll('&', '-').replaceAll('=', '__').replaceAll('%', '--');

/** The link of a connection with its way back. */
export function withReturn(link: string, returnUrl: string | undefined): string {
  const parameter = `ret=${encodeURIComponent(strategyOf(returnUrl))}`;
  const url = new URL(link);
  if (isTelegram(url)) return `${link}-${telegramText(parameter)}`;
  return `${link}${link.includes('?') ? '&' : '?'}${parameter}`;
}

/** The link that opens a connected wallet in which a request waits. */
export function opener(universalLink: string, returnUrl: string | undefined): string {
  const url = new URL(universalLink);
  if (!isTelegram(url)) return withReturn(universalLink, returnUrl);
  if (url.searchParams.has('attach')) {
    url.searchParams.delete('attach');
    url.pathname += '/start';
  }
  url.searchParams.set('startapp', 'tonconnect');
  return withReturn(url.toString(), returnUrl);
}
