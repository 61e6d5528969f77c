/** One line of progress for a terminal of a given width. Pure: it knows no clock and no stream. */
import { displayWidth, keepEnd } from './display-width.ts'
import { clock, humanBytes, plural } from './human.ts'
import { safeText } from './safe-text.ts'

export type ProgressState = {
  readonly filesDone: number
  readonly bytesDone: number
  readonly filesTotal: number
  readonly bytesTotal: number
  /** Nothing more will be found, so a share and an end can be told. */
  readonly totalFinal: boolean
  /** Bytes per second lately; 0 where unknown. */
  readonly bytesPerSecond: number
  readonly current: string | undefined
}

const BAR_FROM_COLUMNS = 70
const BAR_COLUMNS = 20
const PATH_COLUMNS_MIN = 8
const ETA_SECONDS_MAX = 359_999

/** From 0 to 1: by bytes, by files where there are no bytes; 0 while the total is not known. */
export function shareDone(state: ProgressState): number {
  if (!state.totalFinal) return 0
  const { bytesTotal, bytesDone, filesTotal, filesDone } = state
  if (bytesTotal > 0) return Math.min(1, bytesDone / bytesTotal)
  return filesTotal > 0 ? Math.min(1, filesDone / filesTotal) : 0
}

/** Never wider than `columns` - 1, so that no terminal wraps it; parts are left out from the end where it is narrow. */
export function progressLine(state: ProgressState, columns: number): string {
  const room = Math.max(0, columns - 1)
  let line = ''
  for (const part of parts(state, columns)) {
    const longer = line === '' ? part : `${line}  ${part}`
    if (displayWidth(longer) > room) return line
    line = longer
  }
  const left = room - displayWidth(line) - 2
  if (state.current === undefined || left < PATH_COLUMNS_MIN) return line
  return `${line}  ${keepEnd(safeText(state.current), left)}`
}

/** The most important first. */
function parts(state: ProgressState, columns: number): string[] {
  const share = shareDone(state)
  const percent = state.totalFinal ? `${(Math.floor(share * 1000) / 10).toFixed(1)}%` : ''
  const bar = state.totalFinal && columns >= BAR_FROM_COLUMNS ? `${renderBar(share)} ` : ''
  const bytes = state.totalFinal
    ? `${humanBytes(state.bytesDone)} / ${humanBytes(state.bytesTotal)}`
    : `${humanBytes(state.bytesDone)}`
  const rate = state.bytesPerSecond > 0 ? `${humanBytes(state.bytesPerSecond)}/s` : ''
  return [bar + percent, bytes, rate, eta(state), plural(state.filesDone, 'file')].filter(Boolean)
}

function renderBar(share: number): string {
  const filled = Math.floor(share * BAR_COLUMNS)
  const head = filled < BAR_COLUMNS ? '>' : ''
  return `[${'='.repeat(filled)}${head}${' '.repeat(BAR_COLUMNS - filled - head.length)}]`
}

function eta(state: ProgressState): string {
  if (!state.totalFinal || state.bytesPerSecond <= 0) return ''
  const seconds = (state.bytesTotal - state.bytesDone) / state.bytesPerSecond
  return seconds >= 0 && seconds <= ETA_SECONDS_MAX ? `ETA ${clock(seconds)}` : ''
}
