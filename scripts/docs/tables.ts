import fs from 'node:fs';
import path from 'node:path';
import { economicsTables } from '../../bench/economics/tables';
import type { FeeRow } from '../../bench/feeRow';
import type { MoveRow, SlashingReport } from '../../bench/slashing/measure';
import { compiledCode, compilerVersion } from './codeHashes';
import { findings } from './findings';
import { constants, errors, messages } from './source';

const root = path.join(__dirname, '../..');
export const CONTRACTS = [
  'JobEscrow', 'CheckedJobEscrow', 'PaymentChannel', 'ProviderStake', 'AttestationRegistry', 'AttestedKey', 'Collateral', 'QuoteChecker',
  'Groth16Verifier', 'ZkJobEscrow', 'JudgedBounty', 'ModeratedRewards',
] as const;

interface AbiType {
  kind: 'simple' | 'dict';
  type?: string;
  optional?: boolean;
  format?: number | string;
  key?: string;
  keyFormat?: number;
  value?: string;
}
interface Abi {
  types: { name: string; header: number | null; fields: { name: string; type: AbiType }[] }[];
  getters: { name: string; arguments: { name: string; type: AbiType }[]; returnType: AbiType | null }[];
}

const abi = (contract: string): Abi =>
  JSON.parse(fs.readFileSync(path.join(root, `build/Suite/Suite_${contract}.abi`), 'utf8'));
const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n').replace(/\| --- /g, '|---').replace('--- |', '---|');
const hex = (opcode: number): string => `0x${opcode.toString(16).padStart(4, '0')}`;

function messageTable(): string {
  const rows = messages().sort((a, b) => a.opcode - b.opcode);
  return table(
    ['opcode', 'message', 'from -> to', 'what'],
    rows.map(({ opcode, name, route, what }) => [hex(opcode), name, route, what]),
  );
}

function errorTable(): string {
  const rows = errors();
  return table(
    ['error', 'constant', 'when'],
    rows.map(({ code, constant, when }) => [String(code), constant, when]),
  );
}

const typeName = (type: AbiType | null): string => {
  if (type === null) return 'nothing';
  if (type.kind === 'dict') return `map of ${type.key}${type.keyFormat ?? ''} to ${type.value}`;
  const name = type.type === 'int' && type.format === 257 ? 'int' : type.type;
  return `${name}${type.optional ? ' or null' : ''}`;
};

function getterTable(): string {
  const rows = CONTRACTS.flatMap((contract) =>
    abi(contract).getters.map((getter) => [
      contract,
      `${getter.name}(${getter.arguments.map(({ name, type }) => `${name}: ${typeName(type)}`).join(', ')})`,
      typeName(getter.returnType),
    ]),
  );
  return table(['contract', 'get-method', 'result'], rows);
}

function feeTable(): string {
  const rows = JSON.parse(fs.readFileSync(path.join(root, 'bench/gas.json'), 'utf8')) as FeeRow[];
  return table(
    ['operation', 'mTON', 'gas', 'import', 'gas fee', 'forward', 'storage'],
    rows.map(({ operation, milliTon, gas, split }) => [
      operation,
      `**${milliTon.toFixed(2)}**`,
      String(gas),
      ...[split.import, split.gas, split.forward, split.storage].map((part) => part.toFixed(2)),
    ]),
  );
}

/** Files whose constants are the numbers of the market. */
const PARAMETER_FILES = [
  'contracts/staking/parameters.tact',
  'contracts/attestation/governance.tact',
  'contracts/attestation/images.tact',
  'contracts/escrow/InferenceConsumer.tact',
  'contracts/zk/ZkJobEscrow.tact',
];

const MARKET_NUMBER = /(SECONDS|BOND|DIVISOR|FACTOR|SHARE|PENALTY|BURN_ADDRESS)$|^(STAKE_)?MAX_/;

function parameterTable(): string {
  const rows = PARAMETER_FILES.flatMap((file) => constants(file)).filter(({ constant }) => MARKET_NUMBER.test(constant));
  return table(
    ['constant', 'value', 'why'],
    rows.map(({ constant, value, why }) => [constant, inUnits(constant, value), why]),
  );
}

/** Seconds as days or hours, amounts as TON. */
function inUnits(constant: string, value: string): string {
  const ton = /^ton\("([\d.]+)"\)$/.exec(value);
  if (ton) return `${ton[1]} TON`;
  if (!/SECONDS$/.test(constant) || !/^\d+$/.test(value)) return value.startsWith('address(') ? '`0:00..00`' : value;
  const seconds = Number(value);
  return seconds % 86400 === 0 ? `${seconds / 86400} d` : seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds} s`;
}

function findingTable(): string {
  return table(
    ['finding', 'attack', 'tests named after it'],
    findings().map(({ number, attack, tests, without }) => [String(number), attack, tests.join(', ') || without || '']),
  );
}

function codeHashTable(): string {
  const rows = CONTRACTS.map(compiledCode);
  const hashes = table(
    ['contract', 'code hash', 'cells', 'bits', 'SDK', 'for the verifier'],
    rows.map(({ contract, hash, cells, bits }) => [
      contract,
      `\`${hash}\``,
      String(cells),
      String(bits),
      `\`CODE_HASHES.${contract}\``,
      `\`build/Suite/Suite_${contract}.pkg\``,
    ]),
  );
  return `${hashes}\n\nCompiled by \`@tact-lang/compiler\` ${compilerVersion()}.`;
}

/** Rows of the gas file that tell somebody who deploys what it costs. */
const DEPLOYMENT_COSTS: [operation: string, what: string][] = [
  ['stake-deposit-first', "provider: first deposit, which carries the stake's code"],
  ['stake-add-key-and-announce', 'provider: worker key, announced in the registry'],
  ['stake-set-descriptor', 'provider: endpoint and descriptor'],
  ['stake-renew-key', 'provider: the same key for longer'],
  ['stake-thaw', 'provider: thaw'],
  ['stake-withdraw', 'provider: withdrawal'],
  ['job-total-v5r1', "a person's job from a V5R1 wallet, all parties' fees"],
  ['checked-job-total', "a checked job, all parties' fees"],
];

function deploymentCostTable(): string {
  const measured = JSON.parse(fs.readFileSync(path.join(root, 'bench/gas.json'), 'utf8')) as FeeRow[];
  const rows = DEPLOYMENT_COSTS.map(([operation, what]) => {
    const row = measured.find((each) => each.operation === operation);
    if (row === undefined) throw new Error(`bench/gas.json has no ${operation}`);
    return [what, `${(row.milliTon / 1000).toFixed(4)} TON`];
  });
  return table(['what', 'fees'], rows);
}

const ECONOMICS = ['figures', 'audits', 'strategies', 'many', 'incomes', 'self-slash', 'griefing', 'offline'] as const;

const economicsTable = (name: string): string => {
  const { head, rows } = economicsTables()[name];
  return table(head, rows);
};

const slashing = (): SlashingReport => JSON.parse(fs.readFileSync(path.join(root, 'bench/slashing.json'), 'utf8')) as SlashingReport;

function proofTable(): string {
  return table(
    ['dearest step', 'check', 'gas of the check', 'gas of the proof', 'message, bytes', 'whole dispute, TON', 'the same at once, TON'],
    slashing().proofs.map(({ of, check, checkGas, gas, evidenceBytes, disputeTon, atOnceTon }) =>
      [of, check, ...[checkGas, gas, evidenceBytes].map((count) => count.toLocaleString('en-US')), disputeTon.toFixed(2), atOnceTon.toFixed(2)]),
  );
}

interface Column {
  name: string;
  moves: readonly MoveRow[];
  ton: number;
}

const movesTable = (columns: readonly Column[]): string => {
  const cell = ({ moves }: Column, move: string): string => {
    const { times, ton } = moves.find((row) => row.move === move)!;
    return `${times} x ${(ton / times).toFixed(4)}`;
  };
  return table(
    ['move', ...columns.map(({ name }) => name)],
    [...columns[0].moves.map(({ move }) => [move, ...columns.map((column) => cell(column, move))]), ['together', ...columns.map(({ ton }) => `**${ton.toFixed(2)} TON**`)]],
  );
};

const SHAPES = ['shape of the shipped model', 'shape of Llama 3 8B'];

function disputeTable(): string {
  const { moves, moves8B, worstDispute, worstDispute8B, disputeFeesTon, disputeFeesTon8B } = slashing();
  return movesTable([{ name: `${SHAPES[0]}, ${worstDispute}`, moves, ton: disputeFeesTon }, { name: `${SHAPES[1]}, ${worstDispute8B}`, moves: moves8B, ton: disputeFeesTon8B }]);
}

function atOnceTable(): string {
  const { movesAtOnce, movesAtOnce8B, worstAtOnce, worstAtOnce8B, disputeFeesAtOnceTon, disputeFeesAtOnceTon8B } = slashing();
  return movesTable([
    { name: `${SHAPES[0]}, ${worstAtOnce}`, moves: movesAtOnce, ton: disputeFeesAtOnceTon }, { name: `${SHAPES[1]}, ${worstAtOnce8B}`, moves: movesAtOnce8B, ton: disputeFeesAtOnceTon8B },
  ]);
}

/** Every generated table by the name of its place in the docs: `<!-- name -->` ... `<!-- /name -->`. */
export const TABLES: Record<string, () => string> = {
  messages: messageTable,
  errors: errorTable,
  'get-methods': getterTable,
  fees: feeTable,
  parameters: parameterTable,
  findings: findingTable,
  'code-hashes': codeHashTable,
  'deployment-costs': deploymentCostTable,
  ...Object.fromEntries(ECONOMICS.map((name) => [`economics-${name}`, () => economicsTable(`economics-${name}`)])),
  'slashing-proofs': proofTable,
  'slashing-disputes': disputeTable,
  'slashing-at-once': atOnceTable,
};

/** A page with every generated table in its place. */
export function withTables(page: string): string {
  return page.replace(/<!-- ([\w-]+) -->\n[\s\S]*?<!-- \/\1 -->/g, (whole, name: string) =>
    TABLES[name] ? `<!-- ${name} -->\n${TABLES[name]()}\n<!-- /${name} -->` : whole,
  );
}

function tlbType({ kind, type, optional, format, keyFormat, value }: AbiType): string {
  if (kind === 'dict') return `(HashmapE ${keyFormat ?? 267} ${value === 'bool' ? 'Bool' : value})`;
  const inner = tactType(type!, format);
  return optional ? `(Maybe ${inner})` : inner;
}

function tactType(type: string, format: number | string | undefined): string {
  if (format === 'coins') return 'Grams';
  if (type === 'bool') return 'Bool';
  if (type === 'address') return 'MsgAddressInt';
  if (type === 'cell') return '^Cell';
  if (type === 'slice') return format === 'remainder' ? 'Cell' : '^Cell';
  if (type === 'fixed-bytes') return `bits${Number(format) * 8}`;
  if (type === 'uint' || type === 'int') return `${type}${format}`;
  return type;
}

interface TlbField {
  name: string;
  type: string;
}

/** Most bits of a field; references and structures of a few bits count as none. */
function mostBits(type: string): number {
  if (type === 'Grams') return 124;
  if (type === 'MsgAddressInt') return 267;
  return Number(/^(?:uint|int|bits)(\d+)$/.exec(type)?.[1] ?? 1);
}

/** As the compiler does: what may not fit the cell goes into a cell of its own. */
function splitCell(fields: TlbField[], head: number): [TlbField[], TlbField[]] {
  let bits = head;
  const end = fields.findIndex(({ type }) => (bits += mostBits(type)) > 1023);
  return end < 0 ? [fields, []] : [fields.slice(0, end), fields.slice(end)];
}

/** docs/messages.tlb: every message and every structure inside one, from the compiler's ABI. */
export function messagesTlb(): string {
  const types = new Map(CONTRACTS.flatMap((contract) => abi(contract).types.map((type) => [type.name, type] as const)));
  const named = messages();
  const structs = new Set<string>();
  const collect = (name: string): void => {
    for (const { type } of types.get(name)?.fields ?? []) {
      for (const inner of [type.type, type.value]) {
        if (inner !== undefined && types.has(inner) && !structs.has(inner)) {
          structs.add(inner);
          collect(inner);
        }
      }
    }
  };
  for (const { name } of named) collect(name);
  for (const name of ['SignedReceipt', 'SignedAcceptance', 'BuilderSignature']) {
    structs.add(name);
    collect(name);
  }
  const line = (name: string, head: string): string => {
    const fields = types.get(name)!.fields.map((field) => ({ name: snake(field.name), type: tlbType(field.type) }));
    const [own, rest] = splitCell(fields, head.startsWith('#') ? 32 : 0);
    const text = (part: TlbField[]): string => part.map((field) => ` ${field.name}:${field.type}`).join('');
    if (rest.length === 0) return `${snake(name)}${head}${text(own)} = ${name};`;
    return [
      `${snake(name)}_rest$_${text(rest)} = ${name}Rest;`,
      `${snake(name)}${head}${text(own)} rest:^${name}Rest = ${name};`,
    ].join('\n');
  };
  return [
    '// Messages of the contracts, generated from the compiler (npm run docs:update); signed objects and the bodies of',
    '// external messages are in schema.tlb. `Cell` at the end of a message is all that is left of it.',
    '',
    ...[...structs].sort().map((name) => line(name, '$_')),
    '',
    ...named
      .sort((a, b) => a.opcode - b.opcode)
      .map(({ name, opcode }) => line(name, `#${opcode.toString(16).padStart(8, '0')}`)),
    '',
  ].join('\n');
}

const snake = (name: string): string => name.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
