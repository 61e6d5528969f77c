// Bundles the command line program and its threads from `src` into `bin`, one flat directory: loading a module for each of some 200
// small files took more than half of the start-up time. Packages stay outside. The library is what `tsc` leaves in `dist`. From there
// the commands are taken for the pages of the manual, in `man`, which npm installs with the program.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { build } from 'esbuild'

const root = import.meta.dirname
const outdir = `${root}/bin`

rmSync(outdir, { recursive: true, force: true })
await build({
  absWorkingDir: root,
  entryPoints: [
    { in: 'src/main.ts', out: 'main' },
    ...['worker', 'restore', 'pack-check'].map((name) => ({
      in: `src/workers/${name}-main.ts`,
      out: `${name}-main`,
    })),
  ],
  outdir,
  bundle: true,
  // What a command imports when it needs it stays a file of its own.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.20',
  packages: 'external',
  minifyWhitespace: true,
  logLevel: 'warning',
})

const dist = (path) => import(new URL(`dist/${path}`, import.meta.url))
const { COMMANDS } = await dist('cli/commands/index.js')
const { buildProgram } = await dist('cli/program.js')
const { shapeOf } = await dist('cli/command-shape.js')
const { manualPages } = await dist('cli/manual/pages.js')

const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
const program = shapeOf(buildProgram(COMMANDS, { stdout: { write() {} } }, version))
rmSync(`${root}/man`, { recursive: true, force: true })
mkdirSync(`${root}/man`)
for (const [name, text] of manualPages(program, version)) writeFileSync(`${root}/man/${name}`, text)
