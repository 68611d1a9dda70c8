/** The two fields of coordinates under one interface, so that the groups are written once. AssemblyScript. */
import { addP, isZeroP, minusP, mulP, subP } from './fp';
import { invertP, invertTwo, mulTwo, squareTwo } from './fp2';
import { ONE, ONE_OF_TWO, workspace } from './workspace';

/** Coordinates of G1. Used as `changetype<Coordinate>(0)`: it has no contents. */
@unmanaged export class Coordinate {
  @inline get bytes(): usize { return 64; }
  /** Fewer pairs than this are added without their common inverse, which takes as long as 550 products. */
  @inline get worthInverting(): i32 { return 96; }
  @inline get one(): usize { return workspace + ONE; }
  @inline mul(o: usize, a: usize, b: usize): void { mulP(o, a, b); }
  @inline square(o: usize, a: usize): void { mulP(o, a, a); }
  @inline add(o: usize, a: usize, b: usize): void { addP(o, a, b); }
  @inline sub(o: usize, a: usize, b: usize): void { subP(o, a, b); }
  /** A difference that only goes into a product. */
  @inline minus(o: usize, a: usize, b: usize): void { minusP(o, a, b); }
  @inline invert(o: usize, a: usize): void { invertP(o, a); }
  @inline isZero(a: usize): bool { return isZeroP(a); }
}

/** Coordinates of G2. */
@unmanaged export class TwoCoordinates {
  @inline get bytes(): usize { return 128; }
  @inline get worthInverting(): i32 { return 32; }
  @inline get one(): usize { return workspace + ONE_OF_TWO; }
  @inline mul(o: usize, a: usize, b: usize): void { mulTwo(o, a, b); }
  @inline square(o: usize, a: usize): void { squareTwo(o, a); }
  @inline add(o: usize, a: usize, b: usize): void { addP(o, a, b); addP(o + 64, a + 64, b + 64); }
  @inline sub(o: usize, a: usize, b: usize): void { subP(o, a, b); subP(o + 64, a + 64, b + 64); }
  @inline minus(o: usize, a: usize, b: usize): void { this.sub(o, a, b); }
  @inline invert(o: usize, a: usize): void { invertTwo(o, a); }
  @inline isZero(a: usize): bool { return isZeroP(a) && isZeroP(a + 64); }
}
