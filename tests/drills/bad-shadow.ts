// The rehearsal process with handlers that do whatever a file says, read at each request. A rehearsal process inherits little: the file lies
// in its temporary folder.
import { tmpdir } from 'node:os';
import { runShadow } from '../../src/shadow.ts';
import { behaveBadly, readBadness } from './badness.ts';

runShadow(behaveBadly(() => readBadness(tmpdir())));
