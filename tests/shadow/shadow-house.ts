import type { OverviewJson } from '../../src/operate/admin/diff-shapes.ts';
import { EDGE_ROWS } from '../support/edge-rows.ts';
import { query, startHouse, type TestHouse, type TestHouseWish, tableAt, until } from '../support/house.ts';

/** A house in which every route is at stage shadow, and what its log has told of comparisons so far. */
export type ShadowHouse = Readonly<{
  house: TestHouse;
  tenants: readonly string[];
  verdicts: Verdicts;
  /** Waits until everything that was asked has its verdict, and the ledger has it, too. */
  settle(): Promise<void>;
  readLedger(): Promise<OverviewJson['routes']>;
  /** Forgets everything that was compared so far. */
  clearLedger(): Promise<void>;
}>;

export type ToldVerdict = Readonly<{
  routeId: string;
  requestId: string;
  verdict: 'same' | 'different' | 'not_compared';
  reason?: string;
  paths: readonly string[];
}>;

const NAMES = ['acme', 'globex', 'initech', 'umbrella'] as const;
const PATIENCE_MS = 60_000;

/** Every tenant has the odd rows before they are copied. */
export async function startShadowHouse(count: number, wish: TestHouseWish = {}): Promise<ShadowHouse> {
  const tenants = Array.from(
    { length: count },
    (_, i) => NAMES[i] ?? `tenant-${String(i + 1).padStart(3, '0')}`,
  );
  const edgeRows = tenants.map((name) => EDGE_ROWS.replaceAll('acme', name.replaceAll('-', '_'))).join('\n');
  const house = await startHouse({
    tenants: count,
    table: tableAt('shadow'),
    follow: 'followed',
    edgeRows,
    ...wish,
    env: { LOG_LEVEL: 'debug', ...wish.env },
  });
  const verdicts = new Verdicts(house.log);
  const readLedger = async () => {
    const answer = await house.admin('GET', '/api/diffs?since=1h');
    return ((await answer.json()) as OverviewJson).routes;
  };
  const countKept = async () =>
    (await readLedger()).reduce((sum, { verdict }) => sum + verdict.compared + verdict.not_compared, 0);
  return {
    house,
    tenants,
    verdicts,
    readLedger,
    settle: async () => {
      await until(() => verdicts.open <= 0, 'all verdicts', PATIENCE_MS);
      await until(async () => (await countKept()) === verdicts.counted, 'the ledger', PATIENCE_MS);
    },
    clearLedger: async () => {
      const tables = ['shadow_tally', 'shadow_group', 'shadow_sample', 'shadow_place', 'shadow_noise'];
      await query(
        house.storeUrl.superuser,
        `TRUNCATE ${tables.map((table) => `banyan.${table}`).join(', ')}`,
      );
      verdicts.forget();
    },
  };
}

/** What the gateway's log tells of comparisons. */
export class Verdicts {
  readonly #log: readonly string[];
  #read = 0;
  #awaited = 0;
  #told: ToldVerdict[] = [];
  #dropped: string[] = [];
  #bugs: string[] = [];

  constructor(log: readonly string[]) {
    this.#log = log;
  }

  get told(): readonly ToldVerdict[] {
    this.#readOn();
    return this.#told;
  }

  get counted(): number {
    return this.told.length;
  }

  /** Reasons, one for each copy that was not judged. */
  get dropped(): readonly string[] {
    this.#readOn();
    return this.#dropped;
  }

  get bugs(): readonly string[] {
    this.#readOn();
    return this.#bugs;
  }

  /** Copies that have no verdict yet. */
  get open(): number {
    this.#readOn();
    return this.#awaited - this.#told.length - this.#dropped.length;
  }

  forget(): void {
    this.#readOn();
    this.#awaited -= this.#told.length + this.#dropped.length;
    this.#told = [];
    this.#dropped = [];
  }

  #readOn(): void {
    for (; this.#read < this.#log.length; this.#read += 1) {
      const line = JSON.parse(this.#log[this.#read] ?? '{}') as { event?: string } & Record<string, unknown>;
      if (line.event === 'mirror_verdict') this.#told.push(line as unknown as ToldVerdict);
      if (line.event === 'mirror_dropped') this.#dropped.push(String(line.reason));
      if (line.event === 'bug') this.#bugs.push(String(line.error));
      if (line.event === 'request_finished' && isCompared(line)) this.#awaited += 1;
    }
  }
}

/** Whether a request that has ended is one of which a copy was taken, or dropped. */
function isCompared({ routeId, tenant, reason, outcome }: Record<string, unknown>): boolean {
  const hasAnswer = outcome === 'answered' || outcome === 'cut';
  return routeId !== undefined && tenant !== undefined && reason === 'stage_shadow' && hasAnswer;
}
