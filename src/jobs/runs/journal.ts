/**
 * The log of one run: JSON lines in a file of its own, private, bounded, and without secrets. It never makes a run fail: where it
 * cannot be written, that is told once.
 */
import { closeSync, openSync } from 'node:fs'
import { pino } from 'pino'
import { cutText } from '../../base/lines.ts'
import { makeDirectory } from '../../base/make-directory.ts'
import { withoutSecrets } from '../../base/without-secrets.ts'
import type { Clock } from '../../model/clock.ts'
import { messageOf } from '../../model/errors.ts'

/** What is written about a run while it runs. */
export type Journal = {
  /** What the run has come to: it is written also where the log is full. */
  readonly note: (text: string, more?: JournalFields) => void
  /** What is said meanwhile, also by others. */
  readonly remark: (text: string, more?: JournalFields) => void
  readonly warning: (text: string, more?: JournalFields) => void
  readonly failure: (text: string, more?: JournalFields) => void
}

export type JournalFields = Readonly<Record<string, string | number | boolean | undefined>>

export type JournalFile = Journal & Disposable

export type JournalOptions = {
  /** In every line. */
  readonly run: string
  readonly job: string
  readonly clock: Clock
  /** Never written: stars stand in their places. */
  readonly secrets: readonly string[]
  /** Told once, where the file cannot be written. */
  readonly failed: (reason: string) => void
  /** In place of 16 MiB. */
  readonly bytesMax?: number
}

/** Of a run that says the same of a million files the beginning tells enough. How it ended comes behind it. Bytes. */
const LOG_BYTES_MAX = 16_777_216
/** Of one text. */
const TEXT_CHARS_MAX = 16_384

/** Makes the file `path` (0600); `directory` (0700) is where it lies. */
export function openJournal(directory: string, path: string, options: JournalOptions): JournalFile {
  const { run, job, clock, secrets, failed, bytesMax = LOG_BYTES_MAX } = options
  let fd: number | undefined
  try {
    makeDirectory(directory, 0o700)
    fd = openSync(path, 'ax', 0o600)
  } catch (error) {
    failed(messageOf(error))
    return { note: nothing, remark: nothing, warning: nothing, failure: nothing, [Symbol.dispose]: nothing }
  }
  const file = pino.destination({ fd, sync: true })
  let isFailed = false
  file.on('error', (error: unknown) => {
    if (!isFailed) failed(messageOf(error))
    isFailed = true
  })
  const logger = pino(
    {
      base: { run, job },
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    file,
  )
  const clean = (text: string): string => cutText(withoutSecrets(text, secrets), TEXT_CHARS_MAX)
  let bytes = 0
  const write = (level: Level, text: string, more: JournalFields = {}): void => {
    if (isFailed) return
    const message = clean(text)
    const fields = Object.fromEntries(
      Object.entries(more).map(([key, value]) => [key, typeof value === 'string' ? clean(value) : value]),
    )
    logger[level](fields, message)
    bytes += LINE_BYTES + Buffer.byteLength(JSON.stringify([message, fields]))
  }
  let isFull = false
  const writeBounded = (level: Level, text: string, more?: JournalFields): void => {
    if (isFull) return
    isFull = bytes > bytesMax
    if (isFull) write('warn', 'the log is full: what else was said is left out')
    else write(level, text, more)
  }
  return {
    note: (text, more) => write('info', text, more),
    remark: (text, more) => writeBounded('info', text, more),
    warning: (text, more) => writeBounded('warn', text, more),
    failure: (text, more) => write('error', text, more),
    [Symbol.dispose]: () => {
      if (fd !== undefined) closeSync(fd)
      fd = undefined
      isFailed = true
    },
  }
}

type Level = 'info' | 'warn' | 'error'
/** What stands around message and fields: time, run, job. */
const LINE_BYTES = 120

const nothing = (): void => undefined
