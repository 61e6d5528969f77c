/** How much of the processor and the disks this process may have while others want them. What it starts afterwards inherits it. */
import { setPriority } from 'node:os'
import { messageOf } from '../../model/errors.ts'
import { commandOutput } from '../sources/command-output.ts'

/** `idle`: only when nobody else wants the disk. */
export type IoClass = 'idle' | 'best-effort'

/** As `ionice` numbers them. */
const CLASS_NUMBER: Readonly<Record<IoClass, string>> = { 'best-effort': '2', idle: '3' }
const LOWEST = '7'
const TIMEOUT_MS = 10_000

export type Priority = {
  /** 0 to 19, the lowest. */
  readonly nice: number | undefined
  readonly ioClass: IoClass | undefined
}

/** Threads that run already keep theirs: to be called early. What the system refuses is a warning. */
export async function lowerPriority(
  { nice, ioClass }: Priority,
  warn: (text: string) => void,
): Promise<void> {
  try {
    if (nice !== undefined) setPriority(nice)
  } catch (error) {
    warn(`the priority cannot be lowered: ${messageOf(error)}`)
  }
  if (ioClass === undefined) return
  const level = ioClass === 'best-effort' ? ['-n', LOWEST] : []
  const argv = ['ionice', '-c', CLASS_NUMBER[ioClass], ...level, '-p', String(process.pid)] as const
  try {
    for await (const _ of commandOutput({ argv, timeoutMs: TIMEOUT_MS }, new AbortController().signal)) void _
  } catch (error) {
    warn(`the priority of reading and writing cannot be lowered: ${messageOf(error)}`)
  }
}
