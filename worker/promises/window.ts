/** Longest time that a promise can be taken, seconds: a wallet's message and two hops on chain need half of it. */
export const PROMISE_SECONDS = 60;

/** What the stake answered by `acceptBy` shows in every API's state by so many seconds later. */
const ARRIVAL_SECONDS = 60;

/**
 * Chain time after which a promise binds nobody any more unless its escrow is there. Until then a job that has ended
 * can be created again with the same promise, and is delivered again.
 */
export const promiseEnd = (acceptBy: number): number => acceptBy + ARRIVAL_SECONDS;
