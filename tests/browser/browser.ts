import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium as playwright } from 'playwright-core';

/**
 * A real Chromium from npm. It reads which libraries to bring, and where to unpack itself, from the environment, so both are set
 * before it is loaded. What it has unpacked goes when the browser is closed.
 */
export async function openBrowser(): Promise<Browser> {
  const ground = mkdtempSync(join(tmpdir(), 'banyan-chromium-'));
  const executablePath = await unpackInto(ground);
  const browser = await playwright.launch({
    executablePath,
    // Not the package's own list: it turns web security off and puts all pages into one process, and neither is what people have.
    args: ['--no-sandbox', '--disable-background-networking', '--disable-gpu'],
    headless: true,
  });
  browser.once('disconnected', () => rmSync(ground, { recursive: true, force: true }));
  return browser;
}

async function unpackInto(folder: string): Promise<string> {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  process.env.AWS_LAMBDA_JS_RUNTIME ??= 'nodejs22.x';
  try {
    const { default: chromium } = await import('@sparticuz/chromium');
    return await chromium.executablePath();
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}
