/**
 * A database dumped every day, with delta segments and without: what is stored, and how long it takes to restore and to dump the newest
 * day, to restore the oldest, and to verify all, as the days go by. `npm run bench:days -- --scratch DIR`.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { DailyDumps } from './corpora/dumps.ts'
import { measured } from './measured.ts'
import { median } from './report/figures.ts'
import { bytesOf, filesBelow } from './run-trial.ts'
import type { Command } from './tools/tool.ts'

const RUNS = 3
const MB = 1_000_000

const { values } = parseArgs({
  options: {
    scratch: { type: 'string' },
    days: { type: 'string', default: '365' },
    rows: { type: 'string', default: '50000' },
    json: { type: 'string' },
  },
})
if (values.scratch === undefined) {
  process.stderr.write(
    'npm run bench:days -- --scratch DIR [--days N] [--rows N, of the first day] [--json FILE]\n',
  )
  process.exit(2)
}
mkdirSync(values.scratch, { recursive: true })
const scratch = mkdtempSync(join(resolve(values.scratch), 'days-'))
const KINDS = ['with deltas', 'without'] as const
type Kind = (typeof KINDS)[number]

const source = join(scratch, 'source')
const target = join(scratch, 'target')
mkdirSync(source)
const repo = (kind: Kind): string => join(scratch, `repo-${KINDS.indexOf(kind)}`)
const cache = (kind: Kind): string => join(scratch, `cache-${KINDS.indexOf(kind)}`)

function snap(kind: Kind, ...args: readonly string[]): Command {
  const where = ['--repo', repo(kind), '--cache-dir', cache(kind), '--key-file', `${repo(kind)}.key`]
  return [process.execPath, 'bin/main.js', '-q', '--no-progress', ...where, ...args]
}

function run([program, ...args]: Command): string {
  return execFileSync(program, args, { encoding: 'utf8' })
}

/** Median, for each kind; the kinds in turn. */
function secondsOf(argsOf: (kind: Kind) => readonly string[]): number[] {
  const seconds = KINDS.map((): number[] => [])
  for (let run = 0; run < RUNS; run += 1) {
    for (const [index, kind] of KINDS.entries()) {
      seconds[index]?.push(measured(snap(kind, ...argsOf(kind)), cache(kind)).seconds)
      rmSync(target, { recursive: true, force: true })
    }
  }
  return seconds.map(median)
}

/** Days that are looked at: 1, 2, 7, then every month, and the last. */
const isLookedAt = (day: number): boolean => [1, 2, 7, days].includes(day) || day % 30 === 0
const days = Number(values.days)

const looks: object[] = []
try {
  for (const kind of KINDS) run(snap(kind, 'init'))
  const dumps = new DailyDumps('days', Number(values.rows))
  process.stdout.write(
    '| day | dump, MB | stored, MB | newest restored, s | newest dumped, s | oldest restored, s | all verified, s |\n',
  )
  process.stdout.write('| --- | --- | --- | --- | --- | --- | --- |\n')
  const oldest = new Map<Kind, string>()
  for (let day = 1; day <= days; day += 1) {
    if (day > 1) dumps.nextDay()
    dumps.write(join(source, 'dump.sql'))
    for (const kind of KINDS) {
      run(snap(kind, 'backup', source, ...(kind === 'without' ? ['--no-delta'] : [])))
      if (day === 1) oldest.set(kind, JSON.parse(run(snap(kind, 'snapshots', '--json')))[0].id)
    }
    if (!isLookedAt(day)) continue
    const dumpBytes = statSync(join(source, 'dump.sql')).size
    const stored = KINDS.map((kind) => bytesOf(filesBelow(repo(kind))))
    const newest = secondsOf(() => ['restore', 'latest', '--target', target])
    const dumped = secondsOf(() => ['dump', 'latest', join(source, 'dump.sql')])
    const first = secondsOf((kind) => ['restore', oldest.get(kind) as string, '--target', target])
    const verified = secondsOf(() => ['verify', '--data'])
    looks.push({ day, dumpBytes, stored, newest, dumped, first, verified })
    const cells = [
      day,
      (dumpBytes / MB).toFixed(1),
      stored.map((bytes) => (bytes / MB).toFixed(1)).join(' / '),
      ...[newest, dumped, first, verified].map((seconds) => seconds.map((one) => one.toFixed(2)).join(' / ')),
    ]
    process.stdout.write(`| ${cells.join(' | ')} |\n`)
  }
  for (const kind of KINDS) run(snap(kind, 'verify', '--data'))
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(looks, null, 2)}\n`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
