/**
 * What `GET /v1/provider` and its pages answer. Amounts are decimal text of nanoTON, times Unix seconds, accounts `0:<hex>`, hashes and keys lowercase hex.
 * Fields may be added; `version` changes when one goes or means something else.
 */
export const PROVIDER_VERSION = 1;

export interface ProviderReport {
  version: number;
  /** The worker's clock. */
  now: number;
  worker: {
    networkId: number;
    workerKey: string;
    tier: 'bonded' | 'attested';
    backend: string;
    payout: string;
    startedAt: number;
    ready: boolean;
    /** Why not: docs/run-a-provider.md, "Ready". */
    reasons: string[];
    /** Of the TLS certificate; null without one. */
    certificateEnd: number | null;
  };
  /** Of the UTC day so far, of the last 7 and 30 times 24 hours, and of all time. */
  earnings: { today: Earned; week: Earned; month: Earned; all: Earned };
  /** What the chain's own counters say against the payments that were found in its history; null without channels. */
  audit: { settledNano: string; matchedNano: string; unmatchedNano: string; unmatchedChannels: number } | null;
  /** Promised by vouchers and not paid yet, and promised in channels that ended without a claim; null without channels. */
  vouchers: { open: { channels: number; nano: string; firstEnd: number | null }; lost: { channels: number; nano: string }; claimFeeNano: string | null } | null;
  /** null for a worker without a stake. */
  stake: StakeReport | null;
  disputes: {
    /** The oldest 50. */
    running: { address: string; escrow: string; seq: number; openedAt: number; canAnswer: boolean }[];
    counts: { running: number; acquitted: number; convicted: number; moot: number };
  };
  uptime: UptimeReport;
  load: {
    requests: number;
    running: number;
    parallel: number;
    waiting: number;
    queue: number;
    jobsWaiting: number;
    connections: number;
    /** Since the start. */
    promptTokens: number;
    outputTokens: number;
    failures: number;
  };
}

/** By channels and by jobs; `netNano` is what reached the payout wallet. */
export interface Earned {
  channels: { claims: number; takenNano: string; feesNano: string; netNano: string };
  jobs: { payments: number; netNano: string };
  netNano: string;
}

export interface StakeReport {
  address: string;
  /** When the chain said this; null while it has not yet. */
  readAt: number | null;
  /** Code of the error of the last try; null when it was answered. */
  problem: string | null;
  state: {
    activeNano: string;
    minimumNano: string;
    reservedNano: string;
    freeNano: string;
    thawingNano: string;
    thawedAt: number | null;
    slashedNano: string;
    faults: number;
    /** Of all keys of the stake. */
    openCases: number;
    rentPaidUntil: number;
    /** This worker's; null when the stake does not list it. */
    key: { tier: number; since: number; end: number; isRemoved: boolean; attestationEnd: number | null; tcbStatus: number | null } | null;
  } | null;
}

export interface UptimeReport {
  /** Where the record begins. */
  since: number | null;
  /** By so much a record may be short at a kill. */
  beatSeconds: number;
  /** The last 30 UTC days, oldest first; `ofSeconds` is what there was of the day from the beginning of the record to its last beat. */
  days: { start: number; upSeconds: number; readySeconds: number; ofSeconds: number }[];
  total: { upSeconds: number; readySeconds: number; ofSeconds: number };
}

/** `GET /v1/provider/earnings?from&to&by=day|week|month`: UTC, weeks begin on Monday; periods without payments are left out. */
export interface EarningsPage {
  version: number;
  from: number;
  to: number;
  by: Period;
  periods: ({ start: number } & Earned)[];
  total: Earned;
}
export type Period = 'day' | 'week' | 'month';

/** `GET /v1/provider/vouchers?after&limit`: the first to end first. */
export interface VouchersPage {
  version: number;
  vouchers: {
    channel: string;
    /** Beyond what was paid. */
    nano: string;
    final: boolean;
    /** Until when it can be claimed: the channel's end, as the chain said last, or its expiry while nobody looked. */
    deadline: number;
    isSeen: boolean;
    /** The client closes: the end is nearer than the expiry. */
    isClosing: boolean;
  }[];
  /** `after` of the next page; null on the last one. */
  next: string | null;
}

/** `GET /v1/provider/payments?of=channels|jobs&before&limit`: newest first. */
export interface PaymentsPage {
  version: number;
  payments: {
    /** Channel or job. */
    account: string;
    time: number;
    /** Transaction of the channel, or of the payout wallet for a job; null where an earlier version did not note it. */
    hash: string | null;
    netNano: string;
    /** Of a claim. */
    feeNano: string | null;
  }[];
  next: string | null;
}
