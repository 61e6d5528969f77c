/** Bundles the bench and its floors into bench/.built, because Node 20 does not run TypeScript. */
import { build } from 'esbuild'

await build({
  entryPoints: ['bench/main.ts', 'bench/floor.ts', 'bench/days.ts'],
  outdir: 'bench/.built',
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
})
