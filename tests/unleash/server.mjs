// A real Unleash on the database and port that the environment names. A process of its own: it is killed like a server, and Jest need not
// load it. Says "ready" on its standard output once it answers.
import { start } from 'unleash-server';

const { DATABASE_URL, PORT, ADMIN_TOKEN, CLIENT_TOKEN } = process.env;
const token = (secret, type, environment) => ({
  secret,
  type,
  environment,
  projects: ['*'],
  tokenName: `${type} of the tests`,
});

await start({
  databaseUrl: DATABASE_URL,
  db: { ssl: false, pool: { min: 0, max: 4 } },
  server: { host: '127.0.0.1', port: Number(PORT) },
  authentication: {
    type: 'none',
    createAdminUser: false,
    initApiTokens: [token(ADMIN_TOKEN, 'admin', '*'), token(CLIENT_TOKEN, 'backend', 'development')],
  },
  versionCheck: { enable: false },
  telemetry: false,
  logLevel: 'error',
});
process.stdout.write('ready\n');
