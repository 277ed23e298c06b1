// What this machine lets us do: which cores, whether processes can be pinned to them, which programs are installed.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { arch, cpus, release, type } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Rig } from './part.ts';

/** Where administrators' programs are, which is not always part of an ordinary user's path. */
const FURTHER_PLACES = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin'];

/** The program's whole path, or undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  const places = [...(process.env.PATH ?? '').split(delimiter), ...FURTHER_PLACES];
  return places.map((place) => join(place, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The last core is the proxy's, all others are for load, upstream and database. */
export function chooseCores(allowed: readonly number[]): Rig['cores'] {
  const proxy = allowed.at(-1);
  if (proxy === undefined || allowed.length < 2) return { proxy: undefined, load: undefined };
  return { proxy: String(proxy), load: allowed.slice(0, -1).join(',') };
}

/** Undefined cores where there is no `taskset`, no /proc, or only one core. */
export function findCores(): Rig['cores'] {
  if (findProgram('taskset') === undefined) return { proxy: undefined, load: undefined };
  return chooseCores(listAllowedCores());
}

/** Reads `0-2,5`. */
export function parseCoreList(text: string): readonly number[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

function listAllowedCores(): readonly number[] {
  try {
    const status = readFileSync('/proc/self/status', 'latin1');
    return parseCoreList(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '');
  } catch {
    return [];
  }
}

/** This process, and whatever it starts from now on without being told otherwise, stays on the cores of the load. */
export function stayOnLoadCores({ load }: Rig['cores']): void {
  if (load !== undefined) spawnSync('taskset', ['-a', '-c', '-p', load, String(process.pid)]);
}

/** `taskset -c CORES`, to be put before a command; nothing where processes cannot be pinned. */
export function pinTo(cores: string | undefined): readonly string[] {
  return cores === undefined ? [] : ['taskset', '-c', cores];
}

/** One line for people and for the JSON report: what the figures were seen on. */
export function describeMachine(): string {
  const [first] = cpus();
  return `${cpus().length} × ${first?.model ?? 'unknown processor'}, ${type()} ${release()} ${arch()}, Node ${process.versions.node}`;
}

/** How many files each process may have open. Node raises its own limit as far as it may, and what it starts inherits that. */
export function readFileLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? 1_024);
}
