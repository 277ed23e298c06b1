// Makes the typed database client from prisma/schema.prisma, without downloading anything: the client needs no engine binary,
// and the one that Prisma's command line would fetch is never used. A production install has no Prisma command line and needs none.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const PRISMA = 'node_modules/prisma/build/index.js';
if (!existsSync(PRISMA)) process.exit(0);
// Prisma's command line wants a newer Node than the machine may have: use the pinned one.
const node = existsSync('node_modules/node/bin/node') ? 'node_modules/node/bin/node' : process.execPath;
const env = {
  ...process.env,
  PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true',
  PRISMA_HIDE_UPDATE_MESSAGE: '1',
  CHECKPOINT_DISABLE: '1',
};
const run = spawnSync(node, [PRISMA, 'generate', '--no-hints'], { env, encoding: 'utf8' });
if (run.status !== 0) process.stderr.write(`${run.stdout}${run.stderr}`);
process.exit(run.status ?? 1);
