/**
 * A database dumped every day, with delta segments and without: what is stored, and how long the newest and the oldest day take to
 * restore, as the days go by. `npm run bench:days -- --scratch DIR`.
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

const RESTORES = 3
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

function restoreSeconds(kind: Kind, snapshot: string): number {
  const seconds = Array.from({ length: RESTORES }, () => {
    const took = measured(snap(kind, 'restore', snapshot, '--target', target), cache(kind))
    rmSync(target, { recursive: true })
    return took.seconds
  })
  return median(seconds)
}

/** Days that are looked at: 1, 2, 7, then every month, and the last. */
const isLookedAt = (day: number): boolean => [1, 2, 7, days].includes(day) || day % 30 === 0
const days = Number(values.days)

const looks: object[] = []
try {
  for (const kind of KINDS) run(snap(kind, 'init'))
  const dumps = new DailyDumps('days', Number(values.rows))
  process.stdout.write(
    '| day | dump, MB | stored with deltas, MB | without | newest restored, s | without | oldest restored, s | without |\n',
  )
  process.stdout.write('| --- | --- | --- | --- | --- | --- | --- | --- |\n')
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
    const newest = KINDS.map((kind) => restoreSeconds(kind, 'latest'))
    const first = KINDS.map((kind) => restoreSeconds(kind, oldest.get(kind) as string))
    looks.push({ day, dumpBytes, stored, newest, first })
    const cells = [
      day,
      (dumpBytes / MB).toFixed(1),
      ...stored.map((bytes) => (bytes / MB).toFixed(2)),
      ...[...newest, ...first].map((seconds) => seconds.toFixed(2)),
    ]
    process.stdout.write(`| ${cells.join(' | ')} |\n`)
  }
  for (const kind of KINDS) run(snap(kind, 'verify', '--data'))
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(looks, null, 2)}\n`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
