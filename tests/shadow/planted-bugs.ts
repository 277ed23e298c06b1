import { BUGS_IN_AI } from './bugs-in-ai.ts';
import { BUGS_IN_CHAT } from './bugs-in-chat.ts';
import { BUGS_IN_DASHBOARD } from './bugs-in-dashboard.ts';
import { BUGS_IN_FILES } from './bugs-in-files.ts';
import { BUGS_IN_LOGIN } from './bugs-in-login.ts';
import { BUGS_IN_MESSAGES } from './bugs-in-messages.ts';
import type { PlantedBug } from './planted-bug.ts';

/** Variants of the new handlers with one realistic defect each. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  ...BUGS_IN_MESSAGES,
  ...BUGS_IN_CHAT,
  ...BUGS_IN_AI,
  ...BUGS_IN_DASHBOARD,
  ...BUGS_IN_FILES,
  ...BUGS_IN_LOGIN,
];
