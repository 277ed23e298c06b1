export const PEOPLE = [
  { username: 'ada', first_name: 'Ada', last_name: 'Lovelace' },
  { username: 'grace', first_name: 'Grace', last_name: 'Hopper' },
  { username: 'linus', first_name: 'Linus', last_name: 'Torvalds' },
  { username: 'margaret', first_name: 'Margaret', last_name: 'Hamilton' },
  { username: 'edsger', first_name: 'Edsger', last_name: 'Dijkstra' },
] as const;

export const CHANNELS = [
  ['general', 'Everything and nothing'],
  ['random', 'Gossip, cakes, cats'],
  ['support', 'Customers first'],
  ['développement', 'Le code, rien que le code'],
  ['releases', 'What went out, and when'],
] as const;

// What breaks careless code is in here on purpose: quotes, other scripts, an astral letter, a line separator, a backslash.
export const SENTENCES = [
  'The build is green again.',
  'Can somebody look at the invoice of March?',
  'Lunch at "Zum Löwen", 12:30?',
  '会議は明日の午後三時です。',
  'Shipped 🚀 — thanks, all!',
  "It's the cache. It's always the cache.",
  'See C:\\reports\\2026 for the numbers.',
  'First line\nsecond line\n\tthird, indented',
  'A separator\u2028that JavaScript once could not read',
  '<b>bold</b> & "quoted" </script>',
  'Who has the key to the archive?',
  'Ping me when the migration is through.',
] as const;

// As text: jsonb keeps a number's own form, and both sides have to show it.
export const METADATA = [
  '{}',
  '{}',
  '{}',
  '{"a": 1.0}',
  '{"tags": ["urgent", "späť"], "score": 0.50}',
  '{"reactions": {"👍": 3, "heart": 1}}',
  '{"big": 12345678901234567890, "small": 1e-7}',
  '{"nested": {"list": [1, [2, [3.10]], null, true]}, "z": "", "a b": " "}',
] as const;

export const PROMPTS = [
  'Summarise the meeting of Monday',
  'Write a polite reminder about the open invoice',
  'Translate "good morning" into five languages',
  'Explain tenant isolation to a new colleague',
  'Which three risks does the plan have?',
  'Vorschlag für einen Betreff, bitte',
  'Draft release notes for version 4.2',
] as const;

export const MODELS = ['banyan-small', 'banyan-small', 'banyan-large'] as const;
export const TEMPERATURES = [0.7, 0.7, 1, 0, 0.2, 1.35, 0.00001] as const;

export const FILES = [
  ['plan.pdf', 'application/pdf'],
  ['notes.txt', 'text/plain'],
  ['Übersicht 2026.csv', 'text/csv'],
  ['logo.svg', 'image/svg+xml'],
  ['he said "hi".txt', 'text/plain'],
  ['archive.tar.gz', 'application/gzip'],
] as const;
