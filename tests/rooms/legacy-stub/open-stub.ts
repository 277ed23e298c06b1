import { type Legacy, type LegacyWish, seed, serveLegacy } from '../../../legacy-stub/index.ts';
import { createDatabase } from '../../support/database.ts';
import { type Answered, openMint, type TagMint, type Visit, visit } from './visitor.ts';

export type Stub = Readonly<{
  legacy: Legacy;
  mint: TagMint;
  databaseUrl: string;
  reports: string[];
  visit(method: string, target: string, more?: Visit): Promise<Answered>;
  close(): Promise<void>;
}>;

/** A seeded database of its own, and the monolith in front of it. */
export async function openStub(tenants: number, wish: Partial<LegacyWish> = {}): Promise<Stub> {
  const database = await createDatabase('legacy_stub');
  await seed(database.url, { tenants });
  const mint = openMint();
  const reports: string[] = [];
  const legacy = await serveLegacy({
    ...{ databaseUrl: database.url, port: 0, fetchKeys: async () => mint.jwks, poolSize: 6 },
    ...{ dashboardMs: 0, tokenMs: 0, report: (line: string) => reports.push(line) },
    ...wish,
  });
  return {
    legacy,
    mint,
    databaseUrl: database.url,
    reports,
    visit: (method, target, more) => visit(legacy.url, mint, method, target, more),
    close: async () => {
      await legacy.close();
      await database.drop();
    },
  };
}
