// Bundles the command line program and its threads from `src` into `bin`, one flat directory: loading a module for each of some 200
// small files took more than half of the start-up time. Packages stay outside. The library is what `tsc` leaves in `dist`.
import { rmSync } from 'node:fs'
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
