import { Address, type Transaction } from '@ton/core';
import { movesOf } from '../../disputes/caseHistory';
import { modelRoots, requestOpening } from '../../disputes/opening';
import { Pursuit } from '../../disputes/pursuit';
import type { Judge } from '../../disputes/refute';
import type { Replay } from '../../disputes/replay';
import { ModelProver } from '../../exact';
import { encodeTerms, equalBytes, toHex, Visibility } from '../../protocol';
import {
  bondFor, CASE_VERDICTS, packChallengeReceipt, parseCase, ProviderStake, readVerdict, requiredChallengeValue, SLASHING_CASE_ERRORS, SlashingCase, toCell,
} from '../../wrappers';
import { endpointUrl } from '../../wrappers/discovery';
import { type ChainClient, sleep } from '../../worker/chain/chainClient';
import type { LoadedModel } from '../../worker/engine';
import { ChainStateError } from '../../worker/errors';
import { sharesOf } from '../client/evidence';
import { requireBalance, type Payer } from '../client/wallet';
import { VerificationError } from '../errors';
import { formatTon } from '../output';
import { type Receiver, sendAndWait } from '../provider/send';
import type { Accused } from './accused';
import { AskedWorker } from './askedWorker';
import { type ChallengeRecord, loadChallenge, saveChallenge } from './record';

/** What the fees of a whole dispute come to at most for one side, nanoTON; the bond comes on top. */
const GAME_RESERVE = 700_000_000n;
/** Of the value of an opening, for prices that rise meanwhile; it returns. */
const MARGIN = 50_000_000n;

export interface ChallengeOptions {
  dataFolder: string;
  chain: ChainClient;
  /** Pays, moves, and gets what comes of it. */
  wallet: Payer;
  loaded: LoadedModel;
  accused: Accused;
  judge: Judge;
  /** What this machine computes, if it is made already. */
  replay?: Replay;
  /** Ask nobody: play every move on chain. */
  onChainOnly?: boolean;
  pollMillis: number;
  progress: (line: string) => void;
}

/** What came of a challenge. Amounts in nanoTON. */
export interface ChallengeReport {
  name: string;
  receiptHash: string;
  stake: string;
  case: string;
  verdict: ChallengeRecord['verdict'];
  /** Moves of this side. */
  moves: number;
  /** The check that decided, and the gas of the transaction in which the chain computed one element again. */
  check: string | null;
  proofGas: number | null;
  slashedNano: bigint;
  burntNano: bigint;
  clientNano: bigint;
  /** Share of the slash and bond, to this wallet. */
  challengerNano: bigint;
}

const CASE: Receiver = { name: 'case', errors: SLASHING_CASE_ERRORS, hint: 'run the command again: it goes on where the case stands' };

/** An API that has forgotten the verdict's transaction tells none. */
const NO_SHARES = { burntNano: 0n, clientNano: 0n, reporterNano: 0n };

/** One challenge, move by move. All that it needs to go on is its record, the kept answer and the chain. */
export class Challenge {
  private constructor(
    private readonly options: ChallengeOptions, private readonly pursuit: Pursuit, private readonly slashing: SlashingCase, private record: ChallengeRecord,
    private readonly asking: AbortController,
  ) {}

  /**
   * Opens the case, or takes up one that this data folder opened before.
   * @throws VerificationError `verification.nothing-wrong`, `.other-model`, `.not-granted`; ChainStateError `chain.low-balance`, `chain.stake-refused`
   */
  static async open(options: ChallengeOptions): Promise<Challenge> {
    const { accused, chain, wallet, loaded: { model }, judge, replay, dataFolder } = options;
    const { answer, delivery, name, receiptHash } = accused;
    if (!equalBytes(model.modelRoot, answer.terms.modelRoot)) {
      throw new VerificationError('verification.other-model', 'the answer is of another model', { expected: toHex(answer.terms.modelRoot), received: toHex(model.modelRoot), hint: 'give its file with --model' });
    }
    const parts = new ModelProver(model);
    const stake = new Address(0, Buffer.from(answer.terms.stake));
    const asking = new AbortController();
    const held = options.onChainOnly === true ? undefined : new AskedWorker(() => endpointOf(chain, stake), accused, asking.signal, options.progress);
    const pursuit = new Pursuit(model, parts, answer, judge, replay, held);
    const slashing = await SlashingCase.fromSubject(stake, wallet.address, pursuit.subject);
    const known = loadChallenge(dataFolder, receiptHash);
    if (known?.case === slashing.address.toRawString()) {
      const begun = new Challenge(options, pursuit, slashing, known, asking);
      if (await begun.isThere()) {
        if (begun.record.verdict === null) await pursuit.isWrong(delivery);
        return begun;
      }
      // What was sent did not arrive, or was refused.
    }
    if (answer.terms.visibility === Visibility.sealed && !equalBytes(answer.terms.client, new Uint8Array(wallet.address.hash))) {
      throw new VerificationError('verification.not-granted', 'a sealed answer is challenged by its client alone', {
        expected: `the wallet 0:${toHex(answer.terms.client)}`, received: wallet.address.toRawString(), hint: 'run the command with the data folder of the wallet that paid',
      });
    }
    if (!(await pursuit.isWrong(delivery))) {
      throw new VerificationError('verification.nothing-wrong', 'the receipt says what this machine computes: there is nothing to challenge', { received: name });
    }
    const provider = chain.ton.provider(stake);
    const { slashed } = await chain.query(() => ProviderStake.fromAddress(stake).getStatus(provider));
    const record: ChallengeRecord = {
      version: 1, name, receiptHash, stake: stake.toRawString(), case: slashing.address.toRawString(), since: (await chain.getAccount(stake)).apiTime - 60,
      slashedBefore: slashed.toString(), proofGas: null, check: null, moves: 0, verdict: null,
    };
    const challenge = new Challenge(options, pursuit, slashing, record, asking);
    await challenge.send(stake, parts);
    return challenge;
  }

  /** Nobody is waited for any more. */
  stop(): void {
    this.asking.abort();
  }

  /** Whether the chain has the case, or its verdict. */
  private async isThere(): Promise<boolean> {
    if (this.record.verdict !== null || (await this.findVerdict())) return true;
    const { state, data } = await this.options.chain.getAccount(this.slashing.address);
    return state === 'active' && data !== null && parseCase(data).turn > 0;
  }

  private async send(stake: Address, parts: ModelProver): Promise<void> {
    const { accused: { answer, signed }, chain, wallet, loaded: { model }, pollMillis, progress, dataFolder } = this.options;
    const { price } = this.pursuit.subject.judged;
    const value = requiredChallengeValue(price, await chain.networkPrices()) + MARGIN;
    await requireBalance(chain, wallet.address, value + GAME_RESERVE);
    const challenge = { challenger: wallet.address, terms: toCell(encodeTerms(answer.terms)), receipt: signed, request: requestOpening(answer.payload), model: modelRoots(model, parts) };
    const body = await packChallengeReceipt(challenge);
    saveChallenge(dataFolder, this.record);
    progress(`opens a case at the stake ${stake.toRawString()} with a bond of ${formatTon(bondFor(price))}`);
    await sendAndWait({ chain, wallet, pollMillis }, { what: 'challenge', to: stake, value, body: () => body });
    while ((await chain.getAccount(this.slashing.address)).state !== 'active') await sleep(pollMillis);
  }

  /** Makes the move that is due. @throws DisputeError; ChainStateError `chain.case-refused` */
  async step(): Promise<'moved' | 'waits' | 'over'> {
    const { chain, wallet, pollMillis, progress } = this.options;
    if (this.record.verdict !== null) return 'over';
    const { state: account, data, apiTime } = await chain.getAccount(this.slashing.address);
    const state = account === 'active' && data !== null ? parseCase(data) : null;
    if (state === null || state.turn === 0) return (await this.findVerdict()) ? 'over' : 'waits';
    const history = await this.history();
    const move = await this.pursuit.move(state, movesOf(history), apiTime);
    if (move === null) return 'waits';
    progress(move.what);
    const made = await sendAndWait({ chain, wallet, pollMillis }, { what: 'move', to: this.slashing.address, value: move.value, body: () => move.body, receiver: CASE });
    const proofGas = move.check === undefined ? null : gasOf(made);
    this.keep({ moves: this.record.moves + 1, check: move.check ?? this.record.check, proofGas: proofGas ?? this.record.proofGas });
    // An API may show a state that is older than the transaction.
    while ((await chain.getAccount(this.slashing.address)).apiTime < made.now) await sleep(pollMillis);
    return 'moved';
  }

  private async history(): Promise<Transaction[]> {
    const { chain } = this.options;
    const all: Transaction[] = [];
    for (;;) {
      const last = all.at(-1);
      const page = await chain.getPage(this.slashing.address, 50, last && { lt: last.lt.toString(), hash: last.hash().toString('base64') });
      all.push(...page);
      if (page.length === 0 || all.at(-1)!.prevTransactionLt === 0n) return all;
    }
  }

  private keep(changes: Partial<ChallengeRecord>): void {
    this.record = { ...this.record, ...changes };
    saveChallenge(this.options.dataFolder, this.record);
  }

  private async verdictTransaction(): Promise<Transaction | null> {
    return this.options.chain.findTransaction(Address.parse(this.record.stake), this.record.since, ({ inMessage }) =>
      inMessage?.info.type === 'internal' && inMessage.info.src.equals(this.slashing.address) && readVerdict(inMessage.body) !== null);
  }

  private async findVerdict(): Promise<boolean> {
    const found = await this.verdictTransaction();
    if (found === null) return false;
    const { verdict } = readVerdict(found.inMessage!.body)!;
    this.stop();
    this.keep({ verdict: (Object.entries(CASE_VERDICTS).find(([, number]) => number === verdict)?.[0] ?? 'moot') as ChallengeRecord['verdict'] });
    return true;
  }

  /** Of a challenge that is over. */
  async report(): Promise<ChallengeReport> {
    const { chain, accused: { answer } } = this.options;
    const { name, receiptHash, stake, case: address, verdict, moves, check, proofGas, slashedBefore } = this.record;
    const account = Address.parse(stake);
    const provider = chain.ton.provider(account);
    const { slashed } = await chain.query(() => ProviderStake.fromAddress(account).getStatus(provider));
    const transaction = await this.verdictTransaction();
    const shares = transaction === null ? NO_SHARES : sharesOf(transaction, new Address(0, Buffer.from(answer.terms.client)), this.options.wallet.address);
    const { burntNano, clientNano, reporterNano: challengerNano } = shares;
    return { name, receiptHash, stake, case: address, verdict, moves, check, proofGas, slashedNano: slashed - BigInt(slashedBefore), burntNano, clientNano, challengerNano };
  }
}

/** Where a stake says that its workers are. */
async function endpointOf(chain: ChainClient, stake: Address): Promise<string | null> {
  const { endpoint } = await chain.query(() => ProviderStake.fromAddress(stake).getStatus(chain.ton.provider(stake)));
  return endpoint === null ? null : endpointUrl(endpoint);
}

function gasOf({ description }: Transaction): number | null {
  return description.type === 'generic' && description.computePhase.type === 'vm' ? Number(description.computePhase.gasUsed) : null;
}

/** Plays one challenge to its end. @throws as its parts */
export async function playChallenge(options: ChallengeOptions): Promise<ChallengeReport> {
  const challenge = await Challenge.open(options);
  try {
    for (;;) {
      const came = await stepSafely(challenge, options);
      if (came === 'over') return await challenge.report();
      if (came === 'waits') await sleep(options.pollMillis);
    }
  } finally {
    challenge.stop();
  }
}

/** A move that came too late, or twice, costs a fee and nothing else: the next look decides anew. */
export async function stepSafely(challenge: Challenge, { progress }: Pick<ChallengeOptions, 'progress'>): ReturnType<Challenge['step']> {
  try {
    return await challenge.step();
  } catch (error) {
    if (!(error instanceof ChainStateError) || !['chain.case-refused', 'chain.no-effect'].includes(error.code)) throw error;
    progress(`${error.message}; looks again`);
    return 'waits';
  }
}
