// Draws the dashboards with Grafana's components and what a Prometheus holds,
// as pictures or, with --serve, as pages to look at.
import { build } from 'esbuild';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import puppeteer from 'puppeteer-core';

const here = import.meta.dirname;
const shipped = join(here, '../json');

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prometheus: { type: 'string', default: 'http://127.0.0.1:9090' },
    out: { type: 'string', default: join(here, 'out') },
    theme: { type: 'string', multiple: true, default: ['dark', 'light'] },
    from: { type: 'string' },
    to: { type: 'string' },
    var: { type: 'string', multiple: true, default: [] },
    panel: { type: 'string' }, // the title of the only one to draw
    width: { type: 'string', default: '1600' },
    height: { type: 'string' }, // of the picture, from the top; all by default
    format: { type: 'string', default: 'png' },
    serve: { type: 'boolean', default: false },
    chromium: { type: 'string', default: process.env.CHROMIUM ?? inPath('chromium', 'chromium-browser', 'google-chrome') },
  },
});

function inPath(...programs) {
  return programs.flatMap((p) => process.env.PATH.split(':').map((dir) => join(dir, p))).find(existsSync);
}

const bundle = join(here, 'out/page.js');
await build({
  entryPoints: [join(here, 'page/main.tsx')],
  bundle: true,
  outfile: bundle,
  format: 'esm',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.svg': 'empty', '.ttf': 'empty', '.woff2': 'empty', '.png': 'empty' },
  logLevel: 'error',
});

const page = '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/page.css"><div id="root"></div><script type="module" src="/page.js"></script>';

// Prometheus answers under the same address, so that no browser refuses it.
const server = createServer((asked, answer) => {
  const { pathname, search } = new URL(asked.url, 'http://localhost');
  const send = (file) => (existsSync(file) ? createReadStream(file).pipe(answer) : answer.writeHead(404).end());
  if (pathname.startsWith('/prometheus/')) {
    const to = flags.prometheus.replace(/\/$/, '') + pathname.slice('/prometheus'.length) + search;
    const forwarded = request(to, { method: asked.method, headers: { 'content-type': asked.headers['content-type'] ?? '' } }, (got) => {
      answer.writeHead(got.statusCode, { 'content-type': got.headers['content-type'] });
      got.pipe(answer);
    });
    forwarded.on('error', (e) => answer.writeHead(502).end(JSON.stringify({ status: 'error', error: `${to}: ${e.message}` })));
    asked.pipe(forwarded);
  } else if (pathname.startsWith('/dashboards/')) {
    send(join(shipped, basename(pathname)));
  } else if (pathname === '/page.js' || pathname === '/page.css') {
    answer.setHeader('content-type', pathname === '/page.js' ? 'text/javascript' : 'text/css');
    send(join(here, 'out', pathname));
  } else {
    answer.setHeader('content-type', 'text/html').end(page);
  }
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));

const names = (await readdir(shipped)).filter((f) => f.endsWith('.json')).map((f) => basename(f, '.json'));
const chosen = positionals.length > 0 ? positionals : names;
const address = (dashboard, theme) => {
  const parameters = new URLSearchParams({ dashboard, theme });
  for (const name of ['from', 'to']) {
    if (flags[name]) parameters.set(name, flags[name]);
  }
  for (const v of flags.var) {
    const at = v.indexOf('=');
    parameters.append('var-' + v.slice(0, at), v.slice(at + 1));
  }
  return `http://127.0.0.1:${server.address().port}/?${parameters}`;
};

if (flags.serve) {
  for (const name of chosen) {
    console.log(address(name, flags.theme[0]));
  }
} else {
  process.exitCode = await pictures();
  server.close();
}

// pictures draws all that is asked for and returns 1 if a panel could not be.
async function pictures() {
  await mkdir(flags.out, { recursive: true });
  const browser = await puppeteer.launch({ executablePath: flags.chromium, args: ['--no-sandbox', '--force-color-profile=srgb'] });
  let status = 0;
  for (const dashboard of chosen) {
    for (const theme of flags.theme) {
      const tab = await browser.newPage();
      tab.on('pageerror', (e) => console.error(`${dashboard}: ${e.message}`));
      await tab.setViewport({ width: Number(flags.width), height: 1000 });
      await tab.goto(address(dashboard, theme));
      await tab.waitForSelector('html[data-drawn]', { timeout: 180_000 });
      const height = await tab.evaluate(() => document.documentElement.scrollHeight);
      await tab.setViewport({ width: Number(flags.width), height });
      for (const failed of await tab.$$eval('[data-error]', (all) => all.map((e) => `${e.dataset.panel}: ${e.dataset.error}`))) {
        console.error(`${dashboard}: ${failed}`);
        status = 1;
      }
      const path = join(flags.out, `${dashboard}-${theme}.${flags.format}`);
      const clip = flags.height && { x: 0, y: 0, width: Number(flags.width), height: Number(flags.height) };
      const target = flags.panel ? await tab.$(`[data-panel=${JSON.stringify(flags.panel)}]`) : tab;
      await target.screenshot({ path, ...(clip && { clip }), ...(flags.format === 'png' ? {} : { quality: 85 }) });
      console.log(path);
      await tab.close();
    }
  }
  await browser.close();
  return status;
}
