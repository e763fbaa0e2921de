// Compares the shipped dashboards with Grafana's types: writes each as a
// constant of the type and lets the compiler read it. A message has the line
// of out/NAME.check.ts where a field is unknown or a value not allowed.
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

const here = import.meta.dirname;
const shipped = join(here, '../json');
const out = join(here, 'out');
await mkdir(out, { recursive: true });

const files = (await readdir(shipped)).map((name) => join(out, `${basename(name, '.json')}.check.ts`));
for (const file of files) {
  const json = await readFile(join(shipped, basename(file).replace('.check.ts', '.json')), 'utf8');
  await writeFile(file, `import type { Shipped } from '../model';\nexport const shipped: Shipped = ${json};\n`);
}
const tsconfig = { extends: '../tsconfig.json', include: files.map((f) => basename(f)) };
await writeFile(join(out, 'tsconfig.json'), JSON.stringify(tsconfig));
const { status } = spawnSync('tsc', ['-p', out], { stdio: 'inherit', env: { ...process.env, PATH: `${join(here, 'node_modules/.bin')}:${process.env.PATH}` } });
process.exitCode = status;
console.log(status === 0 ? `${files.length} dashboards are as in Grafana's types` : 'a dashboard is not as in Grafana\'s types');
