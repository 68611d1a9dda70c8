import fs from 'node:fs';
import path from 'node:path';
import { beginCell, Cell, contractAddress, type TupleItem } from '@ton/core';
import { createShardAccount, type SendMessageResult, type SmartContract } from '@ton/sandbox';
import fc from 'fast-check';
import * as protocol from '../../protocol';
import {
  fromCell,
  packChannel,
  packClaim,
  packCreateJob,
  packDecline,
  packDelivery,
  packJobEscrowTerms,
  parseCreateJob,
  parseJobCallback,
  toCell,
} from '../../wrappers';
import { ChannelWorld } from '../support/channelWorld';
import { compileTact } from '../support/compileTact';
import { JobWorld, patternBytes, receiptCell } from '../support/jobWorld';
import {
  arbitraryAcceptance,
  arbitraryBuild,
  arbitraryDecline,
  arbitraryGrant,
  arbitraryKeyClaim,
  arbitraryReceipt,
  arbitraryTerms,
  arbitraryVoucher,
} from '../support/objects';
import { bitCount, camel, encodeTlb, parseTlb } from '../support/tlb';
import { createSandbox } from '../support/sandbox';

const readSource = (name: string): string => fs.readFileSync(path.join(__dirname, '../..', name), 'utf8');
const source = readSource('docs/schema.tlb');
const schema = parseTlb(source);

interface Kind {
  tlb: string;
  getter: string;
  any: fc.Arbitrary<object>;
  encode(value: never): protocol.PlainCell;
  decode(cell: protocol.PlainCell): object;
  hash(value: never): Uint8Array;
}

const kinds: Record<string, Kind> = {
  Terms: {
    tlb: 'terms',
    getter: 'terms',
    any: arbitraryTerms,
    encode: protocol.encodeTerms,
    decode: protocol.decodeTerms,
    hash: protocol.termsHash,
  },
  Receipt: {
    tlb: 'receipt',
    getter: 'receipt',
    any: arbitraryReceipt,
    encode: protocol.encodeReceipt,
    decode: protocol.decodeReceipt,
    hash: protocol.receiptHash,
  },
  Decline: {
    tlb: 'decline',
    getter: 'decline',
    any: arbitraryDecline,
    encode: protocol.encodeDecline,
    decode: protocol.decodeDecline,
    hash: protocol.declineHash,
  },
  Voucher: {
    tlb: 'voucher',
    getter: 'voucher',
    any: arbitraryVoucher,
    encode: protocol.encodeVoucher,
    decode: protocol.decodeVoucher,
    hash: protocol.voucherHash,
  },
  Acceptance: {
    tlb: 'acceptance',
    getter: 'acceptance',
    any: arbitraryAcceptance,
    encode: protocol.encodeAcceptance,
    decode: protocol.decodeAcceptance,
    hash: protocol.acceptanceHash,
  },
  ChallengeGrant: {
    tlb: 'challenge_grant',
    getter: 'challengeGrant',
    any: arbitraryGrant,
    encode: protocol.encodeChallengeGrant,
    decode: protocol.decodeChallengeGrant,
    hash: protocol.challengeGrantHash,
  },
  KeyClaim: {
    tlb: 'key_claim',
    getter: 'keyClaim',
    any: arbitraryKeyClaim,
    encode: protocol.encodeKeyClaim,
    decode: protocol.decodeKeyClaim,
    hash: protocol.keyClaimHash,
  },
  Build: {
    tlb: 'build',
    getter: 'build',
    any: arbitraryBuild,
    encode: protocol.encodeBuild,
    decode: protocol.decodeBuild,
    hash: protocol.buildHash,
  },
};

/** A field of ours as the integer that Tact returns for it. */
function asInteger(value: unknown): bigint {
  if (value instanceof Uint8Array) return BigInt(`0x${protocol.toHex(value)}`);
  if (typeof value === 'boolean') return value ? -1n : 0n;
  return BigInt(value as number);
}

const flatten = (items: TupleItem[]): bigint[] =>
  items.flatMap((item) => {
    if (item.type === 'int') return [item.value];
    if (item.type === 'tuple') return flatten(item.items);
    if (item.type === 'slice') return [BigInt(`0x${item.cell.beginParse().loadAddress().hash.toString('hex')}`)];
    return [];
  });

describe('Tact, TypeScript and TL-B', () => {
  let probe: SmartContract;

  beforeAll(async () => {
    const { SignedObjectsProbe: code } = await compileTact('tests/tact/SignedObjectsProbe.tact');
    const blockchain = await createSandbox();
    const data = beginCell().endCell();
    const address = contractAddress(0, { code, data });
    await blockchain.setShardAccount(address, createShardAccount({ address, code, data, balance: 10n ** 9n }));
    probe = await blockchain.getContract(address);
  });

  it.each(Object.keys(kinds))('agree on every bit of a %s', async (name) => {
    const kind = kinds[name];
    await fc.assert(
      fc.asyncProperty(kind.any, async (value) => {
        const plain = kind.encode(value as never);
        const cell = toCell(plain);
        const hash = protocol.toHex(kind.hash(value as never));
        expect(cell.hash().toString('hex')).toBe(hash);
        expect(
          encodeTlb(schema, kind.tlb, { ...value, reserved: 0 })
            .hash()
            .toString('hex'),
        ).toBe(hash);
        const { stackReader } = await probe.get(`${kind.getter}Hash`, [{ type: 'cell', cell }]);
        expect(stackReader.readBigNumber().toString(16).padStart(64, '0')).toBe(hash);
        expect(kind.decode(plain)).toEqual(value);
        expect(fromCell(cell)).toEqual(plain);
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  it('agree on the meaning of every field', async () => {
    const children: Record<string, string[]> = { Terms: ['termsRequest', 'termsPrices'], Receipt: ['receiptClaims'] };
    for (const [name, kind] of Object.entries(kinds)) {
      const [value] = fc.sample(kind.any, { numRuns: 1, seed: 11 });
      const cell = toCell(kind.encode(value as never));
      const read = [cell, ...cell.refs].map(async (part, index) => {
        const getter = index === 0 ? kind.getter : children[name][index - 1];
        return flatten((await probe.get(getter, [{ type: 'cell', cell: part }])).stack);
      });
      const inTact = (await Promise.all(read)).flat();
      for (const field of Object.values(value)) expect(inTact).toContain(asInteger(field));
      const extra = name === 'Receipt' ? 2 : 1; // the tag, and a receipt's reserved bits
      expect(inTact.length).toBe(Object.keys(value).length + extra);
    }
  });

  it("agree on the contract's own messages and state", async () => {
    const world = await JobWorld.create();
    const delivery = world.delivery();
    const { client, payout } = world.terms;
    const state = { ...world.terms, client: client.hash, payout: payout.hash };
    expect(encodeTlb(schema, 'job_terms', state as never).equals(packJobEscrowTerms(world.terms))).toBe(true);
    const receipt = protocol.decodeReceipt(fromCell(receiptCell(world.terms, world.job.address, world.answer())));
    for (const length of [0, 24, 25, 151, 152, 256]) {
      const output = patternBytes(length, 5);
      const whole = encodeTlb(schema, 'delivery', { ...receipt, ...delivery, output } as never);
      expect(whole.equals(packDelivery({ ...delivery, output }))).toBe(true);
    }
    for (const length of [0, 1, 32, 33, 159, 160, 6096]) {
      const request = patternBytes(length, 6);
      const body = encodeTlb(schema, 'create_job', { request });
      expect(body.equals(packCreateJob(request))).toBe(true);
      expect(parseCreateJob(body)).toEqual(request);
    }
    const refusal = { networkId: 1, termsHash: patternBytes(32), escrow: patternBytes(32, 1), seq: 2, reason: 3, retryAfter: 4 };
    expect(encodeTlb(schema, 'refusal', refusal).equals(toCell(protocol.encodeRefusal(refusal)))).toBe(true);
    const channel = await ChannelWorld.create();
    const { client: owner, payout: payee, stake, ...numbers } = channel.terms;
    const parties = { client: owner.hash, payout: payee.hash, stake: stake.hash, claimed: 0n, endsAt: numbers.expiry };
    expect(encodeTlb(schema, 'channel', { ...numbers, ...parties } as never).equals(packChannel(channel.terms))).toBe(true);
    const claim = channel.claimOf(12_345n, { final: true });
    expect(encodeTlb(schema, 'channel_claim', claim as never).equals(packClaim(claim))).toBe(true);
    const declined = { signature: patternBytes(64), reason: 7 };
    expect(encodeTlb(schema, 'decline_body', declined).equals(packDecline(declined.signature, 7))).toBe(true);
  });

  it('agree on what the contract itself sends to the client', async () => {
    const callback = async (answerInCallback: boolean, end: (world: JobWorld) => Promise<SendMessageResult>) => {
      const world = await JobWorld.create({ answerInCallback });
      await world.create();
      const { transactions } = await end(world);
      const client = world.client.address.toString();
      const bodies = transactions.filter(({ inMessage }) => inMessage?.info.dest?.toString() === client);
      expect(bodies).toHaveLength(1);
      return bodies[0].inMessage!.body;
    };
    const output = patternBytes(256, 3);
    const answered = await callback(true, (world) => world.deliver(world.delivery(world.answer({ output }))));
    expect(answered.equals(encodeTlb(schema, 'job_answered', { output }))).toBe(true);
    expect(parseJobCallback(answered)).toEqual({ kind: 'answered', output });
    const silent = await callback(false, (world) => world.deliver());
    expect(silent.equals(encodeTlb(schema, 'job_answered', { output: new Uint8Array(0) }))).toBe(true);
    const declined = await callback(false, (world) => world.decline(9));
    expect(declined.equals(encodeTlb(schema, 'job_declined', { reason: 9 }))).toBe(true);
    expect(parseJobCallback(declined)).toEqual({ kind: 'failed', reason: 'declined', declineReason: 9 });
    const expired = await callback(false, (world) => {
      world.blockchain.now = world.terms.deadline;
      return world.external(encodeTlb(schema, 'expire_body', {}));
    });
    expect(expired.equals(encodeTlb(schema, 'job_expired', {}))).toBe(true);
  });

  it('the same names stand in the same order in Tact and in TL-B, with the same sizes', () => {
    const asTact: Record<string, string> = { Grams: 'Int as coins', Bool: 'Bool', MsgAddressInt: 'Address' };
    const structs = [...readSource('contracts/lib/signedObjects.tact').matchAll(/struct (\w+) \{([^}]*)\}/g)];
    expect(structs.map(([, name]) => name).sort()).toEqual([
      'Acceptance',
      'Build',
      'ChallengeGrant',
      'Decline',
      'KeyClaim',
      'Receipt',
      'ReceiptClaims',
      'Terms',
      'TermsPrices',
      'TermsRequest',
      'Voucher',
    ]);
    for (const [, name, body] of structs) {
      const { fields, tag } = [...schema.values()].find(({ type }) => type === name)!;
      const expected = fields.map(({ name: field, type }) => {
        const sized = type.replace(/^bits/, 'uint');
        return `${camel(field)}: ${type.startsWith('^') ? 'Cell' : (asTact[type] ?? `Int as ${sized}`)}`;
      });
      const inTact = [...body.matchAll(/^\s*(\w+: [^;]+);/gm)].map(([, field]) => field);
      expect(inTact).toEqual(tag === undefined ? expected : ['tag: Int as uint32', ...expected]);
    }
  });

  it('every bit count in schema.tlb is the sum of its fields', () => {
    const stated = [...source.matchAll(/= (\w+); \/\/ (\d+)(?:\.\.(\d+))? bits/g)];
    const counts = new Map(stated.map(([, type, least, most]) => [type, [Number(least), Number(most ?? least)]]));
    for (const constructor of schema.values()) {
      const { name, type } = constructor;
      if (type !== 'ByteChain') expect([name, counts.get(type)]).toEqual([name, bitCount(constructor)]);
    }
  });

  it('the escrow accepts a receipt and a decline that protocol/ made', async () => {
    const world = await JobWorld.create();
    await world.create();
    const { networkId, termsHash, price } = world.terms;
    const escrow = new Uint8Array(world.job.address.hash);
    const answer = world.answer();
    const receipt: protocol.Receipt = {
      networkId,
      termsHash,
      escrow,
      seq: 0,
      index: 0,
      final: true,
      finishReason: answer.finishReason,
      issuedAt: answer.issuedAt,
      dueNano: price,
      sealedHash: protocol.outputHash(answer.output),
      responseCommit: answer.responseCommit,
      traceCommit: answer.traceCommit,
      promptTokens: answer.promptTokens,
      outputTokens: answer.outputTokens,
    };
    const seed = new Uint8Array(Buffer.alloc(32, 2));
    const sign = (hash: Uint8Array) => protocol.portableEd25519.sign(hash, seed);
    await world.external(
      packDelivery({
        signature: sign(protocol.receiptHash(receipt)),
        finishReason: receipt.finishReason,
        issuedAt: receipt.issuedAt,
        claims: toCell(protocol.encodeReceiptClaims(receipt)),
        output: answer.output,
      }),
    );
    expect(await world.isGone()).toBe(true);
    await world.create();
    await world.external(packDecline(sign(protocol.declineHash({ networkId, termsHash, escrow, reason: 4 })), 4));
    expect(await world.isGone()).toBe(true);
  });

  it("bytes in cells: protocol/ and @ton/core read each other at every length around a cell's edge", () => {
    for (const length of [0, 1, 23, 24, 25, 150, 151, 152, 278, 279, 6096]) {
      const bytes = patternBytes(length, 1);
      const cell: Cell = toCell(protocol.encodeByteChain(bytes, 24));
      expect(protocol.decodeByteChain(fromCell(cell), 24)).toEqual(bytes);
      expect(cell.hash().toString('hex')).toBe(protocol.toHex(protocol.outputHash(bytes)));
    }
  });
});
