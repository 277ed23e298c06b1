import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium as playwright } from 'playwright-core';

/**
 * A real Chromium from npm. It reads which libraries to bring from the environment, so that is set before it is loaded; it unpacks
 * itself into the run's temporary folder and goes with it.
 */
export async function openBrowser(): Promise<Browser> {
  process.env.AWS_LAMBDA_JS_RUNTIME ??= 'nodejs22.x';
  const { default: chromium } = await import('@sparticuz/chromium');
  const executablePath = await chromium.executablePath();
  pointToFonts(join(tmpdir(), 'fonts', 'fonts.conf'));
  return playwright.launch({
    executablePath,
    // Not the package's own list: it turns web security off and puts all pages into one process, and neither is what people have.
    args: ['--no-sandbox', '--disable-background-networking', '--disable-gpu'],
    headless: true,
  });
}

/** Its font settings name /tmp, wherever they were unpacked, and without a single font Chromium ends. */
function pointToFonts(file: string): void {
  const settings = readFileSync(file, 'utf8');
  writeFileSync(file, settings.replaceAll(/>\/tmp\//g, `>${tmpdir()}/`));
}
