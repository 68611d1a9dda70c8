/** Messages of Collateral that must not do what they want: from strangers, too poor, malformed, or again. */
import { beginCell, type Cell, Dictionary, type DictionaryValue } from '@ton/core';
import {
  COLLATERAL_ERRORS, COLLATERAL_POSTS, packHastenCollateral, packPostPckCrl, packPostRootCrl, packPostTcbInfo, QUOTE_ERRORS,
} from '../../wrappers';
import { AttestWorld, exitCodeAt, NOW, VALUE } from '../attest/attestWorld';
import { libraryOf, published, replaced, withBits } from '../support/cellBits';
import { pricesOf } from '../support/config';
import { forwardFee, gasFee } from '../../wrappers';

let world: AttestWorld;
beforeEach(async () => {
  world = await AttestWorld.create();
});

const newer = (options = {}) => world.collateralCells({ issuedAt: NOW - 1, ...options });
const codeOf = async (body: Cell, value = VALUE) => exitCodeAt((await world.postPart(body, value)).transactions, world.collateral);
const parts = Object.values(COLLATERAL_POSTS);
const balance = async () => (await world.chain.getContract(world.collateral.address)).balance;

describe('a posting', () => {
  it('returns what it does not use, and keeps five years of rent', async () => {
    const before = await balance();
    for (const pack of parts) expect(await codeOf(pack(newer()))).toBe(0);
    expect(await balance()).toBe(before);
    expect((await world.collateral.getStatus()).paidUntil).toBeGreaterThan(NOW + 4 * 31_536_000);
  });

  it('needs the gas of the largest, to the nanoTON', async () => {
    const prices = pricesOf(world.chain);
    const least = gasFee(prices, 500_000n) + forwardFee(prices, 1n, 1023n);
    for (const pack of parts) {
      expect(await codeOf(pack(newer()), least - 1n)).toBe(COLLATERAL_ERRORS.valueTooLow);
      expect(await codeOf(pack(newer()), least)).toBe(0);
    }
  });

  it('is not taken twice', async () => {
    for (const pack of parts) {
      const body = pack(newer());
      expect([await codeOf(body), await codeOf(body)]).toEqual([0, COLLATERAL_ERRORS.rolledBack]);
    }
  });

  it('with a bit of its text, list, certificate or proof flipped, or cut elsewhere, is refused', async () => {
    for (const pack of parts) {
      const body = pack(newer());
      for (let part = 0; part < body.refs.length; part++) {
        const first = body.refs[part];
        for (const at of [8, first.bits.length - 9]) {
          const flipped = replaced(body, [part], (old) => withBits(old, (bits) => void (bits[at] ^= 1)));
          expect([pack.name, part, at, (await codeOf(flipped)) === 0]).toEqual([pack.name, part, at, false]);
        }
        if (first.refs.length < 2) continue; // not a chain
        const shifted = replaced(body, [part], (old) => withBits(replaced(old, [0], (next) => withBits(next, (bits) => void bits.unshift(...Array.from({ length: 8 }, (_, i) => (old.bits.at(old.bits.length - 8 + i) ? 1 : 0))))), (bits) => void bits.splice(-8)));
        expect([pack.name, part, (await codeOf(shifted).catch(() => -1)) === 0]).toEqual([pack.name, part, false]);
      }
    }
  });

  it('of a list with other serial numbers than it names is refused: one more, one less, another, or one that is not revoked', async () => {
    const cells = newer({ revokedByCa: [0x1111n, 0x2222n] });
    const [first, second] = cells.pckCrl.revoked;
    for (const revoked of [[first], [first, second, 5n], [first, 5n], []]) {
      expect(await codeOf(packPostPckCrl({ ...cells, pckCrl: { ...cells.pckCrl, revoked } }))).toBe(COLLATERAL_ERRORS.crl);
    }
    const falsely = Dictionary.empty<bigint, boolean>(Dictionary.Keys.BigUint(256), Dictionary.Values.Bool()).set(first, true).set(second, false);
    const genuine = packPostPckCrl(cells);
    const changed = replaced(genuine, [genuine.refs.length - 1], () => beginCell().storeDictDirect(falsely).endCell());
    expect(await codeOf(changed)).toBe(COLLATERAL_ERRORS.crl);
    expect(await codeOf(genuine)).toBe(0);
  });

  it('finding 47: of a list whose dictionary hides more than its keys is refused: bits and cells that nobody pays rent for', async () => {
    const cells = newer({ revokedByCa: [0x1111n, 0x2222n] });
    const genuine = packPostPckCrl(cells);
    const hidden = [beginCell().storeUint(1, 700), beginCell().storeRef(beginCell().storeUint(7, 900).endCell())];
    for (const more of hidden) {
      const heavy: DictionaryValue<boolean> = { serialize: (_, builder) => void builder.storeBit(true).storeBuilder(more), parse: () => true };
      const dictionary = Dictionary.empty<bigint, boolean>(Dictionary.Keys.BigUint(256), heavy);
      cells.pckCrl.revoked.forEach((serial) => dictionary.set(serial, true));
      const changed = replaced(genuine, [genuine.refs.length - 1], () => beginCell().storeDictDirect(dictionary).endCell());
      expect(await codeOf(changed)).toBe(COLLATERAL_ERRORS.crl);
    }
    expect(await codeOf(genuine)).toBe(0);
  });

  it('finding 47: of a list whose dictionary names a library instead of a cell is refused: it would be gone when its publisher withdraws it', async () => {
    const cells = newer({ revokedByCa: [0x1111n, 0x2222n, 0x4444n] });
    const genuine = packPostPckCrl(cells);
    const last = genuine.refs.length - 1;
    const root = genuine.refs[last];
    const inside: number[][] = [[], [0], [1], ...(root.refs[0].refs.length ? [[0, 0], [0, 1]] : [[1, 0], [1, 1]])];
    for (const path of inside) {
      const part = path.reduce((cell, i) => cell.refs[i], root);
      world.chain.libs = published(part);
      const changed = replaced(genuine, [last, ...path], libraryOf);
      expect([path, await codeOf(changed)]).toEqual([path, COLLATERAL_ERRORS.crl]);
    }
    expect(await codeOf(genuine)).toBe(0);
  });

  it('of the other CA\'s list, or of a list as another one, is refused', async () => {
    const other = newer({ intermediate: { name: 'Intel SGX PCK Processor CA' } });
    expect(await codeOf(packPostPckCrl(other))).toBe(QUOTE_ERRORS.issuer);
    const cells = newer();
    expect(await codeOf(packPostRootCrl({ ...cells, rootCrl: cells.pckCrl }))).not.toBe(0);
    expect(await codeOf(packPostPckCrl({ ...cells, pckCrl: cells.rootCrl }))).not.toBe(0);
  });

  it('that is none returns its money', async () => {
    for (const body of [beginCell().storeUint(0x0c5f, 32).storeUint(0, 64).endCell(), beginCell().storeUint(0x0c50, 32).endCell()]) {
      const before = await balance();
      const { transactions } = await world.postPart(body);
      expect(exitCodeAt(transactions, world.collateral)).not.toBe(0);
      expect(await balance()).toBe(before);
    }
  });
});

describe('an evaluation number', () => {
  it('finding 51: is started sooner by the registry alone', async () => {
    await world.postPart(packPostTcbInfo(newer({ number: 18 })));
    for (const by of [world.stranger, world.governor, world.owner]) {
      const { transactions } = await by.send({ to: world.collateral.address, value: VALUE, body: packHastenCollateral(false, 18, NOW) });
      expect(exitCodeAt(transactions, world.collateral)).toBe(COLLATERAL_ERRORS.notRegistry);
    }
    expect((await world.collateral.getStatus()).nextTcbInfo?.number).toBe(18);
  });
});
