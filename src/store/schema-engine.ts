import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, DriverAdapterError } from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

// Prisma's command line downloads its schema engine as a native binary; the same engine as WASM comes from npm, works offline, and
// writes the same `_prisma_migrations`. The package's own entry imports the .wasm as a module, which Node does not do by itself.
let loaded: Promise<typeof bindings> | undefined;

// Node has it; the compiler's list of libraries without a browser's does not.
type Wasm = Readonly<{
  instantiate(
    bytes: Uint8Array,
    imports: object,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>;
}>;

async function loadEngine(): Promise<typeof bindings> {
  const folder = dirname(
    createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg'),
  );
  const bytes = readFileSync(join(folder, 'schema_engine_bg.wasm'));
  const { instance } = await (Reflect.get(globalThis, 'WebAssembly') as Wasm).instantiate(bytes, {
    './schema_engine_bg.js': withPassiveTimers(),
  });
  bindings.__wbg_set_wasm(instance.exports);
  const start = instance.exports.__wbindgen_start;
  if (typeof start === 'function') start();
  return bindings;
}

// The engine leaves the 10 s timer of its own lock behind when it is done: that timer must not keep the process alive.
function withPassiveTimers(): Record<string, unknown> {
  const passive = (run: () => void, afterMs: number) => setTimeout(run, afterMs >>> 0).unref();
  return Object.fromEntries(
    Object.entries(bindings).map(([name, value]) => [
      name,
      name.startsWith('__wbg_setTimeout_') ? passive : value,
    ]),
  );
}

/** Runs `work` with Prisma's engine on one database. Its connection ends with the work, and with it the engine's own lock. */
export async function withSchemaEngine<T>(
  ownerUrl: string,
  work: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  loaded ??= loadEngine();
  const { SchemaEngine } = await loaded;
  const pool = new pg.Pool({ connectionString: ownerUrl, max: 1, application_name: 'banyan migrate' });
  try {
    const factory = bindMigrationAwareSqlAdapterFactory(wholeScripts(new PrismaPg(pool)));
    const engine = await SchemaEngine.new({ datamodels: undefined }, () => undefined, factory);
    return await work(engine).finally(() => engine.free());
  } finally {
    await pool.end();
  }
}

/**
 * The adapter cuts scripts at every semicolon, also inside a function's body. The native engine sends a migration whole, as one
 * simple query: then PostgreSQL parses it, and runs it in one transaction.
 */
function wholeScripts(factory: PrismaPg): PrismaPg {
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    adapter.executeScript = async (script) => {
      await adapter.underlyingDriver().query(script).catch(tellEngine);
    };
    return adapter;
  };
  return factory;
}

// In the adapter's own form: the engine writes it into `_prisma_migrations` and into its answer.
function tellEngine(error: unknown): never {
  if (!(error instanceof pg.DatabaseError)) throw error;
  const { code = 'N/A', severity = 'ERROR', message, detail, column, hint } = error;
  throw new DriverAdapterError({ kind: 'postgres', code, severity, message, detail, column, hint });
}
