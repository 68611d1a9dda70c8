import { Address, type Cell } from '@ton/core';
import { Defence, type DefenceOptions } from '../../disputes/defence';
import { DisputeError } from '../../disputes/errors';
import type { ExactModel } from '../../exact';
import { equalBytes, toHex } from '../../protocol';
import { CASE_MOVE_VALUE, CASE_TURNS, CASE_VERDICTS, type CaseState, packEndTurn, parseCase, SlashingCase } from '../../wrappers';
import type { ChainClient } from '../chain/chainClient';
import { nodeEd25519 } from '../keys/ed25519';
import type { WorkerKeys } from '../keys/workerKeys';
import type { Logger } from '../log';
import { readNews } from '../stake/history';
import type { CaseRecord } from '../store/caseStore';
import type { JobStore } from '../store/jobStore';
import { type CaseEvent, caseEventOf } from './events';
import type { RequestVault } from './vault';

/** A case ends within 9 days of its opening (26 moves of 8 hours), and is opened within 5 of its receipt. */
const LONGEST_CASE_SECONDS = 9 * 86_400;
/** A receipt can be challenged for 5 days; what runs by then has its request of its own. */
const KEPT_SECONDS = 10 * 86_400;
/** A message that did not change the case within this time is sent again. */
const RESEND_SECONDS = 45;

export interface DefenderOptions {
  chain: Pick<ChainClient, 'getAccount' | 'getPage'>;
  store: Pick<JobStore, 'cases' | 'cursors'>;
  log: Logger;
  model: ExactModel;
  keys: WorkerKeys;
  vault: RequestVault;
  networkId: number;
  /** Basechain hash, 32 bytes. */
  stake: Uint8Array;
  /** What was kept of a request over a channel. */
  channelRequest?: (channel: Uint8Array, seq: number) => Uint8Array | null;
  /** Sends a message of the wallet that pays for moves. */
  send: (move: { to: Address; value: bigint; body: Cell }) => Promise<void>;
  /** Unix seconds. */
  now: () => number;
}

/**
 * Answers the cases that the stake opens about answers of this worker. What it does follows from the chain and from the kept requests, so it may be
 * stopped at any time, and may run on another machine with the same keys.
 */
export class Defender {
  private readonly stake: Address;
  private readonly defences = new Map<string, Defence>();
  /** What was sent last in a case, and when. */
  private readonly sent = new Map<string, { at: string; time: number }>();
  /** Errors that were logged, by case. */
  private readonly said = new Map<string, string>();

  constructor(private readonly options: DefenderOptions) {
    this.stake = new Address(0, Buffer.from(options.stake));
  }

  /** Looks at the stake, makes every move that is due, and forgets what nobody can challenge any more. @throws ChainApiError when the stake's history cannot be read */
  async round(): Promise<void> {
    await this.look();
    for (const record of this.options.store.cases.running()) {
      try {
        await this.play(record);
        this.said.delete(record.address);
      } catch (error) {
        this.complain(record, error);
      }
    }
    this.options.store.cases.prune(this.options.now() - KEPT_SECONDS);
  }

  /** Cases that were opened and verdicts since the last look. */
  private async look(): Promise<void> {
    const { chain, store, now } = this.options;
    const name = `${this.stake.toRawString()}/cases`;
    const { found, cursor } = await readNews(
      (address, limit, from) => chain.getPage(address, limit, from), this.stake, store.cursors.get(name), now() - LONGEST_CASE_SECONDS, caseEventOf,
    );
    for (const { value } of found) await this.note(value);
    if (cursor !== null) store.cursors.set(name, cursor);
  }

  private async note(event: CaseEvent): Promise<void> {
    const { store, log, networkId, keys, now } = this.options;
    const address = event.address.toRawString();
    if (event.kind === 'ended') {
      if (!store.cases.end(address, event.verdict, now())) return;
      const isLost = event.verdict === CASE_VERDICTS.convicted;
      log[isLost ? 'error' : 'info']({ case: address, verdict: verdictName(event.verdict) }, isLost ? 'a dispute was lost: half of the stake is gone' : 'a dispute has ended');
      this.defences.delete(address);
      return;
    }
    const { subject } = event;
    if (subject.networkId !== networkId || !equalBytes(subject.workerKey, keys.signingPublic)) return;
    const genuine = await SlashingCase.fromSubject(this.stake, event.challenger, subject);
    if (!genuine.address.equals(event.address)) {
      // Only an API that lies shows such: what is sent there would not come back.
      log.error({ case: address }, 'the API shows a case that this stake cannot have opened: it is not answered');
      return;
    }
    const { escrow, seq, receipt } = subject.judged;
    const escrowName = new Address(0, Buffer.from(escrow)).toRawString();
    const kept = store.cases.kept(escrowName) ?? this.options.channelRequest?.(escrow, seq) ?? null;
    const request = kept && Buffer.from(kept);
    if (!store.cases.add({ address, receiptHash: toHex(receipt.hash()), escrow: escrowName, seq, openedAt: event.time, request })) return;
    log.warn({ case: address, escrow: escrowName, seq }, 'an answer of this worker is challenged: every move has 8 hours');
    if (request === null) log.error({ case: address }, 'its request was not kept here: the case cannot be answered, and will be lost');
  }

  /** The move of whoever is late, or this worker's own. */
  private async play(record: CaseRecord): Promise<void> {
    const { chain } = this.options;
    const to = Address.parse(record.address);
    const { state: account, data, apiTime } = await chain.getAccount(to);
    if (account !== 'active' || data === null) return;
    const state = parseCase(data);
    if (state.turn >= CASE_TURNS.choose && apiTime >= state.endsAt) return this.send(record, state, packEndTurn());
    if (state.turn === 0 || state.turn >= CASE_TURNS.choose || record.request === null || this.isOnItsWay(record, state)) return;
    const body = await this.defenceOf(record, state, record.request).move(state);
    if (body !== null) await this.send(record, state, body);
  }

  private defenceOf({ address, seq }: CaseRecord, { subject }: CaseState, request: Buffer): Defence {
    let defence = this.defences.get(address);
    if (defence === undefined) {
      const { model, vault, keys, store, log, now } = this.options;
      const kept = vault.open(request, { escrow: subject.judged.escrow, seq });
      const { modelRoot } = kept.asked;
      if (!equalBytes(modelRoot, model.modelRoot)) {
        throw new DisputeError('dispute.other-model', 'the answer in dispute is of another model', {
          expected: toHex(modelRoot), received: toHex(model.modelRoot), hint: 'start the worker, or cocoon watchtower, with its file: --model',
        });
      }
      const receipt = toHex(subject.judged.receipt.hash());
      // Silence would lose the case: it shows what it computes, even where it signed otherwise before whoever asked.
      const sign: DefenceOptions['sign'] = (hash, { t, positionRoot }) => {
        const isSame = store.cases.notePosition(receipt, t, positionRoot, now());
        if (!isSame) log.error({ case: address, position: t }, 'another root of this position was signed before: this machine does not compute the same twice');
        return nodeEd25519.sign(hash, keys.signingSecret);
      };
      defence = new Defence({ model, kept, subject, sign });
      this.defences.set(address, defence);
    }
    return defence;
  }

  private isOnItsWay({ address }: CaseRecord, state: CaseState): boolean {
    const sent = this.sent.get(address);
    return sent !== undefined && sent.at === placeOf(state) && this.options.now() < sent.time + RESEND_SECONDS;
  }

  private async send(record: CaseRecord, state: CaseState, body: Cell): Promise<void> {
    if (this.isOnItsWay(record, state)) return;
    const { send, log, now } = this.options;
    await send({ to: Address.parse(record.address), value: CASE_MOVE_VALUE, body });
    this.sent.set(record.address, { at: placeOf(state), time: now() });
    log.info({ case: record.address, turn: turnName(state.turn) }, 'a move in a dispute was sent');
  }

  /** Once for each reason: rounds follow one another. */
  private complain({ address }: CaseRecord, error: unknown): void {
    const code = (error as { code?: unknown }).code;
    const reason = typeof code === 'string' ? code : String(error);
    if (this.said.get(address) === reason) return;
    this.said.set(address, reason);
    this.options.log.error({ case: address, reason, message: (error as Error).message }, 'a dispute cannot be answered now');
  }
}

const placeOf = ({ turn, node, index, left }: CaseState): string => `${turn}/${toHex(node)}/${index}/${left}`;
const nameIn = (names: Readonly<Record<string, number>>, value: number): string => Object.entries(names).find(([, one]) => one === value)?.[0] ?? String(value);
const turnName = (turn: number): string => nameIn(CASE_TURNS, turn);
const verdictName = (verdict: number): string => nameIn(CASE_VERDICTS, verdict);
