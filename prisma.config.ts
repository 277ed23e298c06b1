import { defineConfig } from 'prisma/config';

// For the Prisma command line. Whoever runs `prisma migrate deploy|status` gives the owner's address, never the app role's.
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.DATABASE_OWNER_URL ?? '' },
});
