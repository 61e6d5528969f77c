/**
 * Measures the tools on the trials, in turns, every step in a process of its own: `npm run bench` (snap and the floors),
 * `npm run bench:peers` (with restic and borg). `-- --help` prints the options.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { FLOOR } from './aims.ts'
import { machine } from './machine.ts'
import { borgWith } from './peers/borg.ts'
import { restic } from './peers/restic.ts'
import { chart } from './report/chart.ts'
import { OWN } from './report/figures.ts'
import { filled, sectionsOf } from './report/page.ts'
import type { Result, RunResult, TrialResult } from './result.ts'
import { bytesOf, filesBelow, runTrial } from './run-trial.ts'
import { floors } from './tools/floor.ts'
import { snapBy } from './tools/snap.ts'
import type { Tool } from './tools/tool.ts'
import { TRIALS, type Trial } from './trials.ts'

const HELP = `npm run bench -- --scratch DIR [options] [TREE...]

  --scratch DIR     where sources and repositories are made; best on a tmpfs of 16 GiB
  --trials A,B      ${TRIALS.map(({ name }) => name).join(', ')} (all)
  --tools A,B       ${['snap', 'floor', 'restic', 'borg', 'borg-zstd'].join(', ')} (snap,floor)
  --runs N          of each tool, in turns (5)
  --scale X         of the sizes of generated sources (1)
  --also NAME=NODE,CHECKOUT
                    another snap: as built in CHECKOUT, run by the Node at NODE (repeatable)
  --json FILE       write the figures of every run
  --render FILE     measure nothing, take the figures of an earlier --json
  --into FILE       put the tables into a document, between its marks
  --chart FILE      draw how the tools compare, as an SVG
  TREE...           versions of a source tree for many-small, oldest first`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', default: false },
    scratch: { type: 'string' },
    trials: { type: 'string', default: TRIALS.map(({ name }) => name).join() },
    tools: { type: 'string', default: `${OWN},${FLOOR}` },
    runs: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    also: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    render: { type: 'string' },
    into: { type: 'string' },
    chart: { type: 'string' },
  },
})

const TOOLS: Readonly<Record<string, Tool>> = {
  [OWN]: snapBy(process.execPath, '.'),
  [FLOOR]: floors,
  restic,
  borg: borgWith(),
  'borg-zstd': borgWith('--compression', 'zstd,3'),
}

function namedTools(): [string, Tool][] {
  const named = values.tools.split(',').map((name): [string, Tool] => [name, known(TOOLS[name], name)])
  const others = values.also.map((text): [string, Tool] => {
    const [, name = '', node = '', checkout = ''] = /^([^=]+)=([^,]+),(.+)$/.exec(text) ?? []
    return [known(name || undefined, text), snapBy(node, checkout)]
  })
  return [...named, ...others]
}

function known<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`${name} is not known; --help lists what is`)
  return value
}

const versionOf = ({ version }: Tool) => {
  const [program, ...args] = version()
  return execFileSync(program, args, { encoding: 'utf8' }).trim().split('\n')[0] ?? ''
}

function measureTrial(trial: Trial, tools: readonly [string, Tool][], place: string): TrialResult {
  const trees = positionals.map((tree) => resolve(tree))
  const versions = trial.corpus.make(join(place, 'versions'), { scale: Number(values.scale), trees })
  const runs: Record<string, RunResult[]> = Object.fromEntries(tools.map(([name]) => [name, []]))
  for (let run = 1; run <= Number(values.runs); run += 1)
    for (const [name, tool] of tools) {
      runs[name]?.push(runTrial({ tool, steps: trial.steps, versions, place: join(place, 'run') }))
      console.error(`${trial.name}: run ${run} of ${values.runs}: ${name}`)
    }
  const counted = versions.map(filesBelow).map((files) => ({ files: files.length, bytes: bytesOf(files) }))
  return { name: trial.name, description: trial.corpus.description, versions: counted, runs }
}

/** What measures the same elsewhere: places are left to the reader. */
function command(): string {
  const { tools, trials, runs, scale, also } = values
  const others = also.map((text) => ` --also ${text.replace(/=.*/, '')}=NODE,CHECKOUT`)
  const trees = positionals.map((_, index) => ` TREE${index + 1}`)
  return `npm run bench -- --scratch DIR --tools ${tools} --trials ${trials} --runs ${runs} --scale ${scale}${others.join('')}${trees.join('')}`
}

/** `keep` is given what there is after each trial: all of them take hours. */
function measure(scratch: string, keep: (result: Result) => void): Result {
  const tools = namedTools()
  const names = values.trials.split(',')
  const trials = names.map((name) =>
    known(
      TRIALS.find((trial) => trial.name === name),
      name,
    ),
  )
  mkdirSync(scratch, { recursive: true })
  const place = mkdtempSync(join(resolve(scratch), 'bench-'))
  const measured: TrialResult[] = []
  const result: Result = {
    command: command(),
    machine: machine(),
    versions: Object.fromEntries(tools.map(([name, tool]) => [name, versionOf(tool)])),
    trials: measured,
  }
  try {
    for (const trial of trials) {
      measured.push(measureTrial(trial, tools, join(place, trial.name)))
      rmSync(join(place, trial.name), { recursive: true })
      keep(result)
    }
    return result
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

function main(): void {
  if (values.help || (values.scratch === undefined && values.render === undefined)) {
    console.log(HELP)
    return
  }
  const keep = (result: Result): void => {
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`)
  }
  const result =
    values.render === undefined
      ? measure(values.scratch as string, keep)
      : (JSON.parse(readFileSync(values.render, 'utf8')) as Result)
  if (values.chart !== undefined) writeFileSync(values.chart, chart(result))
  const sections = sectionsOf(result)
  if (values.into === undefined) console.log(Object.values(sections).join('\n\n'))
  else writeFileSync(values.into, filled(readFileSync(values.into, 'utf8'), sections))
}

main()
