import type { BanyanEvent } from '../../vocabulary/index.ts';

type Welcome = Readonly<{
  gatewayUrl: string;
  adminUrl: string;
  legacyUrl: string;
  adminToken: string;
  dataDir: string;
  tableFile: string;
  tenants: number;
  tookMs: number;
}>;

/** What a newcomer sees when everything is up: where things are, one key, three things to try. */
export function printWelcome(say: (line: string) => void, welcome: Welcome): void {
  const { gatewayUrl, adminUrl, legacyUrl, adminToken, dataDir, tableFile, tenants, tookMs } = welcome;
  const local = gatewayUrl.replace('127.0.0.1', 'localhost');
  const key = 'byn_demo_acme';
  for (const line of [
    '',
    `Banyan is ready (${(tookMs / 1000).toFixed(1)} s): ${tenants} tenants. ${tableFile} says who answers what.`,
    '',
    `  gateway   ${local}            what end users call`,
    `  console   ${adminUrl.replace('127.0.0.1', 'localhost')}            sign in with the token ${adminToken}`,
    `  legacy    ${legacyUrl.replace('127.0.0.1', 'localhost')}            the monolith behind it; refuses what did not come through the gateway`,
    `  API key   ${key}                    of tenant acme (byn_demo_<tenant> for the others)`,
    '',
    'Try:',
    `  curl -i ${local}/api/ai/jobs/1/ -H 'Authorization: Bearer ${key}'`,
    `  npx banyan flip ai canary --tenant acme --reason 'first try'     # or edit ${tableFile}`,
    `  curl -i ${local}/api/ai/jobs/1/ -H 'Authorization: Bearer ${key}'    # the same answer, X-Served-By: new`,
    '',
    `Ctrl-C stops everything. Data stay in ${dataDir}/; npm start -- --fresh begins anew.`,
    '',
  ]) {
    say(line);
  }
}

/** What whoever edits the table, or stops a part, wants to see on the terminal; requests go to the log. */
export function printNews(say: (line: string) => void, event: BanyanEvent): void {
  if (event.type === 'table_swapped')
    say(`The table of ${event.source} is in force: revision ${event.revision}.`);
  if (event.type === 'part_changed') say(`${event.part}: ${event.detail}.`);
  if (event.type !== 'table_refused') return;
  for (const mistake of event.mistakes) say(mistake);
  say('The last good table stays in force.');
}
