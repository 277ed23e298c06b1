import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
  await unpackOnce(chromium);
  return playwright.launch({
    executablePath: await chromium.executablePath(),
    // Not the package's own list: it turns web security off and puts all pages into one process, and neither is what people have.
    args: ['--no-sandbox', '--disable-background-networking', '--disable-gpu'],
    headless: true,
  });
}

const PATIENCE_MS = 60_000;

/** Of several test files at once the first unpacks and the others wait: half of a Chromium looks like a whole one. */
async function unpackOnce(chromium: { executablePath(): Promise<string> }): Promise<void> {
  const ready = join(tmpdir(), 'chromium-is-ready');
  if (claim(join(tmpdir(), 'chromium-is-claimed'))) {
    await chromium.executablePath();
    pointToFonts(join(tmpdir(), 'fonts', 'fonts.conf'));
    writeFileSync(ready, '');
  }
  for (const beganMs = performance.now(); !existsSync(ready); ) {
    if (performance.now() - beganMs > PATIENCE_MS) throw new Error('Chromium was not unpacked in time.');
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

function claim(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

/** Its font settings name /tmp, wherever they were unpacked, and without a single font Chromium ends. */
function pointToFonts(file: string): void {
  const settings = readFileSync(file, 'utf8');
  writeFileSync(file, settings.replaceAll(/>\/tmp\//g, `>${tmpdir()}/`));
}
