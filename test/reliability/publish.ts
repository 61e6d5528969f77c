/** Before a full run: old results go. After it: those of the suites that ran replace their earlier ones in `docs/reliability.json`. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { resultsDirectory, type SuiteResult } from '../support/figures.ts'
import { type Published, renderDocument } from './scorecard.ts'

const ROOT = join(import.meta.dirname, '..', '..')
export const PUBLISHED: string = join(ROOT, 'docs', 'reliability.json')
export const DOCUMENT: string = join(ROOT, 'docs', 'reliability.md')

export function setup(): void {
  rmSync(resultsDirectory(true), { recursive: true, force: true })
}

export function teardown(): void {
  const directory = resultsDirectory(true)
  const fresh = existsSync(directory) ? readdirSync(directory) : []
  const commit = testedCommit()
  const published = new Map(Object.entries(readPublished()))
  for (const name of fresh) {
    const result = JSON.parse(readFileSync(join(directory, name), 'utf8')) as SuiteResult
    const file = name.replace(/\.json$/, '')
    published.set(file, { ...result, commit, command: `npm run test:reliability -- ${file}` })
  }
  const sorted = Object.fromEntries([...published].sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(PUBLISHED, `${JSON.stringify(sorted, null, 2)}\n`)
  writeFileSync(DOCUMENT, renderDocument(sorted))
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
