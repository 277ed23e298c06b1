// What tsc leaves behind: the console's files, and the schema that its editor help is read from.
import { cpSync } from 'node:fs';

cpSync('src/operate/console', 'dist/operate/console', {
  recursive: true,
  filter: (path) => !path.endsWith('.ts'),
});
