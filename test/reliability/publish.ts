/**
 * Reports a full run. Before it, old results go; after it, those of the suites that ran replace their earlier ones in
 * `docs/reliability.json`. A suite of which tests were left out (`-t`) is not published; one that could not even be loaded is, as failed.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'
import { resultsDirectory, type SuiteId, type SuiteResult } from '../support/figures.ts'
import { type Published, renderDocument, suiteOf } from './scorecard.ts'

const ROOT = join(import.meta.dirname, '..', '..')
export const PUBLISHED: string = join(ROOT, 'docs', 'reliability.json')
export const DOCUMENT: string = join(ROOT, 'docs', 'reliability.md')

export class Publisher implements Reporter {
  onInit(): void {
    rmSync(resultsDirectory(true), { recursive: true, force: true })
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const commit = testedCommit()
    const published = new Map(Object.entries(readPublished()))
    for (const module of modules) {
      const file = basename(module.moduleId, '.test.ts')
      const id = suiteOf(file)
      if (id === undefined) continue
      if ([...module.children.allTests('skipped')].length > 0) {
        console.log(`${id}: not published, since tests of ${file} were left out`)
        continue
      }
      const result = readResult(file) ?? nothingOf(id)
      const outcome = module.state() === 'failed' && result.outcome === 'passed' ? 'failed' : result.outcome
      published.set(file, { ...result, outcome, commit, command: `npm run test:reliability -- ${file}` })
    }
    const sorted = Object.fromEntries([...published].sort(([a], [b]) => (a < b ? -1 : 1)))
    writeFileSync(PUBLISHED, `${JSON.stringify(sorted, null, 2)}\n`)
    writeFileSync(DOCUMENT, renderDocument(sorted, suiteFiles()))
  }
}

/** The test files of suites, without `.test.ts`. */
export function suiteFiles(): string[] {
  return readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => basename(name, '.test.ts'))
    .filter((file) => suiteOf(file) !== undefined)
    .sort()
}

function readResult(file: string): SuiteResult | undefined {
  const path = join(resultsDirectory(true), `${file}.json`)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as SuiteResult) : undefined
}

/** Of a suite that could not be loaded. */
function nothingOf(id: SuiteId): SuiteResult {
  const { version: node } = process
  return {
    id,
    outcome: 'failed',
    date: new Date().toISOString(),
    node,
    seconds: 0,
    figures: [],
    measures: [],
  }
}

export function readPublished(): Published {
  return existsSync(PUBLISHED) ? (JSON.parse(readFileSync(PUBLISHED, 'utf8')) as Published) : {}
}

/** What decides the results: sources, tests, and the versions of packages. */
const TESTED = ['src', 'test', 'package.json', 'package-lock.json']

function testedCommit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim()
  try {
    const dirty = git('status', '--porcelain', '--', ...TESTED) !== ''
    return git('rev-parse', '--short=12', 'HEAD') + (dirty ? '-dirty' : '')
  } catch {
    return 'an unknown commit'
  }
}
