/** The tables of a result, in Markdown. */
import { AIMS, type Aim, FLOOR } from '../aims.ts'
import type { Result, TrialResult } from '../result.ts'
import {
  addedBytes,
  type Figure,
  figuresOf,
  OWN,
  peakBytes,
  ratio,
  seconds,
  spread,
  stepsOf,
  storedBytes,
} from './figures.ts'

import { table } from './markdown.ts'

const MB = 1e6

function timeCell(trial: TrialResult, tool: string, step: string): string {
  const times = figuresOf(trial, tool, step, seconds)
  if (times.length === 0) return ''
  const { median, least, most } = spread(times)
  const memory = spread(figuresOf(trial, tool, step, peakBytes)).median / MB
  return `${median.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)}), ${memory.toFixed(0)} MB`
}

function bytesCell(trial: TrialResult, tool: string, step: string, figure: Figure): string {
  const bytes = figuresOf(trial, tool, step, figure)
  return bytes.length === 0 ? '' : (spread(bytes).median / MB).toFixed(1)
}

const ratioCell = (value: number | undefined) => value?.toFixed(2) ?? ''

/** Seconds and memory of every step, then the bytes that are stored. */
export function trialTable(trial: TrialResult): string {
  const tools = Object.keys(trial.runs)
  const others = tools.filter((tool) => tool !== OWN)
  const steps = stepsOf(trial)
  const line = (name: string, cell: (tool: string) => string, step: string, figure: Figure) => [
    name,
    ...tools.map(cell),
    ...others.map((tool) => ratioCell(ratio(trial, step, figure, tool, OWN))),
  ]
  const times = steps.map((step) => line(step, (tool) => timeCell(trial, tool, step), step, seconds))
  const storing = steps.filter((step) => figuresOf(trial, OWN, step, storedBytes).length > 0)
  const stored = storing.map((step) =>
    line(`stored after: ${step}, MB`, (tool) => bytesCell(trial, tool, step, storedBytes), step, storedBytes),
  )
  return table(['step', ...tools, ...others.map((tool) => `${tool} / ${OWN}`)], [...times, ...stored])
}

const FIGURES: Readonly<Record<Aim['of'], Figure>> = {
  seconds,
  stored: storedBytes,
  added: addedBytes,
}

/** Every aim with what was reached; aims at what was not measured are left out. */
export function aimsTable(result: Result): string {
  const rows = AIMS.flatMap((aim) => {
    const trial = result.trials.find(({ name }) => name === aim.trial)
    const isFactor = aim.of === 'seconds' && aim.against !== FLOOR
    const [above, below] = isFactor ? [aim.against, OWN] : [OWN, aim.against]
    const reached = trial && ratio(trial, aim.step, FIGURES[aim.of], above, below)
    if (reached === undefined) return []
    const isMet = isFactor ? reached >= aim.bound : reached <= aim.bound
    const wanted = isFactor ? `at least ${aim.bound} x as fast` : `at most ${aim.bound} x`
    const what = aim.of === 'seconds' ? aim.step : `${aim.step}: bytes ${aim.of}`
    return [
      [
        aim.trial,
        what,
        aim.against,
        wanted,
        reached.toFixed(reached < 0.2 ? 3 : 2),
        isMet ? 'met' : '**not met**',
      ],
    ]
  })
  return table(['trial', 'step', 'against', 'wanted', 'reached', ''], rows)
}
