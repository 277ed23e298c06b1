import { ask, session } from './api.js';
import { make, toast } from './dom.js';
import { attempt, showDialog } from './flip-dialog.js';

/** Asks why, then takes the newest standing flip back. */
export function openUndoDialog(flip, onDone) {
  const reason = make('textarea', {
    maxLength: 500,
    rows: 2,
    placeholder: 'Why? This goes into the audit log.',
    required: true,
  });
  const error = make('p', { className: 'error', role: 'alert' });
  const submit = make('button', { type: 'submit', className: 'primary' }, 'Undo');
  const form = make(
    'form',
    { className: 'flip', method: 'dialog' },
    make('h2', {}, `Take back flip ${flip.id}?`),
    make('p', {}, make('b', {}, flip.subject), ` to ${flip.change}, by ${flip.author}: “${flip.reason}”`),
    make('label', {}, 'Reason', reason),
    error,
    make(
      'div',
      { className: 'row end' },
      make('button', { type: 'button', className: 'ghost cancel' }, 'Cancel'),
      submit,
    ),
  );
  const dialog = showDialog(form);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const body = { author: session.author, reason: reason.value };
    const done = await attempt({ error, submit }, () => ask('/api/flips/undo', body));
    if (!done) return;
    dialog.close();
    toast(done.story.join(' '), 'good');
    onDone();
  });
}
