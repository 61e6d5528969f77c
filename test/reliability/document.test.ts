import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Figure, isMet } from '../support/figures.ts'
import { DOCUMENT, readPublished, suiteFiles } from './publish.ts'
import { type Published, renderDocument, suiteOf } from './scorecard.ts'

const FIGURE: Figure = {
  tried: 'bits',
  count: 1_000,
  wrongly: 'missed',
  wrong: 1,
  target: { share: 0.999 },
}

const published = (figure: Figure, outcome: 'begun' | 'passed' | 'failed' = 'passed'): Published => ({
  't04-every-bit': {
    id: 'T4',
    outcome,
    date: '2025-01-02T03:04:05Z',
    node: 'v20.1.2',
    seconds: 3,
    figures: [figure],
    measures: [{ name: 'speed', value: 12_345.6, unit: 'bits/s' }],
    commit: 'abc',
    command: 'npm run test:reliability -- t04-every-bit',
  },
})

const FILES = ['t04-every-bit']

const rowOf = (text: string, id: string): string =>
  text.split('\n').find((line) => line.startsWith(`| ${id} `)) ?? ''

describe('docs/reliability.md', () => {
  it('is what docs/reliability.json renders to', () => {
    expect(readFileSync(DOCUMENT, 'utf8')).toBe(renderDocument(readPublished(), suiteFiles()))
  })
})

describe('the document', () => {
  it('says which suites were not run in full', () => {
    const text = renderDocument(published(FIGURE), FILES)
    expect(rowOf(text, 'T4')).toMatch(/\| met \|$/)
    expect(rowOf(text, 'T1')).toMatch(/\| not run \|$/)
    expect(text).toContain('| bits | 1,000 | 1 missed | at least 99.9 % right | met |')
    expect(text).toContain(
      'on 2025-01-02 at abc, Node 20.1.2, 3 s; `npm run test:reliability -- t04-every-bit`',
    )
    expect(text).toContain('speed 12,345.6 bits/s')
  })

  it('says where a target is not met', () => {
    const text = renderDocument(published({ ...FIGURE, wrong: 2 }), FILES)
    expect(rowOf(text, 'T4')).toMatch(/\*\*NOT met\*\* \|$/)
    expect(text).toContain('| bits | 1,000 | 2 missed | at least 99.9 % right | **NOT met** |')
    const few = renderDocument(published({ ...FIGURE, target: { count: 1_001, wrong: 1 } }), FILES)
    expect(few).toContain('| **NOT met**: too few tries |')
  })

  it('says which files of a suite were not run in full', () => {
    const text = renderDocument(published(FIGURE), ['t04-every-bit', 't04-some-bytes', 't05-processes'])
    expect(rowOf(text, 'T4')).toMatch(/\| in part: not `t04-some-bytes` \|$/)
    expect(text).toContain('\n0 of 15 met, 14 not run.')
  })

  it('knows the suites that there are', () => {
    expect(suiteFiles().length).toBeGreaterThan(15)
    expect(suiteFiles().map(suiteOf)).toContain('T14')
    expect(suiteOf('document')).toBeUndefined()
  })

  it('believes no suite that failed, that has no target, or that never ended', () => {
    const { target: _, ...untargeted } = FIGURE
    expect(rowOf(renderDocument(published(FIGURE, 'failed'), FILES), 'T4')).toContain('**NOT met**')
    expect(rowOf(renderDocument(published(untargeted), FILES), 'T4')).toContain('**NOT met**')
    expect(rowOf(renderDocument(published(FIGURE, 'begun'), FILES), 'T4')).toContain('**did not end**')
  })
})

describe('a target', () => {
  it('is met by as many tries and as few failures as it asks for', () => {
    const figure = { ...FIGURE, target: { count: 1_000, wrong: 1 } }
    expect(isMet(figure)).toBe(true)
    expect(isMet({ ...figure, count: 999 })).toBe(false)
    expect(isMet({ ...figure, wrong: 2 })).toBe(false)
    expect(isMet({ ...FIGURE, count: 999 })).toBe(false)
  })
})
