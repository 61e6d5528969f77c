import { describe, expect, it } from 'vitest'
import { namesOf } from '../../../../src/jobs/config/names.ts'

const NOTHING = {
  repositories: [],
  jobs: [],
  drills: [],
  categories: [],
  types: [],
  sources: [],
  databases: [],
  clusters: [],
  channels: [],
}

describe('the names of a configuration', () => {
  it('are those of its jobs, categories, data types and sources', () => {
    const text = `
repositories: { local: { path: /r } }
sources: { bank: { postgres: { database: b } }, ledger: { sqlite: /x }, server: { postgres-cluster: {} }, docs: { files: [/etc] } }
categories:
  critical: { contracts: ['/a'], books: [ledger] }
  optional: { books: ['/b'] }
jobs: { nightly: { sources: [bank] }, weekly: }
drills: { trial: { job: nightly } }
`
    expect(namesOf(text)).toEqual({
      repositories: ['local'],
      jobs: ['nightly', 'weekly'],
      drills: ['trial'],
      categories: ['critical', 'optional'],
      types: ['contracts', 'books'],
      sources: ['bank', 'ledger', 'server', 'docs'],
      databases: ['bank', 'ledger', 'server'],
      clusters: ['server'],
      channels: [],
    })
  })

  it('are found in a file with problems and with variables that are not set', () => {
    const text = 'nonsense: 1\njobs:\n  nightly: { password: "${NEVER_SET}" }\n  daily: [\n'
    expect(namesOf(text)).toEqual({ ...NOTHING, jobs: ['nightly', 'daily'] })
  })

  it('leave out what is no name', () => {
    const text =
      'jobs: { "a b": {}, "-x": {}, "$(touch x)": {}, "*": {}, "a\\nb": {}, fine: {}, __proto__: {} }'
    expect(namesOf(text).jobs).toEqual(['fine'])
  })

  it.each([
    '',
    '- a\n- b',
    'jobs: 7',
    'jobs: [a]\nsources: text',
    '\0',
    '*x',
    '{',
    'a: &a [*a, *a]',
    '&a : *a',
  ])('are none in %j', (text) => {
    expect(namesOf(text)).toEqual(NOTHING)
  })

  it('are none in a tower of anchors', () => {
    const lines = Array.from({ length: 20 }, (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at}, `.repeat(9)}]`)
    expect(namesOf(`a0: &a0 x\n${lines.join('\n')}\njobs: *a20`)).toEqual(NOTHING)
  })
})
