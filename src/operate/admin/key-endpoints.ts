import * as z from 'zod';
import type { KeyBook, KeyRecord, TenantId, TenantName, UserId } from '../../vocabulary/index.ts';
import { suggestName } from '../nearest-name.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';
import { refuse } from './problem.ts';
import { keyShape, scope, tenantName, toKeyJson, userId } from './wire.ts';

export type KeyWish = Readonly<{
  tenant: TenantName;
  user: UserId;
  scopes: readonly string[];
  label: string;
  expiresAt: Date | undefined;
}>;

/** The key itself is in no record: it is shown once and cannot be had again. */
export type NewKey = Readonly<{ key: string; record: KeyRecord }>;

export type Tenant = Readonly<{ id: TenantId; name: TenantName }>;

export type KeyParts = Readonly<{
  keys: KeyBook;
  createApiKey(wish: KeyWish): NewKey;
  listTenants(): Promise<readonly Tenant[]>;
}>;

// Longer ones are perhaps a whole key, which must not be said back.
const LONGEST_ID = 29;
const LONGEST_LIFE_MS = 5 * 366 * 86_400_000;

export function listKeyEndpoints(parts: KeyParts): readonly Endpoint[] {
  return [listKeys(parts), createKey(parts), revokeKey(parts), tellTenants(parts)];
}

function listKeys({ keys }: KeyParts): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/keys',
    summary: 'All API keys, without the keys themselves.',
    access: 'token',
    answers: { 200: { means: 'The keys’ records.', schema: z.object({ keys: z.array(keyShape) }) } },
    answer: async () => {
      const [records, now] = [await keys.list(), new Date()];
      return { status: 200, json: { keys: records.map((record) => toKeyJson(record, now)) } };
    },
  });
}

function createKey({ keys, createApiKey, listTenants }: KeyParts): Endpoint {
  const body = z.strictObject({
    tenant: tenantName,
    user: userId,
    scopes: z.array(scope).max(50).default([]),
    label: z.string().trim().max(100).default(''),
    expires_at: z.iso.datetime({ offset: true }).nullish(),
  });
  return defineEndpoint({
    method: 'POST',
    path: '/api/keys',
    summary: 'Makes an API key. The answer is the only place where it is ever shown.',
    access: 'token',
    body,
    answers: {
      201: { means: 'The key, and its record.', schema: z.object({ key: z.string(), record: keyShape }) },
    },
    answer: async ({ body: { tenant, user, scopes, label, expires_at } }) => {
      const now = new Date();
      const expiresAt = expires_at ? new Date(expires_at) : undefined;
      const trouble = findExpiryTrouble(expiresAt, now);
      if (trouble) return refuse('body_invalid', trouble);
      const names = (await listTenants()).map(({ name }) => name);
      if (!names.includes(tenant))
        return refuse('body_invalid', `There is no tenant "${tenant}".${suggestName(tenant, names)}`);
      const { key, record } = createApiKey({ tenant, user, scopes: [...new Set(scopes)], label, expiresAt });
      await keys.add(record);
      return { status: 201, json: { key, record: toKeyJson(record, now) } };
    },
  });
}

function findExpiryTrouble(expiresAt: Date | undefined, now: Date): string | undefined {
  if (!expiresAt) return undefined;
  if (expiresAt <= now) return 'expires_at lies in the past: the key would never be accepted.';
  if (expiresAt.getTime() - now.getTime() > LONGEST_LIFE_MS)
    return 'expires_at is more than five years away.';
  return undefined;
}

function revokeKey({ keys }: KeyParts): Endpoint {
  return defineEndpoint({
    method: 'POST',
    path: '/api/keys/{id}/revoke',
    summary: 'Takes an API key back; every instance refuses it within 2 seconds. Doing so twice is no error.',
    access: 'token',
    params: { id: 'The key’s public id, as GET /api/keys shows it.' },
    answers: { 200: { means: 'The record as it is now.', schema: keyShape } },
    answer: async ({ params }) => {
      const id = params.id ?? '';
      const now = new Date();
      const record = await keys.revoke(id, now);
      if (record) return { status: 200, json: toKeyJson(record, now) };
      const known = (await keys.list()).map((key) => key.id);
      return refuse(
        'key_unknown',
        `No API key has the id "${id.slice(0, LONGEST_ID)}".${suggestName(id, known)}`,
      );
    },
  });
}

function tellTenants({ listTenants }: KeyParts): Endpoint {
  const shape = z.object({ tenants: z.array(z.object({ id: z.int(), name: z.string() })) });
  return defineEndpoint({
    method: 'GET',
    path: '/api/tenants',
    summary: 'All tenants that the new store knows.',
    access: 'token',
    answers: { 200: { means: 'The tenants, by id.', schema: shape } },
    answer: async () => ({ status: 200, json: { tenants: await listTenants() } }),
  });
}
