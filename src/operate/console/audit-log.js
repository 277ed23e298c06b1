import { make, tellAge } from './dom.js';

/** The flips, newest first; one that was taken back says by which. */
export function drawLog({ flips, standing }) {
  if (flips.length === 0) return [make('li', { className: 'quiet' }, 'Nobody has flipped anything yet.')];
  const undoneBy = new Map(
    flips.filter(({ undoes }) => undoes !== null).map(({ id, undoes }) => [undoes, id]),
  );
  return flips.map((flip) => drawFlip(flip, undoneBy.get(flip.id), flip.id === standing));
}

function drawFlip(flip, undoneBy, isStanding) {
  const what =
    flip.undoes === null
      ? make('b', {}, flip.subject)
      : make('span', {}, `undo of ${flip.undoes}: `, make('b', {}, flip.subject));
  const state = undoneBy ? `taken back by ${undoneBy}` : isStanding ? 'undo takes this one back' : undefined;
  return make(
    'li',
    { className: `entry ${undoneBy ? 'undone' : ''}`, 'data-flip': String(flip.id) },
    make(
      'p',
      { className: 'line' },
      make('span', { className: 'quiet number' }, `#${flip.id}`),
      what,
      ' to ',
      make('span', { className: 'change' }, flip.change),
    ),
    make('p', {}, `“${flip.reason}”`),
    make(
      'p',
      { className: 'quiet small' },
      flip.author,
      ' · ',
      make('time', { dateTime: flip.at, title: new Date(flip.at).toLocaleString() }, tellAge(flip.at)),
      state && ` · ${state}`,
    ),
  );
}
