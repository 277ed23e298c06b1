import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openProfiler } from '../../../src/defend/profile.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'banyan-profile-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('writes what the processor was busy with, for nobody else to read, and not again so soon', async () => {
  const profile = openProfiler(join(folder, 'new'), 100);
  const [file, second] = await Promise.all([profile(), profile()]);
  expect(second).toBeUndefined();
  expect(readdirSync(join(folder, 'new'))).toHaveLength(1);
  const { nodes, samples } = JSON.parse(readFileSync(file ?? '', 'utf8'));
  expect([nodes.length > 0, Array.isArray(samples)]).toEqual([true, true]);
  expect(statSync(file ?? '').mode & 0o077).toBe(0);
  expect(await profile()).toBeUndefined();
});

test('a folder that cannot be written is told, and tried again no sooner', async () => {
  writeFileSync(join(folder, 'taken'), '');
  const profile = openProfiler(join(folder, 'taken'), 10);
  await expect(profile()).rejects.toThrow();
  expect(await profile()).toBeUndefined();
});
