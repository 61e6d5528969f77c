/** Bundles the benches and the floors into bench/.built, because Node 20 does not run TypeScript. */
import { build } from 'esbuild'

await build({
  entryPoints: [
    { in: 'bench/main.ts', out: 'main' },
    { in: 'bench/floor.ts', out: 'floor' },
    { in: 'bench/days.ts', out: 'days' },
    { in: 'bench/delayed.ts', out: 'delayed' },
    { in: 'bench/s3.ts', out: 's3' },
    { in: 'bench/micro/main.ts', out: 'micro' },
    { in: 'bench/scale/main.ts', out: 'scale' },
  ],
  outdir: 'bench/.built',
  bundle: true,
  platform: 'node',
  target: 'node20.20',
  format: 'esm',
  packages: 'external',
})
