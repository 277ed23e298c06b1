import type { Segment } from './path-template.ts';

type Branch<Leaf> = {
  readonly literals: Map<string, Branch<Leaf>>;
  param: Branch<Leaf> | undefined;
  leaf: Leaf | undefined;
};

const sprout = <Leaf>(): Branch<Leaf> => ({ literals: new Map(), param: undefined, leaf: undefined });

/**
 * Templates by their segments; what two of them share is there once. A path is found in as many steps as it has segments, however many
 * templates there are. Among 2,000 routes that takes 0.8 to 2 µs, and planting them 9 to 20 ms, for which all requests wait; find-my-way
 * took 1.2 to 3.6 µs and 55 to 100 ms in the same runs, and as long as this among 10 routes. A test holds that both find the same.
 */
export class TemplateTree<Leaf> {
  readonly #root = sprout<Leaf>();

  /** The leaf of exactly this template, the names of parameters aside; `make` makes it where it is the first. */
  plant(segments: readonly Segment[], make: () => Leaf): Leaf {
    let branch = this.#root;
    for (const segment of segments) branch = grow(branch, segment);
    branch.leaf ??= make();
    return branch.leaf;
  }

  /** The leaf of the narrowest template that matches the path. A parameter is one segment that is not empty. */
  find(path: string): Leaf | undefined {
    return findLeaf(this.#root, path, 1);
  }

  /** The leaves of all templates that match a path that this one matches, too. */
  listMeeting(segments: readonly Segment[]): readonly Leaf[] {
    return listLeaves(this.#root, segments, 0);
  }
}

function grow<Leaf>(branch: Branch<Leaf>, segment: Segment): Branch<Leaf> {
  if (typeof segment !== 'string') {
    branch.param ??= sprout();
    return branch.param;
  }
  const next = branch.literals.get(segment) ?? sprout();
  branch.literals.set(segment, next);
  return next;
}

/** Letters before parameters at each segment: no two templates of a table cross, so the first that matches is within all others. */
function findLeaf<Leaf>(branch: Branch<Leaf>, path: string, from: number): Leaf | undefined {
  const end = path.indexOf('/', from);
  const segment = end === -1 ? path.slice(from) : path.slice(from, end);
  const literal = branch.literals.get(segment);
  const found = literal && findBelow(literal, path, end);
  if (found !== undefined || segment === '' || branch.param === undefined) return found;
  return findBelow(branch.param, path, end);
}

function findBelow<Leaf>(branch: Branch<Leaf>, path: string, end: number): Leaf | undefined {
  return end === -1 ? branch.leaf : findLeaf(branch, path, end + 1);
}

function listLeaves<Leaf>(branch: Branch<Leaf>, segments: readonly Segment[], at: number): readonly Leaf[] {
  const segment = segments[at];
  if (segment === undefined) return branch.leaf === undefined ? [] : [branch.leaf];
  return listNext(branch, segment).flatMap((next) => listLeaves(next, segments, at + 1));
}

function listNext<Leaf>({ literals, param }: Branch<Leaf>, segment: Segment): readonly Branch<Leaf>[] {
  const params = param === undefined || segment === '' ? [] : [param];
  if (typeof segment !== 'string')
    return [...[...literals].flatMap(([literal, next]) => (literal === '' ? [] : [next])), ...params];
  const literal = literals.get(segment);
  return literal === undefined ? params : [literal, ...params];
}
