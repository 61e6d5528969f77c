// Compiles `assembly/cut.ts` to `cut.wasm.ts`, which holds the WASM module as base64, so that it needs no file at
// run time and no bundler's help. Does nothing where the result is up to date.
import { createHash } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const SOURCE = new URL('assembly/cut.ts', import.meta.url)
const TARGET = new URL('cut.wasm.ts', import.meta.url)

const source = readFileSync(SOURCE, 'utf8')
const { version } = createRequire(import.meta.url)('assemblyscript/package.json')
const stamp = createHash('sha256')
  .update(version)
  .update(readFileSync(new URL(import.meta.url)))
  .update(source)
  .digest('hex')
const head = `// Made by build-wasm.mjs from assembly/cut.ts: ${stamp}\n`

if (!upToDate()) {
  const wasm = await compile()
  const text = `${head}export const CUT_WASM: string =\n  '${wasm.toString('base64')}'\n`
  // Another build may be running: whoever renames last leaves the same bytes.
  const fresh = new URL(`cut.wasm.ts.${process.pid}`, import.meta.url)
  writeFileSync(fresh, text)
  renameSync(fresh, TARGET)
}

function upToDate() {
  try {
    return readFileSync(TARGET, 'utf8').startsWith(head)
  } catch {
    return false
  }
}

async function compile() {
  const { default: asc } = await import('assemblyscript/asc') // a second and 100 MB, so only when needed
  let wasm
  const options = [
    '-O3',
    '--converge',
    '--noAssert',
    '--runtime',
    'stub',
    '--use',
    'abort=',
    '--outFile',
    'cut.wasm',
  ]
  const { error, stderr } = await asc.main(['cut.ts', ...options], {
    readFile: (name) => (name === 'cut.ts' ? source : null),
    writeFile: (name, contents) => {
      if (name === 'cut.wasm') wasm = Buffer.from(contents)
    },
    listFiles: () => [],
  })
  if (error) throw new Error(`assembly/cut.ts does not compile: ${stderr.toString()}`, { cause: error })
  return wasm
}
