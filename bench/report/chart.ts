/** One picture of a result: how many times as much the others took as snap, step by step, as the text of an SVG. */
import { FLOOR } from '../aims.ts'
import type { Result, TrialResult } from '../result.ts'
import { type Figure, OWN, ratio, seconds, stepsOf, storedBytes } from './figures.ts'

const WIDTH = 800
const LABELS_WIDTH = 260
/** Right of the longest bar, for its number. */
const NUMBERS_WIDTH = 60
const MARGIN = 16
const BAR_HEIGHT = 12
const GROUP_GAP = 8
const HEADING_HEIGHT = 34
const HEAD_HEIGHT = 62
/** Of a character of the text, about; a legend may be looser than that, not tighter. */
const CHARACTER_WIDTH = 7.5
/** Octaves that are shown at least, below and above 1. */
const OCTAVES_MIN = [-1, 2] as const
/** More than these on the axis would run into each other. */
const TICKS_MAX = 9
/** As dark on white as they are light on black. */
const COLOURS = ['#2f81f7', '#d9730d', '#1a9c5b', '#a855d6', '#c73e5a', '#7a8290']

interface Group {
  readonly label: string
  /** By tool. */
  readonly ratios: ReadonlyMap<string, number>
}

interface Section {
  readonly heading: string
  readonly groups: readonly Group[]
}

/** Empty where nothing was compared with anything. */
export function chart(result: Result): string {
  const sections = result.trials.map(sectionOf).filter(({ groups }) => groups.length > 0)
  const all = sections.flatMap(({ groups }) => groups)
  const tools = [...new Set(all.flatMap(({ ratios }) => [...ratios.keys()]))]
  if (tools.length === 0) return ''
  const octaves = all.flatMap(({ ratios }) => [...ratios.values()].map(Math.log2))
  const scale = scaleOf(Math.min(...octaves), Math.max(...octaves))
  const colourOf = (tool: string) => COLOURS[tools.indexOf(tool) % COLOURS.length] as string
  const body: string[] = []
  let y = HEAD_HEIGHT
  for (const { heading, groups } of sections) {
    body.push(text(MARGIN, y + 22, heading, 'heading'))
    y += HEADING_HEIGHT
    for (const group of groups) {
      body.push(...groupAt(group, y, scale, colourOf))
      y += group.ratios.size * BAR_HEIGHT + GROUP_GAP
    }
  }
  const height = y + MARGIN
  const name = `How many times as much ${tools.join(', ')} took as ${OWN}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(name)}">
<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.heading { font-weight: 600; }
.number { font-size: 10px; }
line { stroke: #1f2328; stroke-opacity: 0.15; }
.one { stroke-opacity: 0.7; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } line { stroke: #e6edf3; } }
</style>
${[...legend(tools, colourOf), ...axis(scale, height), ...body].join('\n')}
</svg>
`
}

function sectionOf(trial: TrialResult): Section {
  const tools = Object.keys(trial.runs).filter((tool) => tool !== OWN && tool !== FLOOR)
  const group = (label: string, step: string, figure: Figure): Group[] => {
    const ratios = new Map(
      tools.flatMap((tool): [string, number][] => {
        const value = ratio(trial, step, figure, tool, OWN)
        return value === undefined || value <= 0 || !Number.isFinite(value) ? [] : [[tool, value]]
      }),
    )
    return ratios.size === 0 ? [] : [{ label, ratios }]
  }
  const steps = stepsOf(trial)
  const times = steps.flatMap((step) => group(step, step, seconds))
  const stored = steps.flatMap((step) => group(`bytes after: ${step}`, step, storedBytes))
  return { heading: trial.name, groups: [...times, ...stored] }
}

interface Scale {
  /** Of a number of octaves. */
  readonly x: (octave: number) => number
  readonly ticks: readonly number[]
}

function scaleOf(least: number, most: number): Scale {
  const from = Math.min(OCTAVES_MIN[0], Math.floor(least))
  const to = Math.max(OCTAVES_MIN[1], Math.ceil(most))
  const left = MARGIN + LABELS_WIDTH
  const width = WIDTH - left - NUMBERS_WIDTH - MARGIN
  const step = Math.ceil((to - from + 1) / TICKS_MAX)
  const ticks: number[] = []
  for (let octave = from; octave <= to; octave += 1) if (octave % step === 0) ticks.push(octave)
  return { x: (octave) => left + ((octave - from) / (to - from)) * width, ticks }
}

function groupAt(
  { label, ratios }: Group,
  y: number,
  { x }: Scale,
  colourOf: (tool: string) => string,
): string[] {
  const middle = y + (ratios.size * BAR_HEIGHT) / 2
  const parts = [text(MARGIN + LABELS_WIDTH - 10, middle + 4, label, 'label', 'end')]
  let at = y
  for (const [tool, value] of ratios) {
    const [one, end] = [x(0), x(Math.log2(value))]
    const left = Math.min(one, end)
    parts.push(
      `<rect x="${left.toFixed(1)}" y="${at + 1}" width="${Math.max(1, Math.abs(end - one)).toFixed(1)}" height="${BAR_HEIGHT - 2}" fill="${colourOf(tool)}"/>`,
      text(Math.max(one, end) + 5, at + BAR_HEIGHT - 2, said(value), 'number'),
    )
    at += BAR_HEIGHT
  }
  return parts
}

function axis({ x, ticks }: Scale, height: number): string[] {
  return ticks.flatMap((octave) => {
    const at = x(octave).toFixed(1)
    return [
      `<line x1="${at}" x2="${at}" y1="${HEAD_HEIGHT}" y2="${height - MARGIN}"${octave === 0 ? ' class="one"' : ''}/>`,
      text(x(octave), HEAD_HEIGHT - 8, octave < 0 ? `1/${2 ** -octave}` : `${2 ** octave}`, 'tick', 'middle'),
    ]
  })
}

function legend(tools: readonly string[], colourOf: (tool: string) => string): string[] {
  let at = MARGIN
  const parts: string[] = []
  for (const tool of tools) {
    const label = `${tool} / ${OWN}`
    parts.push(
      `<rect x="${at}" y="${MARGIN}" width="10" height="10" fill="${colourOf(tool)}"/>`,
      text(at + 15, MARGIN + 9, label, 'legend'),
    )
    at += 15 + label.length * CHARACTER_WIDTH + 20
  }
  const note = `longer to the right: ${OWN} is faster, or stores less`
  return [...parts, text(WIDTH - MARGIN, MARGIN + 9, note, 'note', 'end')]
}

const said = (value: number) => (value >= 10 ? value.toFixed(0) : value.toFixed(2))

function text(x: number, y: number, content: string, kind: string, anchor = 'start'): string {
  return `<text x="${x.toFixed(1)}" y="${y}" class="${kind}" text-anchor="${anchor}">${escaped(content)}</text>`
}

const escaped = (content: string) =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
