/**
 * Takes one safeguard away at a time, in a copy of the tree, and runs the suites that should notice: `npm run test:mutants`
 * (some forty minutes on two cores), or with a regular expression for the names of some, or with `--missing` for those that were not caught yet. Writes
 * `docs/mutants.md`. What is not asked for keeps its result, with the commit that it was tried at, as long as the mutant is the same.
 */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { MUTANTS } from './mutant-list.mjs'

const ROOT = join(import.meta.dirname, '..', '..')
const RESULTS = join(import.meta.dirname, '.results', 'mutants.json')
const DOCUMENT = join(ROOT, 'docs', 'mutants.md')
const AT_ONCE = 2
const TIME_MS_MAX = 600_000
/** No catch: a mutant that does not compile proves nothing. */
const LOADS_NOT = 'does not load'

function copyOfTree() {
  const copy = mkdtempSync(join(process.env.SNAP_MUTANTS_DIR ?? tmpdir(), 'snapkeep-mutants-'))
  // A server of PostgreSQL runs as another user, and calls the program.
  chmodSync(copy, 0o755)
  for (const name of [
    'src',
    'test',
    'docs',
    'package.json',
    'tsconfig.json',
    'biome.json',
    'build.mjs',
    'README.md',
    'CHANGELOG.md',
  ])
    cpSync(join(ROOT, name), join(copy, name), {
      recursive: true,
      filter: (path) => !path.includes('.results'),
    })
  for (const name of ['node_modules', 'dist']) symlinkSync(join(ROOT, name), join(copy, name))
  for (const name of ['bin', 'man']) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  return copy
}

const needsProgram = ({ tests }) => tests.some((path) => path.startsWith('test/e2e/'))

/** The program from the sources of the copy, as it is run by those suites. */
function buildProgram(copy) {
  execFileSync(process.execPath, ['build.mjs'], { cwd: copy, stdio: 'ignore' })
}

/** The name of the first test that fails, `undefined` where all pass. */
async function firstFailure(copy, { tests, pattern }) {
  const report = join(copy, 'report.json')
  rmSync(report, { force: true })
  const args = [
    'run',
    '--config',
    'test/vitest.config.ts',
    '--reporter=json',
    `--outputFile=${report}`,
    '--bail=1',
    '--maxWorkers=1',
  ]
  if (pattern !== undefined) args.push('-t', pattern)
  const child = spawn(join(ROOT, 'node_modules', '.bin', 'vitest'), [...args, ...tests], {
    cwd: copy,
    stdio: 'ignore',
    detached: true,
  })
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    process.kill(-child.pid, 'SIGKILL')
  }, TIME_MS_MAX)
  await new Promise((resolve) => child.on('close', resolve))
  clearTimeout(timer)
  if (isLate) return { file: tests[0], name: 'does not come to an end' }
  if (!existsSync(report)) return { file: tests[0], name: LOADS_NOT }
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
  for (const { name, status, assertionResults } of testResults) {
    const failed = assertionResults.find((result) => result.status === 'failed')
    const file = name.slice(copy.length + 1)
    if (failed !== undefined) return { file, name: failed.fullName }
    if (status === 'failed') return { file, name: LOADS_NOT }
  }
  return undefined
}

async function tryMutant(copy, mutant) {
  const path = join(copy, mutant.file)
  const source = readFileSync(path, 'utf8')
  if (source.split(mutant.find).length !== 2) return { ...told(mutant), outcome: 'does not apply' }
  writeFileSync(
    path,
    source.replace(mutant.find, () => mutant.replace),
  )
  try {
    if (mutant.runs.some(needsProgram)) buildProgram(copy)
    for (const run of mutant.runs) {
      const caught = await firstFailure(copy, run)
      if (caught?.name === LOADS_NOT) return { ...told(mutant), outcome: LOADS_NOT }
      if (caught !== undefined) return { ...told(mutant), outcome: 'caught', by: caught }
    }
    return {
      ...told(mutant),
      outcome: mutant.survives === undefined ? 'SURVIVED' : 'survives',
      why: mutant.survives,
    }
  } finally {
    writeFileSync(path, source)
    if (mutant.runs.some(needsProgram)) buildProgram(copy)
  }
}

const git = (...args) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim()
const COMMIT = `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain', '--', 'src', 'test', 'package-lock.json') === '' ? '' : '-dirty'}`

/** Another mutant of the same name has another one. */
const fingerprintOf = ({ file, find, replace, runs }) =>
  createHash('sha256')
    .update(JSON.stringify([file, find, replace, runs]))
    .digest('hex')
    .slice(0, 16)

const told = (mutant) => {
  const { name, group, file, what } = mutant
  return { name, group, file, what, commit: COMMIT, fingerprint: fingerprintOf(mutant) }
}

function render(results) {
  const groups = [...new Set(MUTANTS.map(({ group }) => group))]
  const of = (outcome) => results.filter((result) => result.outcome === outcome).length
  const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  const verdict = ({ outcome, by, why }) =>
    outcome === 'caught'
      ? `\`${by.file}\`: ${by.name}`
      : outcome === 'survives'
        ? `survives: ${why}`
        : `**${outcome}**`
  return `${[
    '# Mutants',
    '',
    'Each line takes one safeguard away; the suite named beside it fails then. Generated by `npm run test:mutants`, which applies',
    'every mutant to a copy of the tree and runs the suites that should notice, all of which pass with nothing taken away.',
    '',
    `Tried at ${[...new Set(results.map(({ commit }) => `\`${commit}\``))].join(', ')}.`,
    '',
    `${results.length} of ${MUTANTS.length} mutants: ${of('caught')} caught, ${of('survives')} survive for the reason given, ${results.length - of('caught') - of('survives')} unexplained.`,
    ...groups.flatMap((group) => [
      '',
      `## ${group}`,
      '',
      '| file | without | caught by |',
      '| --- | --- | --- |',
      ...results
        .filter((result) => result.group === group)
        .map(
          (result) =>
            `| \`${result.file.replace(/^src\//, '')}\` | ${cell(result.what)} | ${cell(verdict(result))} |`,
        ),
    ]),
  ].join('\n')}\n`
}

const stored = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : {}
const before = Object.fromEntries(
  MUTANTS.map((mutant) => [mutant.name, stored[mutant.name], fingerprintOf(mutant)])
    .filter(([, result, fingerprint]) => result?.fingerprint === fingerprint)
    .map(([name, result]) => [name, result]),
)
const [asked] = process.argv.slice(2)
const isAsked = ({ name }) =>
  asked === '--missing'
    ? before[name]?.outcome !== 'caught'
    : asked === undefined || new RegExp(asked).test(name)
const queue = MUTANTS.filter(isAsked)
const results = { ...before }
const copies = Array.from({ length: AT_ONCE }, copyOfTree)

/** A suite that fails with nothing taken away would seem to catch everything. */
async function refuseRedSuites() {
  const runs = [
    ...new Map(queue.flatMap((mutant) => mutant.runs).map((run) => [JSON.stringify(run), run])).values(),
  ]
  const red = []
  await Promise.all(
    copies.map(async (copy) => {
      for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
        const failure = await firstFailure(copy, run)
        if (failure !== undefined) red.push(`${failure.file}: ${failure.name}`)
      }
    }),
  )
  if (red.length > 0) throw new Error(`these fail with nothing taken away:\n${red.join('\n')}`)
}

try {
  await refuseRedSuites()
  await Promise.all(
    copies.map(async (copy) => {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const started = performance.now()
        const result = await tryMutant(copy, mutant)
        results[mutant.name] = result
        mkdirSync(dirname(RESULTS), { recursive: true })
        writeFileSync(RESULTS, JSON.stringify(results, null, 1))
        const seconds = Math.round((performance.now() - started) / 1000)
        console.log(
          `${result.outcome}: ${mutant.name} (${seconds} s)${result.by ? ` by ${result.by.file}: ${result.by.name}` : ''}`,
        )
      }
    }),
  )
} finally {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true })
}
const known = MUTANTS.map(({ name }) => results[name]).filter((result) => result !== undefined)
writeFileSync(DOCUMENT, render(known))
if (known.some(({ outcome }) => outcome !== 'caught' && outcome !== 'survives')) process.exitCode = 1
