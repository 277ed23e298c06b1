import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Asking, type Decide, type DecideOptions, openDecide } from '../../../src/decide/index.ts';
import type { Defend } from '../../../src/defend/index.ts';
import type { BanyanEvent, Caller, FeatureName, TenantName, UserId } from '../../../src/vocabulary/index.ts';
import { breakerOf, openTestDefend, report } from '../../support/defend.ts';

export const HANDLERS = [
  'login/login',
  'login/logout',
  'login/me',
  'ai/complete',
  'ai/jobs',
  'ai/job',
  'chat/channels',
  'chat/messages',
  'chat/post',
  'chat/socket',
  'files/list',
  'files/upload',
  'files/content',
  'files/delete',
  'dashboard/summary',
] as const;

/** The demo's tenants, as many as asked for. */
export function listTenants(count: number): readonly TenantName[] {
  const named = ['acme', 'globex', 'initech', 'umbrella'];
  const numbered = Array.from(
    { length: count - 4 },
    (_, index) => `tenant-${String(index + 5).padStart(3, '0')}`,
  );
  return [...named, ...numbered].slice(0, count) as TenantName[];
}

export function callerOf(tenant: string, scopes: readonly string[] = []): Caller {
  return {
    kind: 'known',
    tenant: tenant as TenantName,
    user: 1 as UserId,
    scopes,
    by: 'api_key',
    credentialId: 'byn_test_12345678',
  };
}

/** A plain request that forces no side. */
export const PLAIN: Asking = { wish: undefined, upgrade: false, path: '/' };

export const NOBODY: Caller = { kind: 'anonymous', tenant: undefined };

export type Bench = Readonly<{
  file: string;
  decide: Decide;
  defend: Defend;
  events: BanyanEvent[];
  /** The new side of a feature answers so, so many times. */
  end(feature: FeatureName, how: 'ok' | 'failed', times?: number): Promise<void>;
  write(text: string): void;
  close(): Promise<void>;
}>;

/** A table file in a folder of its own, opened. */
export async function openBench(
  text: string,
  { restMs = 10_000, ...options }: Partial<DecideOptions> & Readonly<{ restMs?: number }> = {},
): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-decide-'));
  const file = join(folder, 'routes.config.yaml');
  const events: BanyanEvent[] = [];
  writeFileSync(file, text);
  const emit = (event: BanyanEvent) => void events.push(event);
  const breaker = breakerOf(restMs);
  const defend = openTestDefend(emit, { breaker: { legacy: breaker, new: breaker } });
  const decide = await openDecide({
    file,
    handlers: HANDLERS,
    emit,
    newSide: defend.newSide,
    onFeatures: defend.knowFeatures,
    ...options,
  });
  return {
    file,
    decide,
    defend,
    events,
    async end(feature, how, times = 1) {
      for (let count = 0; count < times; count += 1) await report(defend, feature, how);
    },
    write: (changed) => writeFileSync(file, changed),
    async close() {
      await decide.close();
      defend.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asks again and again until the answer is true, for at most `withinMs`; answers how long it took. */
export async function waitUntil(isTrue: () => boolean, withinMs: number): Promise<number> {
  const begun = performance.now();
  while (!isTrue()) {
    if (performance.now() - begun > withinMs) throw new Error(`not true within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - begun;
}
