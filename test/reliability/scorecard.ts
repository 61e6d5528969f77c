/** What there is to be shown (`SCORECARD`), and `docs/reliability.md` from the published results. It measures nothing. */
import { type Figure, isMet, type Measure, type SuiteId, type SuiteResult } from '../support/figures.ts'

/** The results of one test file of a suite in its last full run. */
export type PublishedResult = SuiteResult & {
  /** The commit that was tested, with `-dirty` where something in it was changed. */
  readonly commit: string
  /** What reproduces it. */
  readonly command: string
}

/** By the name of the test file. */
export type Published = { readonly [file: string]: PublishedResult }

type Row = {
  readonly title: string
  readonly target: string
  /** What a reader of the figures must know. */
  readonly remark?: string
}

export const SCORECARD: Readonly<Record<SuiteId, Row>> = {
  T1: {
    title: 'a kill at every operation that changes something',
    target: 'no snapshot lost, no manual step',
  },
  T2: {
    title: 'a power cut in every state that it can leave',
    target: 'nothing lost in at least 5,000 states',
  },
  T3: { title: 'a fault at every operation', target: 'exit status 0 means complete; no silent omission' },
  T4: {
    title: 'every single bit of a repository with an object of every kind',
    target: 'all noticed, never wrong plaintext',
    remark: 'A look opens the repository, runs `verify --data` and reads every file.',
  },
  T5: {
    title:
      'processes, killed and stopped at random; clients who come between each other at every storage call',
    target: 'at least 1,000 commits, none lost, none stuck',
  },
  T6: { title: 'faults of a remote storage', target: 'nothing lost in at least 10,000 simulated runs' },
  T7: { title: 'wrong clocks', target: 'nothing lost' },
  T8: {
    title: 'bits that flip in memory between the stages of a backup',
    target: 'at least 99.9 % caught before anything is reported as saved',
    remark:
      'Packs are not read back once the storage has taken them: what it changes itself is found by `snap verify --data`, and by nothing else until a restore needs it. Run that regularly.',
  },
  T9: {
    title: 'hostile repositories, made with valid keys',
    target: 'nothing written outside the target, at most 300 MB, a clear error within 10 s',
  },
  T10: { title: 'properties of log, manifest and collector', target: 'at least 10,000 sequences' },
  T11: {
    title: 'golden repositories of every version of the format',
    target: 'all restored byte for byte',
  },
  T12: {
    title: 'scale: real small files, and repositories that hold many chunks by their structure alone',
    target: 'at most 512 MiB of memory for backup, verify, prune and opening',
  },
  T13: { title: 'cryptography', target: 'no violation' },
  T14: {
    title: 'every decoder, fuzzed',
    target: 'no crash, hang or blow-up of memory in at least 1,000,000 executions each',
  },
  T15: {
    title: 'a stolen writer key',
    target: "all good snapshots restorable after the admin's default retention",
  },
}

const number = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 3 })

/** `T9` of `t09-hostile-keys`; `undefined` for what is no suite. */
export function suiteOf(file: string): SuiteId | undefined {
  const [, digits] = /^t(\d\d)-/.exec(file) ?? []
  return digits === undefined ? undefined : `T${Number(digits)}`
}

/** `files`: all that there are of the suites, without `.test.ts`. */
export function renderDocument(published: Published, files: readonly string[]): string {
  const results = Object.entries(published).map(([file, result]) => ({ file, ...result }))
  const ids = Object.keys(SCORECARD) as SuiteId[]
  const suites = ids.map((id) => {
    const missing = files.filter((file) => suiteOf(file) === id && published[file] === undefined)
    return { id, results: results.filter((result) => result.id === id), missing }
  })
  const met = suites.filter((suite) => verdict(suite) === 'met').length
  const notRun = suites.filter((suite) => suite.results.length === 0).length
  return `${[
    '# Reliability',
    '',
    'What the suites of `test/reliability` tried in their last full run, how often, and what went wrong. This page is generated',
    'from `reliability.json`, which `npm run test:reliability` writes (`npm test` runs the same suites at a smaller size). A suite',
    'that was not run in full yet says so, and so does a target that is not met: by what went wrong, or by too few tries. Each says',
    'at which commit it ran; what was changed since was tried at the smaller size only. Which test fails when a safeguard is taken away',
    'is in [mutants.md](mutants.md).',
    '',
    `${met} of ${ids.length} met, ${notRun} not run.`,
    '',
    '| | | target | |',
    '| --- | --- | --- | --- |',
    ...suites.map((suite) => {
      const { title, target } = SCORECARD[suite.id] as Row
      return `| ${suite.id} | ${title} | ${target} | ${verdict(suite)} |`
    }),
    ...suites.flatMap(({ id, results: own }) => (own.length === 0 ? [] : renderSuite(id, own))),
  ].join('\n')}\n`
}

function renderSuite(id: SuiteId, results: readonly ({ file: string } & PublishedResult)[]): string[] {
  const { title, remark } = SCORECARD[id] as Row
  return [
    '',
    `## ${id}: ${title}`,
    '',
    ...(remark === undefined ? [] : [remark, '']),
    '| tried | times | went wrong | target | |',
    '| --- | --- | --- | --- | --- |',
    ...results.flatMap(({ figures }) => figures.map(renderFigure)),
    ...results.flatMap(({ measures }) => (measures.length === 0 ? [] : ['', renderMeasures(measures)])),
    '',
    ...results.map(
      ({ file, outcome, date, node, commit, seconds, command }) =>
        `\`${file}\`: ${outcome === 'passed' ? 'ran' : outcome === 'failed' ? '**failed**' : '**did not end**'} on ${date.slice(0, 10)} at ${commit}, Node ${node.slice(1)}, ${number(seconds)} s; \`${command}\``,
    ),
  ]
}

function renderFigure(figure: Figure): string {
  const { tried, count, wrongly, wrong, target } = figure
  return `| ${tried} | ${number(count)} | ${number(wrong)} ${wrongly} | ${target === undefined ? '' : renderTarget(target)} | ${verdictOf(figure)} |`
}

function verdictOf(figure: Figure): string {
  const { count, target } = figure
  if (target === undefined) return ''
  if (isMet(figure)) return 'met'
  return isMet({ ...figure, count: Math.max(count, target.count ?? 0) })
    ? '**NOT met**: too few tries'
    : '**NOT met**'
}

function renderTarget({ count, wrong, share }: NonNullable<Figure['target']>): string {
  return [
    ...(count === undefined ? [] : [`at least ${number(count)} ${count === 1 ? 'time' : 'times'}`]),
    ...(wrong === undefined ? [] : [wrong === 0 ? 'none' : `at most ${number(wrong)}`]),
    ...(share === undefined ? [] : [`at least ${number(share * 100)} % right`]),
  ].join(', ')
}

function renderMeasures(measures: readonly Measure[]): string {
  return `Beside: ${measures.map(({ name, value, unit }) => `${name} ${number(value)} ${unit}`.trim()).join('; ')}.`
}

type Suite = { readonly results: readonly SuiteResult[]; readonly missing: readonly string[] }

function verdict({ results, missing }: Suite): string {
  if (results.length === 0) return 'not run'
  if (results.some(({ outcome }) => outcome === 'begun')) return '**did not end**'
  const judged = results.flatMap(({ figures }) => figures.filter(({ target }) => target !== undefined))
  const isFine = results.every(({ outcome }) => outcome === 'passed') && judged.every(isMet)
  if (!isFine || judged.length === 0) return '**NOT met**'
  return missing.length === 0 ? 'met' : `in part: not ${missing.map((file) => `\`${file}\``).join(', ')}`
}
