/** One of the programs beside this file as a single script that Node runs, because Node 20 runs no TypeScript. */
import { join } from 'node:path'
import { build } from 'vite'
import { scratchDirectory } from './scratch.ts'

/** Returns the path of the script, which lasts as long as the test. */
export async function bundled(program: string): Promise<string> {
  const outDir = scratchDirectory()
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: new URL(program, import.meta.url).pathname,
      outDir,
      target: 'node20',
      rollupOptions: { output: { entryFileNames: 'program.mjs' } },
    },
  })
  return join(outDir, 'program.mjs')
}
