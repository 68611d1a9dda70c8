import '@ton/test-utils';
import { type Address, beginCell, toNano, type Transaction } from '@ton/core';
import type { SandboxContract } from '@ton/sandbox';
import { ModeratedRewards, MODERATION_ERRORS, parsePostJudged } from '../../../examples/moderation/ModeratedRewards';
import { packSubmitProof, ZkJobEscrow } from '../../../wrappers/zk';
import { multiplyPrices } from '../../support/config';
import { forgedMessage } from '../../support/consumerMessages';
import { feesOf } from '../../support/fees';
import { proofFor, scalarOf } from '../../support/groth16Simulator';
import { NETWORK_ID } from '../../support/jobWorld';
import { IDENTITY, TRAPDOOR, type Wallet, ZkWorld } from '../../support/zkWorld';

const REWARD = toNano('2');
const PRICE = toNano('0.3');
const ACCEPTED = 1;
const COMMIT = scalarOf('a text that the editor read');
const { notEditor, valueTooLow, postOpen, notAPost, postsFull } = MODERATION_ERRORS;

/** The editor is the world's client, the author its stranger. */
class Moderation {
  private constructor(readonly world: ZkWorld, readonly rewards: SandboxContract<ModeratedRewards>) {}

  static async create(price = PRICE): Promise<Moderation> {
    const world = await ZkWorld.create();
    const { client, stranger } = world.wallets;
    const config = { networkId: NETWORK_ID, editor: client.address, judge: IDENTITY, accepted: ACCEPTED, reward: REWARD, price };
    const rewards = world.chain.openContract(await ModeratedRewards.fromConfig(config));
    await rewards.sendTopUp(stranger.getSender(), toNano('0.2'));
    return new Moderation(world, rewards);
  }

  async submit(commit = COMMIT, from: Wallet = this.world.wallets.client, value?: bigint) {
    const author = this.world.wallets.stranger.address;
    return this.rewards.sendSubmitPost(from.getSender(), { value: value ?? (await this.rewards.getSubmitValue()), commit, author });
  }

  /** A post, and where its job is. */
  async posted(commit = COMMIT): Promise<Address> {
    await this.submit(commit);
    return (await this.rewards.getOpenPosts()).find((post) => post.commit === commit)!.escrow;
  }

  async prove(escrow: Address, verdict: bigint, commit = COMMIT) {
    const { verifier, wallets, proofValue } = this.world;
    const payee = wallets.prover.address;
    const context = { networkId: NETWORK_ID, verifier: verifier.address.hash, escrow: escrow.hash, payee: payee.hash };
    const proof = proofFor(TRAPDOOR, [commit, verdict], context);
    return this.world.submit(packSubmitProof({ escrow, payee, proof, inputs: [commit, verdict] }), proofValue);
  }
}

const judged = (transactions: readonly Transaction[]) =>
  transactions.flatMap(({ inMessage }) => (inMessage?.info.type === 'internal' ? [parsePostJudged(inMessage.body)] : [])).filter((message) => message !== null);

describe('rewards that a proven verdict decides', () => {
  it('go to the author of a text that the model accepts', async () => {
    const moderation = await Moderation.create();
    const { stranger, prover } = moderation.world.wallets;
    const escrow = await moderation.posted();
    const { transactions } = await moderation.prove(escrow, BigInt(ACCEPTED));
    expect(transactions).toHaveTransaction({ from: escrow, to: prover.address, value: (value) => value! >= PRICE });
    expect(transactions).toHaveTransaction({ from: moderation.rewards.address, to: stranger.address, value: (value) => value! >= REWARD });
    expect(judged(transactions)).toEqual([{ commit: COMMIT, isProven: true, verdict: BigInt(ACCEPTED) }]);
    expect(await moderation.rewards.getOpenPosts()).toEqual([]);
  });

  it('return to the editor after any other verdict', async () => {
    const moderation = await Moderation.create();
    const { client } = moderation.world.wallets;
    const escrow = await moderation.posted();
    const { transactions } = await moderation.prove(escrow, 0n);
    expect(transactions).toHaveTransaction({ from: moderation.rewards.address, to: client.address, value: (value) => value! >= REWARD });
    expect(judged(transactions)).toEqual([{ commit: COMMIT, isProven: true, verdict: 0n }]);
  });

  it('return to the editor with the price when nobody proves in time', async () => {
    const moderation = await Moderation.create();
    const { world, rewards } = moderation;
    const escrow = await moderation.posted();
    world.now += 3_600;
    const { transactions } = await world.chain.openContract(ZkJobEscrow.fromAddress(escrow)).sendEnd();
    expect(transactions).toHaveTransaction({ from: rewards.address, to: world.wallets.client.address, value: (value) => value! > REWARD + PRICE });
    expect(judged(transactions)).toEqual([{ commit: COMMIT, isProven: false, verdict: 0n }]);
  });

  it('attack 56: a proof about a text that somebody else chose counts nothing', async () => {
    const moderation = await Moderation.create();
    const escrow = await moderation.posted();
    const { transactions } = await moderation.prove(escrow, BigInt(ACCEPTED), scalarOf('a text that suits the author'));
    expect(transactions).toHaveTransaction({ from: escrow, op: 0x0c85 });
    expect(judged(transactions)).toEqual([]);
    expect(await moderation.rewards.getOpenPosts()).toHaveLength(1);
  });

  it('attack 56: only the editor commits to a text, and before anybody proves', async () => {
    const moderation = await Moderation.create();
    const { stranger } = moderation.world.wallets;
    const { transactions } = await moderation.submit(COMMIT, stranger);
    expect(transactions).toHaveTransaction({ to: moderation.rewards.address, success: false, exitCode: notEditor });
  });

  it('attack 56: nobody but the job speaks for the proof', async () => {
    const moderation = await Moderation.create();
    const { rewards, world } = moderation;
    await moderation.posted();
    const body = beginCell().storeUint(0x0c84, 32).storeUint(ACCEPTED, 256).endCell();
    for (const from of [world.wallets.stranger.address, world.verifier.address]) {
      const { transactions } = await world.chain.sendMessage(forgedMessage(from, rewards.address, body, { value: toNano('0.1') }));
      expect(transactions).toHaveTransaction({ to: rewards.address, success: false, exitCode: notAPost });
    }
  });

  it('are judged once', async () => {
    const moderation = await Moderation.create();
    const { rewards, world } = moderation;
    const escrow = await moderation.posted();
    await moderation.prove(escrow, BigInt(ACCEPTED));
    await moderation.prove(escrow, BigInt(ACCEPTED));
    const body = beginCell().storeUint(0x0c84, 32).storeUint(ACCEPTED, 256).endCell();
    const { transactions } = await world.chain.sendMessage(forgedMessage(escrow, rewards.address, body, { value: toNano('0.1') }));
    expect(transactions).toHaveTransaction({ to: rewards.address, success: false, exitCode: notAPost });
  });

  it('attack 58: return when the job is refused, as for too high a price under a development key', async () => {
    const moderation = await Moderation.create(toNano('1') + 1n);
    const { transactions } = await moderation.submit();
    expect(transactions).toHaveTransaction({ from: moderation.rewards.address, to: moderation.world.wallets.client.address, value: (value) => value! > REWARD });
    expect(judged(transactions)).toEqual([{ commit: COMMIT, isProven: false, verdict: 0n }]);
    expect(await moderation.rewards.getOpenPosts()).toEqual([]);
  });

  it('the same post twice at a time is refused', async () => {
    const moderation = await Moderation.create();
    await moderation.posted();
    const { transactions } = await moderation.submit();
    expect(transactions).toHaveTransaction({ to: moderation.rewards.address, success: false, exitCode: postOpen });
  });

  it('32 posts wait, the next is refused, and the gas of all is covered', async () => {
    const moderation = await Moderation.create();
    for (let index = 0; index < 32; index++) await moderation.submit(scalarOf(`text ${index}`));
    const { transactions } = await moderation.submit();
    expect(transactions).toHaveTransaction({ to: moderation.rewards.address, success: false, exitCode: postsFull });
    const [{ escrow, commit }] = await moderation.rewards.getOpenPosts();
    const proven = await moderation.prove(escrow, BigInt(ACCEPTED), commit);
    const last = proven.transactions.find(({ inMessage }) => inMessage?.info.dest?.toString() === moderation.rewards.address.toString())!;
    expect(feesOf(last).gas).toBeLessThan(16_000n);
    expect(judged(proven.transactions)).toHaveLength(1);
    const again = await moderation.submit();
    const submitted = again.transactions.find(({ inMessage }) => inMessage?.info.dest?.toString() === moderation.rewards.address.toString())!;
    expect(feesOf(submitted).gas).toBeLessThan(33_000n);
    expect(again.transactions).toHaveTransaction({ to: moderation.rewards.address, success: true });
  });

  it.each([1n, 10n])('take the least value; one nanoTON less is refused, at %d times the prices', async (factor) => {
    const moderation = await Moderation.create();
    const { world, rewards } = moderation;
    world.chain.setConfig(multiplyPrices(world.chain.config, factor));
    const value = await rewards.getSubmitValue();
    const short = await moderation.submit(COMMIT, world.wallets.client, value - 1n);
    expect(short.transactions).toHaveTransaction({ to: rewards.address, success: false, exitCode: valueTooLow });
    const held = await world.balance(rewards.address);
    const enough = await moderation.submit(COMMIT, world.wallets.client, value);
    const [{ escrow }] = await rewards.getOpenPosts();
    expect(enough.transactions).toHaveTransaction({ from: rewards.address, to: escrow, success: true });
    expect(await world.balance(rewards.address)).toBeGreaterThanOrEqual(held);
    const { transactions } = await moderation.prove(escrow, BigInt(ACCEPTED));
    expect(judged(transactions)).toHaveLength(1);
    expect(transactions).toHaveTransaction({ from: rewards.address, to: world.wallets.stranger.address, success: true, value: (paid) => paid! >= REWARD });
  });
});
