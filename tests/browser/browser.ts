import { type Browser, chromium as playwright } from 'playwright-core';

/** A real Chromium from npm. It reads which libraries to bring from the environment, so that is set before it is loaded. */
export async function openBrowser(): Promise<Browser> {
  process.env.AWS_LAMBDA_JS_RUNTIME ??= 'nodejs22.x';
  const { default: chromium } = await import('@sparticuz/chromium');
  return playwright.launch({
    executablePath: await chromium.executablePath(),
    // Not the package's own list: it turns web security off and puts all pages into one process, and neither is what people have.
    args: ['--no-sandbox', '--disable-background-networking', '--disable-gpu'],
    headless: true,
  });
}
