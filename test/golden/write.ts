/**
 * Replaces test/golden/v1 and what lies beside it by a new one. From the root:
 *
 *     node -e "import('vite').then((vite) => vite.runnerImport('./test/golden/write.ts', { configFile: false, esbuild: { target: 'es2022' } }))"
 */
import { writeGolden } from './make.ts'

await writeGolden()
