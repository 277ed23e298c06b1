import { fork } from 'node:child_process';
import { setPriority } from 'node:os';

/** The legacy stub by its own command line, in a process of its own. */
export type LegacyProcess = Readonly<{
  pid: number;
  port: number;
  gone: Promise<void>;
  kill(signal?: NodeJS.Signals): void;
}>;
export type LegacyProcessWish = Readonly<{
  databaseUrl: string;
  port: number;
  adminPort: number;
  env?: Readonly<Record<string, string>>;
  /** `aside`: takes only what processor time nobody else wants, as if it had a machine of its own. */
  priority?: 'aside';
}>;

const LOWEST = 19;

export function startLegacyProcess(wish: LegacyProcessWish): Promise<LegacyProcess> {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = fork('legacy-stub/main.ts', ['serve'], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: {
      ...(PATH && { PATH }),
      ...(HOME && { HOME }),
      ...(TMPDIR && { TMPDIR }),
      LEGACY_DATABASE_URL: wish.databaseUrl,
      LEGACY_PORT: String(wish.port),
      // A monolith of several workers: one slow request does not hold up all others.
      LEGACY_LANES: '8',
      LEGACY_TOKEN_MS: '1',
      BANYAN_JWKS_URL: `http://127.0.0.1:${wish.adminPort}/.well-known/jwks.json`,
      BANYAN_CHILD: '1',
      ...wish.env,
    },
  });
  if (wish.priority === 'aside' && child.pid !== undefined) setPriority(child.pid, LOWEST);
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = (signal: NodeJS.Signals = 'SIGTERM') => void child.kill(signal);
  const legacy = { pid: child.pid ?? 0, port: wish.port, gone, kill };
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('The legacy stub did not start.')));
    child.stdout?.on('data', (text) => String(text).includes('listening') && resolve(legacy));
  });
}
