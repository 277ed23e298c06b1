import { type Drill, hold, type Line, tell } from './drill.ts';
import { showCounts } from './figures.ts';
import { rehearseWrites, type Traces } from './rehearsed-writes.ts';

const WRITES = 10_000;

export const drill: Drill = {
  story: `${WRITES} writes over all write routes are rehearsed, by the rehearsal process's own parts on real rows, with an engine that must not be asked and people who listen. Before and after, every row of every table is hashed, on both sides.`,
  run: async (say) => draw(await rehearseWrites(WRITES, say)),
};

function draw(traces: Traces): readonly Line[] {
  const { rehearsals, changed, tables, performed, control, tookMs, impossible } = traces;
  const rows = rehearsals.reduce((sum, one) => sum + one.rows, 0);
  // Ten of a hundred began before legacy's last changes.
  const states = new Set(rehearsals.map(({ position }) => position)).size;
  const effects = count(rehearsals.flatMap((one) => one.effects));
  const recorded = Object.values(effects).reduce((sum, one) => sum + one, 0);
  const { aiAsked, framesHeard } = performed;
  const isCounted = control.aiAsked === 1 && control.framesHeard === 1 && control.changed > 0;
  return [
    hold(
      'writes rehearsed to their end',
      `at least ${WRITES}`,
      rehearsals.length,
      rehearsals.length >= WRITES,
    ),
    tell('answers', showCounts(count(rehearsals.map(({ handler, status }) => `${handler} ${status}`)))),
    tell('rehearsals that could not be had', showCounts(impossible)),
    hold('states of legacy’s rows in which they ran', 'more than 1', states, states > 1),
    hold('rows written in them', 'more than 0', rows, rows > 0),
    hold(
      'tables that are not bit for bit as before',
      `0 of ${tables}`,
      [changed.length, ...changed].join(' '),
      changed.length === 0,
    ),
    hold('effects recorded', 'more than 0', `${recorded}: ${showCounts(effects)}`, recorded > 0),
    hold(
      'effects performed: engine asked, messages heard',
      '0, 0',
      `${aiAsked}, ${framesHeard}`,
      aiAsked + framesHeard === 0,
    ),
    hold(
      'the same in earnest, once',
      '1, 1, and tables change',
      `${control.aiAsked}, ${control.framesHeard}, and ${control.changed} change`,
      isCounted,
    ),
    tell(
      'speed',
      `${((rehearsals.length * 1000) / tookMs).toFixed(0)} rehearsals/s, ${((rows * 1000) / tookMs).toFixed(0)} rows/s`,
    ),
  ];
}

function count(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
