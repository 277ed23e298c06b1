import type { TenantId } from '../../../src/vocabulary/index.ts';

type Owner = Readonly<{ tenantId: TenantId }>;

/** Rows with nothing special about them. */
export function newUser({ tenantId }: Owner, id: number, username: string) {
  return {
    tenantId,
    id,
    username,
    email: `${username}@example.test`,
    firstName: 'Ada',
    lastName: 'Lovelace',
    password: 'pbkdf2_sha256$1$salt$hash',
    isStaff: false,
    isActive: true,
  };
}

export function newJob({ tenantId }: Owner, id: number, userId = 1) {
  return {
    tenantId,
    id,
    userId,
    model: 'banyan-small',
    prompt: 'why',
    status: 'running',
    promptTokens: 1,
    completionTokens: 0,
    temperature: 0.7,
    cost: '0.0001',
  };
}

export function newChannel({ tenantId }: Owner, id: number, name: string) {
  return { tenantId, id, name, topic: '', isPrivate: false, createdById: 1 };
}
