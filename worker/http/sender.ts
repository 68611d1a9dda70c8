/** The key of all senders on this machine: a reverse proxy here hides who asks, and has limits of its own. */
export const LOOPBACK = 'loopback';

/** What counts as one sender: an IPv4 address, the /64 that one IPv6 customer has, or this machine. */
export function senderKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (plain === '::1' || plain.startsWith('127.')) return LOOPBACK;
  if (!plain.includes(':')) return plain;
  const [head, tail] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const last = tail === '' ? 0 : tail.split(':').length;
    while (groups.length + last < 8) groups.push('0');
  }
  return groups.slice(0, 4).join(':');
}
