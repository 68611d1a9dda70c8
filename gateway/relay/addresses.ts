/** Where a relay may connect to: what a provider wrote on chain must not lead it into its own network. */
import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { GatewayError } from '../errors';

/** IPv4 that is not the public internet (RFC 6890, IANA special-purpose registry). */
const NOT_PUBLIC: readonly [string, number][] = [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24], ['192.0.2.0', 24],
  ['192.88.99.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 4], ['240.0.0.0', 4],
];
/** Of IPv6 only global unicast counts, without the parts that tunnel IPv4 (Teredo, 6to4) or are for documents. */
const GLOBAL_UNICAST = subnets([['2000::', 3]], 'ipv6');
const NOT_PUBLIC_6 = subnets([['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['3fff::', 20]], 'ipv6');
const NOT_PUBLIC_4 = subnets(NOT_PUBLIC, 'ipv4');

function subnets(list: readonly (readonly [string, number])[], family: 'ipv4' | 'ipv6'): BlockList {
  const block = new BlockList();
  for (const [net, prefix] of list) block.addSubnet(net, prefix, family);
  return block;
}

export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !NOT_PUBLIC_4.check(address, 'ipv4');
  return family === 6 && GLOBAL_UNICAST.check(address, 'ipv6') && !NOT_PUBLIC_6.check(address, 'ipv6');
}

const refused = (host: string): GatewayError => new GatewayError('gateway.private-address', 'this endpoint is not on the public internet', {
  expected: 'a host whose every address is public', received: host.slice(0, 100), hint: 'only a relay of a devnet connects to others',
});

/** A URL whose host is an address is never looked up. @throws GatewayError `gateway.private-address` */
export function checkUrlHost(url: string): void {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw refused(host);
}

type Resolve = (host: string, options: LookupOptions, done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void;
/** As sockets call it: one address, or all of them where they ask for all. */
export type SocketLookup = (
  host: string, options: LookupOptions, done: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
) => void;

const resolveAll: Resolve = (host, options, done) => lookup(host, { ...options, all: true }, done);

/**
 * The system's lookup for sockets, which fails when any address of a host is not public. It is asked at each connection, so a name
 * cannot be pointed elsewhere after it was looked at.
 */
export function publicLookup(resolve: Resolve = resolveAll): SocketLookup {
  return (host, options, done) => resolve(host, options, (error, addresses) => {
    if (error !== null) return done(error, []);
    if (addresses.length === 0 || !addresses.every(({ address }) => isPublicAddress(address))) return done(refused(host), []);
    if (options.all === true) return done(null, addresses);
    done(null, addresses[0].address, addresses[0].family);
  });
}
