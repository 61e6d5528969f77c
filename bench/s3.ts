/**
 * Repositories in an S3 store on this machine, as near as it is and behind a network with a delay: snap beside restic, in turns.
 * What is stored stays there: some 3 GB with all that is measured by default.
 * `npm run bench:s3 -- --scratch DIR --store http://127.0.0.1:PORT/BUCKET`, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { incompressible, oneBig } from './corpora/big-files.ts'
import type { Corpus } from './corpora/corpus.ts'
import { manySmall } from './corpora/trees.ts'
import { measured } from './measured.ts'
import { restic } from './peers/restic.ts'
import { spread } from './report/figures.ts'
import { snapBy } from './tools/snap.ts'
import type { Command, Place, Tool } from './tools/tool.ts'

const { values } = parseArgs({
  options: {
    scratch: { type: 'string' },
    store: { type: 'string' },
    runs: { type: 'string', default: '3' },
    delays: { type: 'string', default: '0,20' },
    /** Those whose names have this in them. */
    sources: { type: 'string', default: '' },
  },
})
if (values.scratch === undefined || values.store === undefined) {
  process.stderr.write(
    'npm run bench:s3 -- --scratch DIR --store http://127.0.0.1:PORT/BUCKET [--runs N] [--delays MS,MS] [--sources WORD]\n',
  )
  process.exit(2)
}
mkdirSync(values.scratch, { recursive: true })
const scratch = mkdtempSync(join(resolve(values.scratch), 's3-'))
const { port, pathname } = new URL(values.store)
const bucket = pathname.slice(1)
const began = `${Date.now()}`

const TOOLS: Readonly<Record<string, Tool>> = { snap: snapBy(process.execPath, '.'), restic }
/** As many files, and as many bytes, as the row says. */
const SOURCES: Readonly<Record<string, { corpus: Corpus; scale: number }>> = {
  '10,000 small files': { corpus: manySmall, scale: 1 / 7 },
  'an image of 500 MB': { corpus: oneBig, scale: 477 / 2_048 },
  '500 MB of noise': { corpus: incompressible, scale: 477 / 2_048 },
}

/** The commands that are timed, in their order. */
function stepsOf(tool: Tool, place: Place, target: string): [string, Command | undefined][] {
  const backup = (kind: 'first' | 'unchanged') =>
    tool.backup(place, { kind, name: kind, previous: undefined })
  return [
    ['first backup', backup('first')],
    ['unchanged', backup('unchanged')],
    ['restore', tool.restore(place, target)],
    ['list snapshots', tool.list(place)],
  ]
}

async function delayed(delayMs: number): Promise<{ port: string; end: () => void }> {
  if (delayMs === 0) return { port, end: () => undefined }
  const program = fileURLToPath(new URL('delayed.js', import.meta.url))
  // Half of it there, half back.
  const child = spawn(process.execPath, [program, port, `${delayMs / 2}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await once(child.stdout, 'data')
  return { port: `${said}`.trim(), end: () => child.kill() }
}

/** Seconds of each step, by tool. */
function oneRun(name: string, source: string, at: string, run: number, took: Map<string, number[]>): void {
  for (const [tool, commands] of Object.entries(TOOLS)) {
    const own = join(scratch, `${tool}-${run}`)
    const place = {
      repo: `s3:http://127.0.0.1:${at}/${bucket}/${began}/${name.replaceAll(/\W/g, '-')}-${at}-${run}/${tool}`,
      cache: join(own, 'cache'),
      keyFile: join(own, 'key'),
      source,
    }
    mkdirSync(own)
    measured(commands.init(place), place.cache)
    for (const [step, command] of stepsOf(commands, place, join(own, 'target'))) {
      if (command === undefined) continue
      const key = `${name} | ${step} | ${tool}`
      took.set(key, [...(took.get(key) ?? []), measured(command, place.cache).seconds])
    }
    rmSync(own, { recursive: true, force: true })
  }
}

const told = (seconds: readonly number[]): string => {
  const { median, least, most } = spread(seconds)
  return `${median.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`
}

try {
  for (const { version } of Object.values(TOOLS)) {
    const [program, ...args] = version()
    process.stdout.write(execFileSync(program, args, { encoding: 'utf8' }))
  }
  process.stdout.write(
    '\n| source | step | round trip | snap, s | restic, s |\n| --- | --- | --- | --- | --- |\n',
  )
  for (const [name, { corpus, scale }] of Object.entries(SOURCES)) {
    if (!name.includes(values.sources)) continue
    const [source = ''] = corpus.make(join(scratch, `source-${name.replaceAll(/\W/g, '-')}`), {
      scale,
      trees: [],
    })
    for (const delayMs of values.delays.split(',').map(Number)) {
      const took = new Map<string, number[]>()
      const { port: at, end } = await delayed(delayMs)
      for (let run = 0; run < Number(values.runs); run += 1) oneRun(name, source, at, run, took)
      end()
      for (const [key, seconds] of took) {
        if (!key.endsWith('| snap')) continue
        const cells = [key.slice(0, -' | snap'.length), `${delayMs} ms`, told(seconds)]
        const other = took.get(key.replace(/snap$/, 'restic')) ?? []
        process.stdout.write(`| ${cells.join(' | ')} | ${told(other)} |\n`)
      }
    }
    rmSync(source, { recursive: true, force: true })
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
