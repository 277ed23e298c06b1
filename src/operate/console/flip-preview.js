import { ask } from './api.js';
import { make } from './dom.js';

/** Shows what the flip would do, or why it cannot be; answers the revision that the preview was made for. */
export async function showPreview(form, body) {
  try {
    const told = await ask('/api/flips', body);
    const outcomes = new Map(told.outcomes.map(({ outcome }) => [outcome, 0]));
    form.preview.replaceChildren(...drawPreview(told, [...outcomes.keys()]));
    form.preview.classList.remove('bad');
    form.submit.disabled = !told.changed;
    return told.revision;
  } catch (refusal) {
    form.preview.classList.add('bad');
    form.preview.replaceChildren(make('p', {}, refusal.message));
    form.submit.disabled = true;
    return undefined;
  }
}

/** Nothing can be flipped under the brake: that is no refusal, but how things are when the dialog opens. */
export function showForced(form) {
  form.preview.classList.remove('bad');
  form.preview.replaceChildren(
    make('p', {}, 'Legacy answers everyone, because the table forces it. Untick that to flip.'),
  );
  form.submit.disabled = true;
}

function drawPreview({ changed, story, diff }, outcomes) {
  if (!changed)
    return [
      make('p', {}, 'It is so already: nothing would change.'),
      ...outcomes.map((text) => make('p', { className: 'quiet' }, text)),
    ];
  const lines = diff.map((line) =>
    make('span', { className: line.startsWith('+') ? 'added' : 'gone' }, `${line}\n`),
  );
  return [
    ...outcomes.map((text) => make('p', { className: 'outcome' }, text)),
    make(
      'ul',
      {},
      story.map((sentence) => make('li', {}, sentence)),
    ),
    make('details', {}, make('summary', {}, 'Lines of the table that change'), make('pre', {}, lines)),
  ];
}
