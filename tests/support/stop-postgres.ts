import { rmSync } from 'node:fs';
import type { EmbeddedPostgres } from '../../src/operate/demo/embedded-postgres.ts';

export default async function stopPostgres(): Promise<void> {
  const { server, folder } = (
    globalThis as unknown as { __banyanPostgres: { server: EmbeddedPostgres; folder: string } }
  ).__banyanPostgres;
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
