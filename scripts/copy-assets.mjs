// What tsc leaves behind: the console's files, and the test that `banyan diffs export` hands out.
import { cpSync } from 'node:fs';

cpSync('src/operate/console', 'dist/operate/console', {
  recursive: true,
  filter: (path) => !path.endsWith('.ts'),
});
cpSync('src/operate/diffs/shadow-fixtures.test.mjs', 'dist/operate/diffs/shadow-fixtures.test.mjs');
