// The demo's monolith: a Django-and-django-tenants workspace product as a process of its own, one schema per tenant.
// seed() makes its database, migrate() changes all schemas one by one, serveLegacy() answers; main.ts is its command line.
// Answers as docs/demo-product.md says, refuses whatever has no valid X-Identity-Tag, imports nothing from src/.
export { type MigrateStep, migrate } from './database/migrate.ts';
export { MIGRATIONS, type Migration } from './database/migrations.ts';
export type { Tenant } from './database/registry.ts';
export { LegacyRefusal } from './refusal.ts';
export { nameTenants, type SeedStep, seed } from './seed/seed.ts';
export { type Legacy, type LegacyWish, serveLegacy } from './serve.ts';
export {
  createTagVerifier,
  type IdentityTag,
  type TagVerdict,
  type TagVerifier,
} from './verify-identity-tag.ts';
