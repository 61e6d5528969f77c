/**
 * Which process made a temporary file, and whether it has ended for certain. Knows names, not files. A process that
 * cannot be seen from here (another machine's, another container's) is never taken for ended.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { errnoOf } from './system-error.ts'

/** `unknown`: nobody here can tell. */
export type ProcessState = 'running' | 'ended' | 'unknown'

export interface Processes {
  /** Marks what this process makes: `-`, digits and lower-case letters. `undefined` where processes cannot be told apart. */
  readonly own: string | undefined
  /** What became of the process with that mark; `ended` stays true for ever. */
  stateOf(mark: string): ProcessState
}

const HOST_DIGITS = 16
const MARK = /^([0-9a-f]{16})-([1-9][0-9]{0,6})-([0-9]{1,20})$/
/** Fields of `/proc/<pid>/stat` behind the name, which may itself hold blanks and brackets (proc_pid_stat(5)). */
const STATE_FIELD = 0
const START_FIELD = 19
/** It waits for its parent to ask for its status, and runs no more. */
const DEAD_STATES = ['Z', 'X', 'x']

/**
 * A mark is `<host>-<pid>-<start>`: a hash of all that makes a number of a process and a start time mean the same to two
 * processes (this boot of this machine, its name, the namespaces of both), the number, and the start in ticks since the boot,
 * which tells a process from an earlier one with its number. Linux alone says all this.
 */
export function systemProcesses(proc = '/proc'): Processes {
  let known: { readonly own: string | undefined } | undefined
  const ownMark = (): string | undefined => {
    known ??= { own: markIfCertain(proc) } // asked for once, and only by who writes
    return known.own
  }
  return {
    get own() {
      return ownMark()
    },
    stateOf: (mark) => {
      const [, host, pid, start] = MARK.exec(mark) ?? []
      if (host === undefined || host !== ownMark()?.slice(0, HOST_DIGITS)) return 'unknown'
      return stateOf(proc, Number(pid), start)
    },
  }
}

function markIfCertain(proc: string): string | undefined {
  try {
    return markOfThis(proc)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

function markOfThis(proc: string): string | undefined {
  const { pid } = process
  // A `/proc` of another pid namespace shows other processes under the numbers of ours.
  if (readlinkSync(`${proc}/self`) !== String(pid)) return undefined
  const boot = readFileSync(`${proc}/sys/kernel/random/boot_id`, 'latin1').trim()
  const namespaces = [readlinkSync(`${proc}/self/ns/pid`), timeNamespace(proc)]
  const host = createHash('sha256').update(['snapkeep process', hostname(), boot, ...namespaces].join('\0'))
  const start = readStat(proc, pid)?.start
  return start === undefined ? undefined : `${host.digest('hex').slice(0, HOST_DIGITS)}-${pid}-${start}`
}

/** Starts are told in the time of the namespace; before Linux 5.6 there is but one. */
function timeNamespace(proc: string): string {
  try {
    return readlinkSync(`${proc}/self/ns/time`)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    return ''
  }
}

function stateOf(proc: string, pid: number, start: string | undefined): ProcessState {
  if (!exists(pid)) return 'ended'
  const stat = readStat(proc, pid)
  // `/proc` may hide the processes of other users.
  if (stat === undefined) return 'running'
  return stat.start !== start || DEAD_STATES.includes(stat.state) ? 'ended' : 'running'
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== 'ESRCH'
  }
}

function readStat(proc: string, pid: number): { readonly state: string; readonly start: string } | undefined {
  let text: string
  try {
    text = readFileSync(`${proc}/${pid}/stat`, 'latin1')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const state = fields[STATE_FIELD]
  const start = fields[START_FIELD]
  return state === undefined || start === undefined ? undefined : { state, start }
}
