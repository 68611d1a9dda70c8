/** What the data of a ProviderStake and of an AttestationRegistry says; wrappers/ without @ton/core, tests compare both. */
import { minimumStake } from '../../../protocol/stakeRules';
import { toHex } from '../../../protocol/bytes';
import { CellReader, type PlainCell } from '../../../protocol/cells';
import { readDictionary } from './dictionary';
import { INTEL_ROOT } from './pinned';

/** Fields of wrappers/stakeState.ts; bytes and accounts in hex, amounts in nanoTON, times in Unix seconds. */
export interface WorkerKey {
  workerKey: string;
  /** X25519: clients seal to this one and no other. */
  sealingKey: string;
  /** For life: 0 bonded, 1 attested, 2 zk. */
  tier: number;
  imageHash: string;
  claims: number;
  tcbStatus: number;
  revocationEpoch: number;
  fromUnix: number;
  /** As its newest claim says; `keyEnd` also counts a removal. */
  endUnix: number;
  /** 0 when it was not removed. */
  removedAt: number;
}

export interface StakeState {
  networkId: number;
  registry: string;
  owner: string;
  active: bigint;
  minimum: bigint;
  reserved: bigint;
  thawing: bigint;
  thawedAt: number;
  slashed: bigint;
  faults: number;
  openCases: number;
  keyCount: number;
  descriptorHash: string;
  /** What its owner wrote; check it before use. */
  endpoint: string | null;
  /** All that have a slot, ended and removed ones too, in the order of their bytes. */
  keys: WorkerKey[];
}

/** Times 0 while it has not happened. */
export interface ImagePolicy {
  claims: number;
  proposedAt: number;
  effectiveFrom: number;
  revokedAt: number;
}

export interface RegistryState {
  networkId: number;
  /** Its attestations end in another root than Intel's, and so prove nothing. */
  isSimulated: boolean;
  /** Rises with every revocation of an image that was in force. */
  epoch: number;
  /** By image hash, hex; proposed and revoked ones too. */
  images: ReadonlyMap<string, ImagePolicy>;
}

const DAY = 86_400;
const ADDRESS_BITS = 267;
/** Builders, threshold, TCB statuses, least evaluation. */
const GOVERNANCE_NUMBERS = 56;
/**
 * A stake as its get-methods say it: rent that its own money did not cover is taken from it, what days that are over reserved is free.
 * @throws ProtocolError MALFORMED_CELL
 */
export function parseStake(data: PlainCell, balance: bigint, now: number): StakeState {
  const reader = new CellReader('stake', data);
  const networkId = reader.int32();
  const [registry, owner] = [address(reader), address(reader)];
  const [active, thawing] = [reader.coins(), reader.coins()];
  const thawedAt = reader.number(32);
  const slashed = reader.coins();
  const faults = reader.number(32);
  reader.number(1);
  const keyCount = reader.number(8);
  const keys = readDictionary(reader, 256, inCell(keyRecord)).map(([key, record]) => ({ workerKey: hexOf(key), ...record }));
  const rest = reader.ref('rest');
  reader.end();
  const days = readDictionary(rest, 16, (day) => day.coins());
  rest.number(8);
  readDictionary(rest, 256, (convicted) => convicted.number(1));
  const openCases = rest.number(16);
  const descriptorHash = toHex(rest.fixedBytes(32));
  const endpoint = rest.number(1) === 1 ? textOf(rest.cell('endpoint')) : null;
  rest.end();
  const missing = max(0n, active + thawing - balance);
  const fromActive = missing < active ? missing : active;
  return {
    networkId, registry, owner,
    active: active - fromActive,
    minimum: minimumStake(networkId),
    reserved: days.reduce((sum, [day, amount]) => (Number(day) < Math.floor(now / DAY) ? sum : sum + amount), 0n),
    thawing: max(0n, thawing + fromActive - missing),
    thawedAt, slashed, faults, openCases, keyCount, descriptorHash, endpoint, keys,
  };
}

/** @throws ProtocolError MALFORMED_CELL */
export function parseRegistry(data: PlainCell): RegistryState {
  const reader = new CellReader('registry', data);
  const networkId = reader.int32();
  const root = toHex(reader.fixedBytes(64));
  const rest = reader.ref('rest');
  reader.end();
  // Governor and guardian, of any workchain.
  rest.uint(2 * ADDRESS_BITS);
  readDictionary(rest, 256, (builder) => builder.number(1));
  rest.uint(GOVERNANCE_NUMBERS);
  const epoch = rest.number(32);
  rest.number(8);
  const images = readDictionary(rest, 256, inCell(imagePolicy));
  rest.ref('proposal');
  rest.end();
  return { networkId, isSimulated: root !== INTEL_ROOT, epoch, images: new Map(images.map(([hash, policy]) => [hexOf(hash), policy])) };
}

const keyRecord = (reader: CellReader): Omit<WorkerKey, 'workerKey'> => ({
  sealingKey: toHex(reader.fixedBytes(32)),
  tier: reader.number(3),
  imageHash: toHex(reader.fixedBytes(32)),
  claims: reader.number(8),
  tcbStatus: reader.number(8),
  revocationEpoch: reader.number(32),
  fromUnix: reader.number(32),
  endUnix: reader.number(32),
  removedAt: reader.number(32),
});

const imagePolicy = (reader: CellReader): ImagePolicy => ({
  claims: reader.number(8),
  proposedAt: reader.number(32),
  effectiveFrom: reader.number(32),
  revokedAt: reader.number(32),
});

/** Structures lie in a cell of their own behind an entry. */
const inCell =
  <T>(read: (reader: CellReader) => T) =>
  (entry: CellReader): T => {
    const own = entry.ref('entry');
    const value = read(own);
    own.end();
    return value;
  };

const address = (reader: CellReader): string => toHex(reader.basechainAddress());
const hexOf = (value: bigint): string => value.toString(16).padStart(64, '0');
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

const textOf = ({ bytes, bitLength }: PlainCell): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, bitLength >> 3));
