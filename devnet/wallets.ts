import type { Cell } from '@ton/core';

/** What a wallet's data begins with. */
type Layout = 'seqno' | 'id' | 'v5';

/** The wallets that toncenter names, by the hash of their code. */
const WALLETS: Record<string, [string, Layout]> = {
  a0cfc2c48aee16a271f2cfc0b7382d81756cecb1017d077faaab3bb602f6868c: ['wallet v1 r1', 'seqno'],
  d4902fcc9fad74698fa8e353220a68da0dcf72e32bcb2eb9ee04217c17d3062c: ['wallet v1 r2', 'seqno'],
  '587cc789eff1c84f46ec3797e45fc809a14ff5ae24f1e0c7a6a99cc9dc9061ff': ['wallet v1 r3', 'seqno'],
  '5c9a5e68c108e18721a07c42f9956bfb39ad77ec6d624b60c576ec88eee65329': ['wallet v2 r1', 'seqno'],
  fe9530d3243853083ef2ef0b4c2908c0abf6fa1c31ea243aacaa5bf8c7d753f1: ['wallet v2 r2', 'seqno'],
  b61041a58a7980b946e8fb9e198e3c904d24799ffa36574ea4251c41a566f581: ['wallet v3 r1', 'id'],
  '84dafa449f98a6987789ba232358072bc0f76dc4524002a5d0918b9a75d2d599': ['wallet v3 r2', 'id'],
  '64dd54805522c5be8a9db59cea0105ccf0d08786ca79beb8cb79e880a8d7322d': ['wallet v4 r1', 'id'],
  feb5ff6820e2ff0d9483e7e0d62c817d846789fb4ae580c878866d959dabd5c0: ['wallet v4 r2', 'id'],
  f3d7ca53493deedac28b381986a849403cbac3d2c584779af081065af0ac4b93: ['wallet v5 beta', 'v5'],
  '20834b7b72b112147e1b2fb457b84e74d1a30f04f737d4f62a668e9552d2b72f': ['wallet v5 r1', 'v5'],
};

/** What toncenter's getWalletInformation says of an account with this code and data, or null if it is no wallet. */
export function readWallet(code: Cell, data: Cell) {
  const known = WALLETS[code.hash().toString('hex')];
  if (known === undefined) return null;
  const [wallet_type, layout] = known;
  try {
    const reader = data.beginParse();
    const allowed = layout === 'v5' ? { is_signature_allowed: reader.loadBit() } : {};
    const seqno = reader.loadUint(32);
    return { wallet_type, seqno, ...(layout !== 'seqno' && { wallet_id: reader.loadInt(32) }), ...allowed };
  } catch {
    // Anybody can deploy a wallet's code with other data.
    return null;
  }
}
