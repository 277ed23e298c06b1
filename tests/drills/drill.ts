/** One line of a drill's table: what was expected, what was seen, and whether that will do. */
export type Line = Readonly<{
  what: string;
  expected: string;
  seen: string;
  verdict: 'held' | 'missed' | 'told';
}>;

/** A drill says beforehand what it expects, does it on real parts, and answers what it saw. */
export type Drill = Readonly<{
  /** A sentence or two: what is done to whom. */
  story: string;
  run(say: (line: string) => void, argv: readonly string[]): Promise<readonly Line[]>;
}>;

export function hold(what: string, expected: string, seen: string | number, isHeld: boolean): Line {
  return { what, expected, seen: String(seen), verdict: isHeld ? 'held' : 'missed' };
}

/** A figure that is told, and not judged. */
export function tell(what: string, seen: string | number): Line {
  return { what, expected: '', seen: String(seen), verdict: 'told' };
}
