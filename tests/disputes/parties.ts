/** A dispute that both sides play by themselves, each from what the chain shows. */
import { type Blockchain, type SandboxContract, type SendMessageResult, type TreasuryContract } from '@ton/sandbox';
import type { Cell } from '@ton/core';
import { Defence } from '../../disputes/defence';
import { DisputeError } from '../../disputes/errors';
import { localJudge } from '../../disputes/localJudge';
import { caseSubject, type Challenged, modelRoots } from '../../disputes/opening';
import type { HeldTrace } from '../../disputes/heldTrace';
import { type Move, Pursuit } from '../../disputes/pursuit';
import type { Replay } from '../../disputes/replay';
import type { Judge } from '../../disputes/refute';
import type { ExactModel, ModelProver } from '../../exact';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { CASE_MOVE_VALUE, CASE_TURNS, CASE_VERDICTS, type CaseMove, type CaseState, type CaseSubject, parseCase, parseCaseMove, readVerdict, SlashingCase } from '../../wrappers';
import { START } from '../support/jobWorld';
import { createSandbox } from '../support/sandbox';
import { BOND, exitOf, SEED } from './game';

let judge: Promise<Judge> | undefined;
export const sharedJudge = (): Promise<Judge> => (judge ??= localJudge());

export interface Parties {
  /** As everybody knows it. */
  model: ExactModel;
  prover: ModelProver;
  answer: Challenged;
  /** What the worker computes. */
  worker: Replay;
  /** What the challenger computes, if it is made already. */
  honest?: Replay;
}

export class Dispute {
  /** That the case took, oldest first. */
  readonly moves: CaseMove[] = [];

  private constructor(
    readonly chain: Blockchain,
    readonly challenger: SandboxContract<TreasuryContract>,
    readonly worker: SandboxContract<TreasuryContract>,
    readonly contract: SandboxContract<SlashingCase>,
    readonly parties: Parties,
  ) {}

  /** @param partiesOf what both have, with the stake and the client that the terms name */
  static async open(partiesOf: (names: { stake: Uint8Array; client: Uint8Array }) => Promise<Parties>): Promise<Dispute> {
    const chain = await createSandbox();
    chain.now = START;
    const [stake, challenger, worker] = [await chain.treasury('stake'), await chain.treasury('challenger'), await chain.treasury('worker')];
    const parties = await partiesOf({ stake: stake.address.hash, client: challenger.address.hash });
    const slashing = await SlashingCase.fromSubject(stake.address, challenger.address, caseSubject(parties.answer, modelRoots(parties.model, parties.prover)));
    await stake.send({ to: slashing.address, value: BOND + CASE_MOVE_VALUE, init: slashing.init, body: SlashingCase.openBody(BOND) });
    return new Dispute(chain, challenger, worker, chain.openContract(slashing), parties);
  }

  get subject(): CaseSubject {
    const { answer, model, prover } = this.parties;
    return caseSubject(answer, modelRoots(model, prover));
  }

  async state(): Promise<CaseState | null> {
    const { accountState } = await this.chain.getContract(this.contract.address);
    return accountState?.type === 'active' ? parseCase(accountState.state.data!) : null;
  }

  /** A side that was started anew: it knows what is on its disk and what the chain shows. @param worker what it computes */
  defence(worker = this.parties.worker): Defence {
    const { model, answer: { payload } } = this.parties;
    return new Defence({ model, kept: payload, subject: this.subject, sign: (hash) => nodeEd25519.sign(hash, SEED) }, worker);
  }

  /** @param held what the worker says when it is asked without the chain */
  async pursuit(held?: HeldTrace): Promise<Pursuit> {
    const { model, prover, answer, honest } = this.parties;
    return new Pursuit(model, prover, answer, await sharedJudge(), honest, held);
  }

  /** A challenger that asked the worker before its first move on chain. @returns his move, null where he has none yet */
  async askedFirst(pursuit: Pursuit): Promise<Move | null> {
    const move = async (): Promise<Move | null> => pursuit.move((await this.state())!, this.moves, this.chain.now!);
    const first = await move();
    await pursuit.askedAll();
    return first ?? move();
  }

  /** One move of whoever has the turn; null when the case is over. */
  async step(defence: Defence, pursuit: Pursuit): Promise<SendMessageResult | null> {
    const state = await this.state();
    if (state === null || state.turn === 0) return null;
    const body = await answerTo(defence, state);
    // Whoever has nothing to show is silent, and the other side waits.
    if (body === null && state.turn < CASE_TURNS.choose) this.chain.now = state.endsAt;
    const move = body === null ? await pursuit.move(state, this.moves, this.chain.now!) : { body, value: CASE_MOVE_VALUE };
    if (move === null) throw new Error('nobody has a move');
    const result = await this.send(body === null ? 'challenger' : 'worker', move);
    if (exitOf(result) !== 0) throw new Error(`a move failed with exit code ${exitOf(result)}`);
    return result;
  }

  /** One message of a side, whatever it is. */
  async send(from: 'challenger' | 'worker', { value, body }: { value: bigint; body: Cell }): Promise<SendMessageResult> {
    const result: SendMessageResult = await this[from].send({ to: this.contract.address, value, body });
    const made = exitOf(result) === 0 ? parseCaseMove(body) : null;
    if (made !== null) this.moves.push(made);
    return result;
  }

  /** Plays to the end. @returns whether the worker is convicted, and how many moves it took */
  async play(defence = this.defence(), pursuit?: Pursuit): Promise<{ isConvicted: boolean; moves: number }> {
    const challenger = pursuit ?? (await this.pursuit());
    let last: SendMessageResult | null = null;
    for (let moves = 0; ; moves++) {
      const result = await this.step(defence, challenger);
      if (result === null) return { isConvicted: verdictOf(last!) === CASE_VERDICTS.convicted, moves };
      last = result;
    }
  }
}

/** Null where the worker has nothing to say. */
async function answerTo(defence: Defence, state: CaseState): Promise<Cell | null> {
  try {
    return await defence.move(state);
  } catch (error) {
    if (error instanceof DisputeError) return null;
    throw error;
  }
}

/** The verdict that a move brought about; undefined where it brought none. */
export const verdictOf = ({ transactions }: SendMessageResult): number | undefined =>
  transactions.flatMap(({ inMessage }) => (inMessage?.body === undefined ? [] : (readVerdict(inMessage.body) ?? [])))[0]?.verdict;
