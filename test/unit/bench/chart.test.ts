import { describe, expect, it } from 'vitest'
import { chart } from '../../../bench/report/chart.ts'
import type { Result, RunResult } from '../../../bench/result.ts'

const run = (...seconds: readonly (readonly [step: string, seconds: number, storedBytes?: number])[]) =>
  seconds.map(([step, took, storedBytes]) => ({
    step,
    seconds: took,
    processorSeconds: took,
    peakBytes: 1,
    ...(storedBytes === undefined ? {} : { storedBytes }),
  }))

function resultOf(runs: Readonly<Record<string, readonly RunResult[]>>): Result {
  return {
    command: 'bench',
    machine: { processor: 'p', cores: 2, memoryBytes: 1, system: 's', node: 'n', date: 'd' },
    versions: {},
    trials: [{ name: 'many <small>', description: '', versions: [], runs }],
  }
}

const result = resultOf({
  floor: [run(['first backup', 1])],
  restic: [run(['first backup', 9, 300], ['restore', 5]), run(['first backup', 30, 300], ['restore', 5])],
  snap: [run(['first backup', 3, 100], ['restore', 10]), run(['first backup', 6, 100], ['restore', 10])],
  borg: [run(['first backup', 60, 400]), run(['first backup', 120, 400])],
})

type Label = { x: number; y: number; kind: string; text: string }

const labelsOf = (svg: string): Label[] =>
  [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)" class="(\w+)"[^>]*>([^<]*)<\/text>/g)].map(
    ([, x, y, kind = '', text = '']) => ({ x: Number(x), y: Number(y), kind, text }),
  )
const textsOf = (svg: string, kind: string): string[] =>
  labelsOf(svg)
    .filter((label) => label.kind === kind)
    .map(({ text }) => text)

describe('the chart', () => {
  it('has a row for each step and a bar for each other tool, with the median of the ratios', () => {
    const svg = chart(result)
    expect(textsOf(svg, 'label')).toEqual(['first backup', 'restore', 'bytes after: first backup'])
    expect(textsOf(svg, 'number')).toEqual(['4.00', '20', '0.50', '3.00', '4.00'])
    expect(textsOf(svg, 'legend')).toEqual(['restic / snap', 'borg / snap'])
  })

  it('draws what took longer to the right of 1 and what was faster to the left', () => {
    const svg = chart(result)
    const one = Number(/x1="([\d.]+)"[^>]*class="one"/.exec(svg)?.[1])
    const bars = [...svg.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)" height="10" fill/g)]
      .slice(2)
      .map(([, x, width]) => [Number(x), Number(x) + Number(width)])
    expect(bars).toHaveLength(5)
    for (const [index, [from, to]] of bars.entries())
      expect(index === 2 ? to : from, `bar ${index}`).toBeCloseTo(one, 0)
  })

  it('gives every label and number room of its own', () => {
    const labels = labelsOf(chart(result)).filter(({ kind }) => ['label', 'number', 'heading'].includes(kind))
    for (const kind of ['label', 'number']) {
      const rows = labels.filter((label) => label.kind === kind).map(({ y }) => y)
      for (let row = 1; row < rows.length; row++)
        expect(rows[row]! - rows[row - 1]!).toBeGreaterThanOrEqual(12)
    }
    const height = Number(/viewBox="0 0 \d+ (\d+)"/.exec(chart(result))?.[1])
    expect(Math.max(...labels.map(({ y }) => y))).toBeLessThan(height)
    expect(Math.max(...labels.map(({ x }) => x))).toBeLessThan(800 - 20)
  })

  it('is readable on dark and on light', () => {
    expect(chart(result)).toContain('prefers-color-scheme: dark')
  })

  it('escapes what names hold', () => {
    expect(chart(result)).toContain('many &lt;small>')
  })

  it('is empty where there is nothing to compare with', () => {
    expect(chart(resultOf({ snap: [run(['first backup', 1])], floor: [run(['first backup', 1])] }))).toBe('')
  })
})
