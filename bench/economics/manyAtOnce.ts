/** A worker that lies to many clients at a time: one stake stands behind all that it sells until the first verdict (attacks 17). */
import { figure, Mean, type Figure, Random } from './random';
import { AUDIT_RATE, burntOf, LEAST_STAKE, leftOf, STALLED_DISPUTE_DAYS } from './rules';

/** Days until an audit: a gateway computes when it has time. */
const AUDIT_DAYS = 1;
/** From the first audit that finds a lie to its verdict. */
export const BLIND_DAYS = AUDIT_DAYS + STALLED_DISPUTE_DAYS;

export interface ManyAtOnce {
  priceTon: number;
  answersPerDay: number;
  /** TON that the whole of it brings, with what is burnt alone as the loss. */
  profit: Figure;
}

/** Every lie that was found is convicted; the provider comes first each time and loses what is burnt. */
function lossOf(found: number): number {
  let [lost, left] = [0, LEAST_STAKE];
  for (let i = 0; i < found && left > 1e-6; i++) {
    lost += burntOf(left);
    left = leftOf(left);
  }
  return lost;
}

/** With stakes halved each time, what remains after n convictions is 2^-n, and the rest was shared in halves. */
function expectedProfit(price: number, perDay: number): number {
  const inTheDark = perDay * BLIND_DAYS;
  const expectedLeft = 0.5 * Math.exp((-AUDIT_RATE * inTheDark) / 2);
  return price * (1 / AUDIT_RATE + inTheDark) - 2 * burntOf(LEAST_STAKE) * (1 - expectedLeft);
}

export function lieToMany(price: number, perDay: number, random: Random, runs: number): ManyAtOnce {
  const profit = new Mean();
  for (let run = 0; run < runs; run++) {
    let lies = 1;
    while (!random.isDrawn(AUDIT_RATE)) lies++;
    let found = 1;
    for (let t = random.exponential(1 / perDay); t < BLIND_DAYS; t += random.exponential(1 / perDay)) {
      lies++;
      if (random.isDrawn(AUDIT_RATE)) found++;
    }
    profit.add(price * lies - lossOf(found));
  }
  return { priceTon: price, answersPerDay: perDay, profit: figure(expectedProfit(price, perDay), profit) };
}

/** TON a day above which lying to all at once pays at this price; 0 where it always does. */
export function breakEvenIncome(price: number): number {
  if (expectedProfit(price, 0) > 0) return 0;
  let [low, high] = [0, 1e7];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (expectedProfit(price, middle) > 0) high = middle;
    else low = middle;
  }
  return low * price;
}
