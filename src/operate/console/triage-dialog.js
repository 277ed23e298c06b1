import { ask, session } from './api.js';
import { make, toast } from './dom.js';
import { attempt, showDialog } from './flip-dialog.js';

const DAY_MS = 86_400_000;
const WORDS = {
  accepted: [
    'Accept',
    'The sides may differ here. It does not count until the day below.',
    'Why may they differ?',
  ],
  bug: ['Mark as a bug', 'The new side has to be mended. It goes on counting.', 'What is wrong?'],
  noise: ['Mark as noise', 'The difference means nothing. It never counts.', 'Why does it mean nothing?'],
  open: ['Reopen', 'What was said is taken back. It counts again.', 'Why?'],
};

/** Asks why (and until when), then says of a group what it is. */
export function openTriageDialog(group, state, onDone) {
  const [title, means, question] = WORDS[state];
  const reason = make('textarea', {
    required: state === 'accepted',
    maxLength: 500,
    rows: 2,
    placeholder: `${question} This goes into the audit log.`,
  });
  const owner = make('input', { className: 'field', value: session.author, maxLength: 100, required: true });
  const until = make('input', {
    className: 'field',
    type: 'date',
    required: true,
    min: printDay(1),
    max: printDay(179),
    value: printDay(30),
  });
  const error = make('p', { className: 'error', role: 'alert' });
  const submit = make('button', { type: 'submit', className: 'primary' }, title);
  const form = make(
    'form',
    { className: 'flip', method: 'dialog' },
    make('h2', {}, title),
    make('p', {}, group.story),
    make('p', { className: 'quiet small' }, means),
    make('label', {}, 'Reason', reason),
    state !== 'open' && make('label', {}, 'Owner', owner),
    state === 'accepted' && make('label', {}, 'Until', until),
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
    const body = {
      state,
      author: session.author,
      owner: owner.value.trim() || session.author,
      ...(reason.value.trim() ? { reason: reason.value } : {}),
      ...(state === 'accepted' ? { until: `${until.value}T00:00:00Z` } : {}),
    };
    const done = await attempt({ error, submit }, () => ask(`/api/diffs/${group.id}/triage`, body));
    if (!done) return;
    dialog.close();
    toast(`${done.route}: ${done.path} is ${state === 'bug' ? 'a bug' : state}.`, 'good');
    onDone();
  });
}

const printDay = (days) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
