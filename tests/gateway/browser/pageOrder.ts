/** What the page of a test is told, as JSON. Bytes are hex, amounts decimal. */
export interface PageOrder {
  relay: string;
  networkId: number;
  channel: string;
  workerKey: string;
  sealingKey: string;
  stake: string;
  client: string;
  clientSecret: string;
  modelRoot: string;
  promptPrice: string;
  outputPrice: string;
  seq: number;
  promptTokens: number[];
  maxTokens: number;
  /** Unix seconds of the test's world. */
  now: number;
  /** A URL that the page's policy does not allow, which it tries all the same. */
  forbidden?: string;
}

/** What it found. */
export interface PageFindings {
  /** What it showed: numbers with spaces between, nanoTON, an error's text or nothing. */
  tokens: string;
  due: string;
  fault: string;
  /** Of its content security policy. */
  violations: string[];
}
