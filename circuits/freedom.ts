/**
 * Search for freedom that a circuit should not leave: a prover who can change wires without breaking a constraint may prove what is not
 * so. What is found is a defect; finding nothing is no proof of soundness.
 */
import { FIELD_MODULUS, toField } from './field';
import { holds, type Constraint, type R1cs, type Term } from './r1cs';

/** What each wire becomes, one after the other: the other bit, the next element, and one far away. */
const CHANGES: readonly ((x: bigint) => bigint)[] = [
  (x) => (x < 2n ? 1n - x : toField(x + 1n)),
  (x) => toField(x - 1n),
  (x) => toField(x * 0x9e3779b97f4a7c15n + 0x1234567890abcdefn),
];

/** Constraints by the wires that stand in them. */
function usesOf({ wires, constraints }: R1cs): number[][] {
  const uses: number[][] = Array.from({ length: wires }, () => []);
  constraints.forEach((forms, at) => new Set(forms.flat().map(([wire]) => wire)).forEach((wire) => uses[wire].push(at)));
  return uses;
}

/**
 * Groups of wires that can change together while all constraints hold: each wire of a group by each change, public ones too.
 * @param witness that satisfies all constraints
 * @param groups wires to change together; each wire alone when left out
 */
export function freeGroups(r1cs: R1cs, witness: readonly bigint[], groups: Iterable<readonly number[]> = alone(r1cs)): number[][] {
  const uses = usesOf(r1cs);
  const changed = [...witness];
  const free: number[][] = [];
  for (const group of groups) {
    const touched = [...new Set(group.flatMap((wire) => uses[wire]))];
    const isFree = CHANGES.some((change) => {
      group.forEach((wire) => (changed[wire] = change(witness[wire])));
      return touched.every((at) => holds(r1cs.constraints[at], changed));
    });
    if (isFree) free.push([...group]);
    group.forEach((wire) => (changed[wire] = witness[wire]));
  }
  return free;
}

function* alone({ wires }: R1cs): Iterable<number[]> {
  for (let wire = 1; wire < wires; wire++) yield [wire];
}

/** A form that a constraint lets have two values only, 0 and `other`. */
interface TwoValued { form: readonly Term[]; other: bigint }

/**
 * Wires that are not proven to have one value only once the given ones have theirs, whatever the witness. A wire is proven
 * - where a product of proven wires, or a sum, leaves it alone in c,
 * - where a sum leaves bits only, times different powers of two: no two choices of bits have one sum.
 * An argmax stays unproven, since its choice follows from an order and not from an equation.
 * @param given wires that the prover chooses: context, salt, input, hidden weights
 */
export function unprovenWires(r1cs: R1cs, given: readonly number[]): number[] {
  const proven = new Set([0, ...given]);
  const twoValued = r1cs.constraints.flatMap((constraint) => twoValuedForm(constraint));
  const bits = new Set(twoValued.filter(({ form, other }) => form.length === 1 && form[0][1] === 1n && other === 1n).map(({ form }) => form[0][0]));
  const unknown = (terms: readonly Term[]) => terms.filter(([wire]) => !proven.has(wire));
  const isSumOfBits = (terms: readonly Term[], more: bigint[]) => terms.every(([wire]) => bits.has(wire)) && areDistinctPowers([...terms.map(([, coefficient]) => coefficient), ...more]);
  for (let before = -1; before !== proven.size;) {
    before = proven.size;
    const add = (terms: readonly Term[]) => terms.forEach(([wire]) => proven.add(wire));
    for (const [a, b, c] of r1cs.constraints) {
      const isSum = a.length === 0 || b.length === 0;
      if (!isSum && unknown(a).length + unknown(b).length > 0) continue;
      const open = unknown(c);
      if (open.length === 1 || (isSum && isSumOfBits(open, []))) add(open);
    }
    for (const { form, other } of twoValued) {
      const open = unknown(form);
      if (open.length > 0 && isSumOfBits(open, [toField(-other)])) add(open);
    }
  }
  return Array.from({ length: r1cs.wires }, (_, wire) => wire).filter((wire) => !proven.has(wire));
}

/** a (a + constant) = 0 */
function twoValuedForm([a, b, c]: Constraint): TwoValued[] {
  const constant = (terms: readonly Term[]) => terms.find(([wire]) => wire === 0)?.[1] ?? 0n;
  const wires = (terms: readonly Term[]) => terms.filter(([wire]) => wire !== 0);
  const [left, right] = [wires(a), wires(b)];
  const isSame = left.length === right.length && left.every(([wire, coefficient], i) => wire === right[i][0] && coefficient === right[i][1]);
  return c.length === 0 && left.length > 0 && isSame ? [{ form: a, other: toField(constant(a) - constant(b)) }] : [];
}

/** Whether elements are different powers of two that stay below r together, or all of them the negatives of such. */
function areDistinctPowers(elements: readonly bigint[]): boolean {
  return [elements, elements.map((x) => toField(-x))].some((each) =>
    new Set(each).size === each.length && each.every((x) => x > 0n && (x & (x - 1n)) === 0n) && each.reduce((sum, x) => sum + x, 0n) < FIELD_MODULUS);
}
