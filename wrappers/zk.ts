// Proof jobs. Apart from the package's other exports, as protocol/zk is: whoever proves and checks nothing need not load the curve.
export * from './Groth16Verifier';
export * from './ZkJobEscrow';
